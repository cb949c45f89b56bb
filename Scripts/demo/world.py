"""What the steps of the story share: the Regions, the IdP, the organisation, the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from .browser import Browser, Page
from .cluster import ADDITIONAL, PRIMARY, REGIONS, TRUST_DOMAIN, Cli, Cluster
from .idp import IdentityProvider
from .organization import Organization, Person
from .rpc import Connection
from .verdict import Verdict

SESSION_COOKIE = "__Host-portolan-session"

ACCOUNTS = {  # number: name
    "210000000001": "Platform Production",
    "210000000002": "Platform Staging",
    "210000000003": "Sandbox",
    "210000000004": "Data Lake",
    "210000000005": "Billing",
    "210000000006": "Security Audit",
    "210000000007": "Network Hub",
    "210000000008": "Break Glass",
}

PERMISSION_SETS = {  # name: description, managed policy, session duration in seconds
    "AdministratorAccess": ("Everything", "AdministratorAccess", 3600),
    "PowerUserAccess": ("Everything but identities", "PowerUserAccess", 14400),
    "ViewOnlyAccess": ("Look, do not touch", "job-function/ViewOnlyAccess", 28800),
    "Billing": ("Bills and budgets", "job-function/Billing", 28800),
    "SecurityAudit": ("Configuration of everything", "SecurityAudit", 14400),
    "NetworkAdministrator": ("Networks", "job-function/NetworkAdministrator", 14400),
}

# group's name without the company: account, permission set
ASSIGNMENTS = [
    ("aws-platform-administrators", "210000000001", "AdministratorAccess"),
    ("aws-platform-administrators", "210000000002", "AdministratorAccess"),
    ("aws-production-readers", "210000000001", "ViewOnlyAccess"),
    ("aws-production-operators", "210000000001", "PowerUserAccess"),
    ("aws-staging-developers", "210000000002", "PowerUserAccess"),
    ("aws-sandbox-users", "210000000003", "PowerUserAccess"),
    ("aws-data-analysts", "210000000004", "ViewOnlyAccess"),
    ("aws-billing-readers", "210000000005", "Billing"),
    ("aws-security-auditors", "210000000006", "SecurityAudit"),
    ("aws-network-administrators", "210000000007", "NetworkAdministrator"),
    ("aws-break-glass", "210000000008", "AdministratorAccess"),
]

SUFFIX = {"okta": "meridian", "entra": "halcyon"}


@dataclass
class World:
    cluster: Cluster
    cli: Cli
    verdict: Verdict
    organization: Organization
    idp: IdentityProvider
    trust: Path
    # What steps leave for later ones.
    facts: dict = field(default_factory=dict)

    primary: str = PRIMARY
    additional: str = ADDITIONAL
    regions: tuple[str, ...] = REGIONS

    @property
    def engineer(self) -> Person:
        """Head of engineering at the company on Okta: reaches several accounts."""
        return self._head("okta", "Engineering")

    @property
    def mariner(self) -> Person:
        """Head of engineering at the company on Entra ID."""
        return self._head("entra", "Engineering")

    def _head(self, idp: str, department: str) -> Person:
        return next(p for p in self.organization.people
                    if p.idp == idp and p.department == department)

    @property
    def operator(self) -> Path:
        """Where the operator's certificate and key are."""
        return self.cluster.pki / "operators" / "alice"

    def directory(self, region: str) -> Connection:
        """A connection to the directory of a Region, as the operator."""
        return Connection(
            self.cluster.address(region, "directory"), self.operator,
            self.cluster.pki / "root.pem",
            f"spiffe://{TRUST_DOMAIN}/region/{region}/service/directory")

    def browser(self) -> Browser:
        return Browser(str(self.trust))

    def portal(self, region: str) -> str:
        return self.cluster.portal(region)

    def sign_in(self, region: str, person: Person, path: str = "/start") -> tuple[Browser, Page]:
        """A fresh browser that has gone through the IdP."""
        browser = self.browser()
        return browser, browser.sign_in(self.portal(region) + path, person.user_name)

    def landed(self, page: Page, region: str, person: Person) -> bool:
        """Whether a page is the portal of a Region, shown to a person."""
        return (page.status == 200 and page.url.startswith(self.portal(region) + "/")
                and person.user_name in page.text)

    def session_token(self, browser: Browser, region: str) -> str:
        host = self.cluster.host(region)
        for cookie in browser.session.cookies:
            if cookie.name == SESSION_COOKIE and cookie.domain.lstrip(".") == host:
                return cookie.value
        raise AssertionError(f"no {SESSION_COOKIE} cookie from {host}")

    def aws(self, service: str, region: str, **credentials: str) -> BaseClient:
        """boto3 as it comes, told only where the Region is."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.portal(region), verify=str(self.trust),
            aws_access_key_id=credentials.get("accessKeyId", "none"),
            aws_secret_access_key=credentials.get("secretAccessKey", "none"),
            aws_session_token=credentials.get("sessionToken"),
            config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=15))

    def role_credentials(self, region: str, token: str, account: str, role: str) -> dict:
        return self.aws("sso", region).get_role_credentials(
            accessToken=token, accountId=account, roleName=role)["roleCredentials"]

    def caller_identity(self, region: str, credentials: dict) -> dict:
        return self.aws("sts", region, **credentials).get_caller_identity()

    def group_name(self, idp: str, name: str) -> str:
        return f"{name}-{SUFFIX[idp]}"


def eventually(what: str, look: Callable[[], object], seconds: float = 15,
               pause: float = 0.1) -> object:
    """Asks again until the answer is true; the last answer or error is in the failure."""
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            last = look()
            if last:
                return last
        except (AssertionError, OSError) as failure:
            last = failure
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s, last: {last}")
        time.sleep(pause)


def events_named(listing: dict) -> list[str]:
    """The event names of `portolan trail list --json`."""
    return [entry.get("event", {}).get("eventName", "") for entry in listing.get("events", [])]
