"""The rows that need two Regions, keys, or the portal."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from ..demo import okta
from ..demo.organization import Person, generate
from ..demo.rpc import messages
from . import laggard
from .rows import Results
from .system import System

ACCOUNT, ROLE = "210000000001", "Operator"


def scim(system: System, results: Results) -> None:
    """As Okta posts users, from 64 connections."""
    def by() -> None:
        token = system.world.cli.json("scim-token", "create")
        people = generate(10_000).people
        bodies = system.cluster.directory / "scim.jsonl"
        bodies.write_text("".join(json.dumps(okta.user_body(p)) + "\n" for p in people))
        path = "/" + token["endpoint"].rstrip("/").split("/", 3)[3] + "/Users"
        done = system.load(
            "https", *_portal(system, system.world.primary), "--method", "POST", "--path", path,
            "--header", f"Authorization: Bearer {token['secret']}",
            "--header", "Content-Type: application/scim+json",
            "--bodies", bodies, "--expect", 201, timed=False)
        system.people += done["calls"]
        results.put("scim.create-user", done["perSecond"],
                    f"{done['calls']:,} users as Okta sends them, 64 connections, durable")

    results.measure("scim.create-user", by=by)


def _portal(system: System, region: str) -> list[str]:
    return ["--portal", system.world.portal(region), "--trust", str(system.world.trust)]


def keys(system: System, results: Results) -> None:
    def encrypt() -> None:
        done = system.load("calls", "encrypt", "--key", system.key)
        results.put("keys.encrypt", done["perSecond"],
                    f"256 bytes, 4 x 32, p99 {done['p99Microseconds']:.0f} us")

    def data_key() -> None:
        done = system.load("calls", "data-key", "--key", system.key)
        results.put("keys.generate-data-key", done["perSecond"],
                    f"32 bytes, 4 x 32, p99 {done['p99Microseconds']:.0f} us")

    def sign(row: str, kind: str, spec: str, peer: str) -> None:
        types = messages("keys.v1.keys")
        with system.connection("keys") as connection:
            key = connection.call(
                "keys.v1.KeyManagement/CreateKey", types.CreateKeyRequest(
                    key_spec=types.KeySpec.Value(spec),
                    key_usage=types.KEY_USAGE_SIGN_VERIFY),
                types.CreateKeyResponse()).key_metadata.key_id
        done = system.load("calls", kind, "--key", key)
        results.put(row, done["perSecond"],
                    "through RPC with the load generator on the same two cores; openssl speed is "
                    "one process by itself", "openssl speed", _openssl_signs(peer))

    results.measure("keys.encrypt", by=encrypt)
    results.measure("keys.generate-data-key", by=data_key)
    results.measure("keys.sign-p256", by=lambda: sign(
        "keys.sign-p256", "sign", "KEY_SPEC_ECC_NIST_P256", "ecdsap256"))
    results.measure("keys.sign-rsa-2048", by=lambda: sign(
        "keys.sign-rsa-2048", "sign-rsa", "KEY_SPEC_RSA_2048", "rsa2048"))


def policy(system: System, results: Results) -> None:
    def by() -> None:
        done = system.alone("policy")
        results.put("policy.evaluate", done["nanosecondsEach"] / 1_000,
                    "the baseline key policy, one thread, no cache")

    results.measure("policy.evaluate", by=by)


def _openssl_signs(algorithm: str) -> float:
    """Signatures a second of one process. +F2 is RSA, +F4 ECDSA; then kind, bits, signatures a
    second and verifications a second."""
    done = subprocess.run(["openssl", "speed", "-seconds", "3", "-mr", algorithm],
                          capture_output=True, text=True, timeout=60, check=True)
    for line in done.stdout.splitlines():
        if line.startswith(("+F2:", "+F4:")):
            return float(line.split(":")[3])
    raise RuntimeError("openssl speed printed no figure")


def add_region(system: System, results: Results) -> None:
    took: list[float] = []
    name = "replication.add-region-1m"
    results.measure(name, by=lambda: took.append(system.add_region()))
    if took:
        results.put(name, took[0], f"{system.people:,} users and their memberships, from the "
                    "command to the additional Region's directory serving them all")
    elif not results.wants(name):
        system.add_region()


class TwoRegions:
    """What is measured once both Regions serve."""

    def __init__(self, system: System, results: Results, behind: int) -> None:
        self.system, self.results, self.world = system, results, system.world
        self.behind = behind
        self.people: list[Person] = []

    def measure(self) -> None:
        measure = self.results.measure
        measure("replication.lag-p99", by=self._lag)
        if self.results.wants(
                "portal.saml-sign-in", "portal.role-credentials", "sessions.revocation-p99"):
            self._prepare()
        measure("portal.saml-sign-in", by=self._sign_in)
        measure("portal.role-credentials", by=self._credentials)
        measure("sessions.revocation-p99", by=self._revocation)
        measure("replication.laggard-cost", by=lambda: laggard.measure(
            self.system, self.results, self.behind))

    def _lag(self) -> None:
        # The Region was copied a moment ago: its files are still on their way to the disk.
        time.sleep(45)
        done = self.system.load("lag", "--other", self.world.additional, "--rate", 2000)
        reached = done["writesPerSecond"]
        if reached < 1_900:
            raise RuntimeError(f"only {reached:,.0f} of 2,000 writes/s were reached; p99 "
                               f"{done['p99Microseconds'] / 1e3:.1f} ms")
        self.results.put(
            "replication.lag-p99", done["p99Microseconds"] / 1e3,
            f"acknowledged in one Region to readable in the other, {reached:,.0f} writes/s, p50 "
            f"{done['p50Microseconds'] / 1e3:.1f} ms, {done['reads']:,} of them read")

    def _prepare(self) -> None:
        """People who may sign in, and a role for each."""
        system, cli = self.system, self.world.cli
        self.people = [person for person in generate(400).people if person.active]
        types = messages("directory.v1.directory")
        ids = []
        with system.connection("directory") as connection:
            for person in self.people:
                person.user_name = f"signer.{person.user_name}"
                ids.append(connection.call(
                    "directory.v1.Directory/CreateUser", types.CreateUserRequest(user=types.User(
                        user_name=person.user_name, display_name=person.display_name,
                        enabled=True, name=types.Name(given_name=person.given_name,
                                                      family_name=person.family_name))),
                    types.CreateUserResponse()).user.user_id)
            connection.call(
                "directory.v1.Directory/CreateGroup", types.CreateGroupRequest(
                    group=types.Group(display_name="Signers"), member_user_ids=ids),
                types.CreateGroupResponse())
        system.people += len(ids)
        cli("account", "put", ACCOUNT, "--name", "Production", "--email", "p@bench.example")
        cli("permission-set", "create", ROLE)
        cli("assignment", "create", "--account", ACCOUNT, "--permission-set", ROLE,
            "--group", "Signers")
        system.wait_open(self.world.additional, system.people)

    def _sign_in(self) -> None:
        count = 2_000
        consumer = next(c for c in self.world.idp.assertion_consumers()
                        if self.world.cluster.host(self.world.primary) in c)
        forms = self.system.cluster.directory / "assertions.txt"

        def make(number: int) -> str:
            page = self.world.idp.start(
                consumer, self.people[number % len(self.people)].user_name, minutes=None)
            found = re.search(r'name="SAMLResponse"\s+value="([^"]+)"', page)
            if found is None:
                raise RuntimeError("the identity provider gave no response")
            base64.b64decode(html.unescape(found[1]), validate=True)
            return urlencode({"SAMLResponse": html.unescape(found[1])})

        with ThreadPoolExecutor(2) as pool:
            forms.write_text("\n".join(pool.map(make, range(count))) + "\n")
        done = self.system.load(
            "https", *_portal(self.system, self.world.primary), "--method", "POST",
            "--path", "/saml/acs", "--header", "Content-Type: application/x-www-form-urlencoded",
            "--bodies", forms, "--expect", 303, timed=False)
        self.results.put(
            "portal.saml-sign-in", done["perSecond"],
            f"{done['calls']:,} signed assertions (RSA 2048), each posted once, to the session's "
            f"cookie; 64 connections, p99 {done['p99Microseconds'] / 1e3:.0f} ms")

    def _tokens(self, count: int) -> list[str]:
        return [self.world.session_token(
            self.world.sign_in(self.world.primary, person)[0], self.world.primary)
            for person in self.people[:count]]

    def _credentials(self) -> None:
        values = self.system.cluster.directory / "tokens.txt"
        values.write_text("\n".join(self._tokens(16)) + "\n")
        done = self.system.load(*self._credentials_load(self.world.primary, values), 64)
        self.results.put(
            "portal.role-credentials", done["perSecond"],
            f"64 connections of HTTP/1.1, each recorded in the trail first; "
            f"p99 {done['p99Microseconds'] / 1e3:.1f} ms")

    def _credentials_load(self, region: str, values: object) -> list[object]:
        return ["https", *_portal(self.system, region), "--path",
                f"/federation/credentials?account_id={ACCOUNT}&role_name={ROLE}",
                "--header", "x-amz-sso_bearer_token: {}", "--values", values, "--connections"]

    def _revocation(self) -> None:
        system, other = self.system, self.world.additional
        tokens = self._tokens(200)
        kept, ended = tokens[:8], tokens[8:]
        values = system.cluster.directory / "kept.txt"
        values.write_text("\n".join(kept) + "\n")
        sessions = system.cluster.directory / "sessions.txt"
        sessions.write_text("".join(f"{_session_id(t)} {t}\n" for t in ended))
        load = subprocess.Popen(
            [str(word) for word in (system.program, *self._credentials_load(other, values), 8,
                                    "--seconds", 60)], stdout=subprocess.DEVNULL)
        writes = subprocess.Popen(
            [str(word) for word in (
                system.program, "lag", "--other", other, "--rate", 500, "--every", 1_000_000,
                "--first", 20_000_000, "--seconds", 60, "--context", system.cluster.context,
                "--region", self.world.primary)], stdout=subprocess.DEVNULL)
        try:
            done = system.load("revoke", *_portal(system, other), "--sessions", sessions,
                               timed=False)
        finally:
            for process in (load, writes):
                process.terminate()
                process.wait(timeout=10)
        self.results.put(
            "sessions.revocation-p99", done["p99Microseconds"] / 1e3,
            f"{done['calls']} sessions, from the request in one Region to the refusal in the "
            f"other, p50 {done['p50Microseconds'] / 1e3:.0f} ms; meanwhile GetRoleCredentials as "
            "fast as 8 connections go and 500 writes/s")


def _session_id(token: str) -> str:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"]
