"""Two Regions with an identity provider, and people who have got role credentials through it."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import requests
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from Scripts.demo.browser import Browser
from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY, REGIONS, Cli, Cluster, Ports
from Scripts.demo.idp import IdentityProvider
from Scripts.demo.steps_setup import make_identities
from Scripts.demo.world import SESSION_COOKIE

# An account of a team, which is not where the keys are.
TEAM_ACCOUNT = "210000000001"
PEOPLE = ("nadia.osei@example.com", "jonas.berg@example.com")
MANAGED = "arn:aws:iam::aws:policy/"

# What a service that uses keys may do, and one thing that it must not.
KEY_USER_POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Resource": "*",
     "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]},
    {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {
        "StringEquals": {"kms:EncryptionContext:stage": "secret"}}},
]}

# permission set: options of the command line
PERMISSION_SETS = {
    "AdministratorAccess": ["--managed-policy", MANAGED + "AdministratorAccess"],
    "ReadOnlyAccess": ["--managed-policy", MANAGED + "ReadOnlyAccess"],
    "KeyPowerUser": ["--managed-policy", MANAGED + "AWSKeyManagementServicePowerUser"],
    "KeyUser": ["--inline-policy", "key-user.json"],
    "Unmodelled": ["--managed-policy", MANAGED + "job-function/NetworkAdministrator"],
}


@dataclass
class World:
    cluster: Cluster
    cli: Cli
    trust: Path
    idp: IdentityProvider
    tokens: dict[str, str] = field(default_factory=dict)
    sets: dict[tuple[str, str, str], dict] = field(default_factory=dict)
    # What rows leave for later ones.
    facts: dict = field(default_factory=dict)

    def portal(self, region: str) -> str:
        return self.cluster.portal(region)

    def sign_in(self, person: str, region: str = PRIMARY) -> str:
        """The session token of a browser that has gone through the IdP."""
        browser = Browser(str(self.trust))
        page = browser.sign_in(self.portal(region) + "/start", person)
        assert page.status == 200 and person in page.text, f"{page.url} {page.status} {page.text}"
        host = self.cluster.host(region)
        return next(cookie.value for cookie in browser.session.cookies
                    if cookie.name == SESSION_COOKIE and cookie.domain.lstrip(".") == host)

    def credentials(self, role: str = "AdministratorAccess", account: str = ACCOUNT,
                    person: str = PEOPLE[0]) -> dict:
        """Role credentials, taken once in the primary Region and used in both."""
        found = self.sets.get((person, account, role))
        if found is None:
            if person not in self.tokens:
                self.tokens[person] = self.sign_in(person)
            portal = boto3.client("sso", region_name=PRIMARY, endpoint_url=self.portal(PRIMARY),
                                  verify=str(self.trust))
            found = portal.get_role_credentials(
                accessToken=self.tokens[person], accountId=account, roleName=role)[
                    "roleCredentials"]
            self.sets[person, account, role] = found
        return found

    def session(self, region: str, role: str = "AdministratorAccess",
                **options: str) -> boto3.session.Session:
        keys = self.credentials(role, **options)
        return boto3.session.Session(
            region_name=region, aws_access_key_id=keys["accessKeyId"],
            aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys["sessionToken"])

    def client(self, service: str, region: str = PRIMARY, role: str = "AdministratorAccess",
               **options: str) -> BaseClient:
        """boto3 as it comes, told only where the Region is."""
        return self.session(region, role, **options).client(
            service, endpoint_url=self.portal(region), verify=str(self.trust),
            config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30))

    def kms(self, region: str = PRIMARY, role: str = "AdministratorAccess",
            **options: str) -> BaseClient:
        return self.client("kms", region, role, **options)

    def aws(self, *arguments: str, region: str = PRIMARY, role: str = "AdministratorAccess",
            credentials: dict | None = None) -> subprocess.CompletedProcess[str]:
        """The AWS CLI as it comes; only environment variables say where the Region is."""
        keys = credentials or self.credentials(role)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.cluster.directory),
            "PYTHONPATH": "", "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1", "AWS_CA_BUNDLE": str(self.trust),
            "AWS_ENDPOINT_URL": f"https://localhost:{self.cluster.ports.https(region)}",
            "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": keys["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["secretAccessKey"],
            "AWS_SESSION_TOKEN": keys["sessionToken"],
        }
        return subprocess.run(
            [sys.executable, "-m", "awscli", *arguments, "--output", "json"],
            capture_output=True, text=True, timeout=90, check=False, env=environment)

    def aws_json(self, *arguments: str, **options: str) -> dict:
        done = self.aws(*arguments, **options)
        assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr.strip()}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def events(self, region: str, name: str, seconds: int = 3_600) -> list[dict]:
        """CloudTrail records of one name, newest first."""
        listing = self.cli.json("trail", "list", "--event-name", name, region=region)
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
        records = [json.loads(event["cloudtrailJson"]) for event in listing.get("events", [])]
        return [record for record in records if record["eventTime"] >= since.strftime("%FT%TZ")]


def refused(code: str, call, *arguments, **options) -> ClientError:  # noqa: ANN001, ANN002, ANN003
    """Calls what must be refused with one exception; answers with it."""
    try:
        call(*arguments, **options)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found}, not {code}: {error}"
        return error
    raise AssertionError(f"not refused with {code}")


def expect(actual: object, wanted: object) -> None:
    assert actual == wanted, f"{actual}, not {wanted}"


def prepare(binary: Path, directory: Path, base: int) -> World:
    """Two Regions under one instance, whose key has a replica in the second."""
    cluster = Cluster(binary, directory, Ports(base))
    cluster.ports.require_free()
    make_identities(cluster, REGIONS)
    cluster.configure()
    for region in REGIONS:
        settings = json.loads(cluster.config_file(region).read_text())
        settings["trail"] = {"recordsKeyUse": True}
        cluster.config_file(region).write_text(json.dumps(settings))
    cli = Cli(cluster)
    idp = IdentityProvider(directory / "idp", cluster.ports.idp, list(PEOPLE))
    idp.serve()
    trust = directory / "trust.pem"
    trust.write_text((cluster.pki / "root.pem").read_text() + idp.tls_certificate.read_text())
    world = World(cluster, cli, trust, idp)
    try:
        for region in REGIONS:
            cluster.start(region)
        for region in REGIONS:
            cluster.wait_healthy(region)
        _instance(world)
        _people(world)
    except BaseException:
        stop(world)
        raise
    return world


def stop(world: World) -> None:
    world.cluster.stop()
    world.idp.stop()


def _instance(world: World) -> None:
    cli = world.cli
    cli("instance", "create", "--name", "Interop", "--identity-source", "external-idp")
    metadata = world.cluster.directory / "idp-metadata.xml"
    metadata.write_text(world.idp.metadata)
    cli("instance", "set-idp", "--metadata", str(metadata))
    cli("key", "create", "--multi-region", "--baseline-policy", "--alias", "alias/portolan")
    cli("instance", "update", "--kms-key", "alias/portolan")
    cli("key", "replicate", "alias/portolan", "--to", ADDITIONAL, "--baseline-policy")
    cli("region", "add", ADDITIONAL, timeout=120)
    own = requests.get(f"{world.portal(PRIMARY)}/saml/metadata", verify=str(world.trust),
                       timeout=10)
    own.raise_for_status()
    world.idp.trust(own.text)


def _people(world: World) -> None:
    cli = world.cli
    policy = world.cluster.directory / "key-user.json"
    policy.write_text(json.dumps(KEY_USER_POLICY))
    for person in PEOPLE:
        cli("user", "create", "--user-name", person)
    for account, name in ((ACCOUNT, "Management"), (TEAM_ACCOUNT, "Team")):
        cli("account", "put", account, "--name", name, "--email", f"{name.lower()}@example.com")
    for name, options in PERMISSION_SETS.items():
        where = [str(policy) if option == "key-user.json" else option for option in options]
        cli("permission-set", "create", name, *where)
        for person in PEOPLE:
            cli("assignment", "create", "--account", ACCOUNT, "--permission-set", name,
                "--user", person)
    cli("assignment", "create", "--account", TEAM_ACCOUNT, "--permission-set",
        "AdministratorAccess", "--user", PEOPLE[0])
