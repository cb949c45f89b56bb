"""`aws sso login` of the AWS CLI v2 as Debian has it, and what boto3 makes of a profile that is signed in."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import boto3
from Scripts.demo.browser import Browser
from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY
from Scripts.demo.steps_cli import Program, decide

from .world import PEOPLE, World, expect

AWS = "/usr/bin/aws"
VERSIONS = {"sso-oidc": "2019-06-10", "sso": "2019-06-10", "sts": "2011-06-15"}


def _home(world: World, region: str, session: str) -> tuple[Path, dict[str, str]]:
    """A home directory with a profile of an sso-session, and an environment for it."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=world.cluster.directory))
    folder = home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        f"[sso-session {session}]\nsso_start_url = {world.portal(region)}/start\n"
        f"sso_region = {region}\nsso_registration_scopes = sso:account:access\n"
        f"[profile engineer]\nsso_session = {session}\nsso_account_id = {ACCOUNT}\n"
        f"sso_role_name = AdministratorAccess\nregion = {region}\n")
    return home, {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "AWS_PAGER": "", "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CA_BUNDLE": str(world.trust),
    }


def _endpoint(world: World, region: str) -> str:
    return f"https://localhost:{world.cluster.ports.https(region)}"


def _override_endpoints(home: Path, url: str) -> None:
    """CLIs before 2.13 know no variable for endpoints, but look for rules in the home directory first."""
    names = {"Region": "AWS::Region", "UseDualStack": "AWS::UseDualStack", "UseFIPS": "AWS::UseFIPS",
             "Endpoint": "SDK::Endpoint", "UseGlobalEndpoint": "AWS::STS::UseGlobalEndpoint"}
    kinds = {name: "Boolean" if name.startswith("Use") else "String" for name in names}
    rules = {
        "version": "1.0",
        "parameters": {name: {"builtIn": built_in, "required": kinds[name] == "Boolean",
                              "documentation": name, "type": kinds[name],
                              **({"default": False} if kinds[name] == "Boolean" else {})}
                       for name, built_in in names.items()},
        "rules": [{"conditions": [], "type": "endpoint",
                   "endpoint": {"url": url, "properties": {}, "headers": {}}}]}
    for service, version in VERSIONS.items():
        folder = home / ".aws" / "models" / service / version
        folder.mkdir(parents=True)
        (folder / "endpoint-rule-set-1.json").write_text(json.dumps(rules))


def cli_login(world: World) -> str:
    """A person types it, and agrees in a browser; then the CLI is that person."""
    if not Path(AWS).exists():
        return "not run: no AWS CLI v2 here (apt-get install awscli)"
    home, environment = _home(world, PRIMARY, "company")
    _override_endpoints(home, _endpoint(world, PRIMARY))
    login = subprocess.Popen(
        [AWS, "sso", "login", "--sso-session", "company", "--no-browser"], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer = threading.Timer(90, login.kill)
    timer.start()
    said = ""
    try:
        for line in login.stdout:
            said += line
            found = re.search(r"https://\S+user_code=[A-Z-]+", said)
            if found:
                break
        else:
            raise AssertionError(said)
        browser = Browser(str(world.trust))
        page = browser.sign_in(found[0], PEOPLE[0])
        done = decide(browser, page, "/device", "allow")
        assert "is signed in" in done.text, done.text
        said += login.stdout.read()
        expect(login.wait(timeout=60), 0)
    finally:
        timer.cancel()
        login.kill()
    who = subprocess.run(
        [AWS, "sts", "get-caller-identity", "--profile", "engineer", "--output", "json"],
        env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert who.returncode == 0, who.stderr
    identity = json.loads(who.stdout)
    expect(identity["Account"], ACCOUNT)
    assert identity["Arn"].endswith(PEOPLE[0]), identity
    # And out again: the token is refused from then on.
    cache = next(path for path in (home / ".aws/sso/cache").glob("*.json")
                 if "accessToken" in path.read_text())
    token = json.loads(cache.read_text())["accessToken"]
    out = subprocess.run([AWS, "sso", "logout"], env=environment, capture_output=True, text=True,
                         timeout=90, check=False)
    assert out.returncode == 0, out.stderr
    left = world.aws("sso", "list-accounts", "--access-token", token)
    assert "UnauthorizedException" in left.stderr, left
    shutil.rmtree(home)
    version = subprocess.run([AWS, "--version"], capture_output=True, text=True, timeout=60,
                             check=False, env=environment).stdout.split()[0]
    return version


def refreshed_profile(world: World) -> str:
    """boto3 renews the token of an sso-session by itself, here in the other Region."""
    oidc = boto3.client("sso-oidc", region_name=PRIMARY, endpoint_url=world.portal(PRIMARY),
                        verify=str(world.trust))
    program = Program(oidc, world.portal(PRIMARY))
    browser = Browser(str(world.trust))
    tokens = program.exchange(program.ask(browser, PEOPLE[0])["code"])
    home, environment = _home(world, ADDITIONAL, "elsewhere")
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    now = datetime.datetime.now(datetime.UTC)

    def stamp(minutes: int) -> str:
        return (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")

    file = cache / (hashlib.sha1(b"elsewhere", usedforsecurity=False).hexdigest() + ".json")
    file.write_text(json.dumps({
        "startUrl": world.portal(ADDITIONAL) + "/start", "region": ADDITIONAL,
        "accessToken": tokens["accessToken"], "expiresAt": stamp(5),
        "refreshToken": tokens["refreshToken"], **program.known,
        "registrationExpiresAt": stamp(60)}))
    code = ("import boto3; s = boto3.Session(profile_name='engineer'); "
            "print(s.client('sts').get_caller_identity()['Arn'])")
    done = subprocess.run(
        [os.environ.get("PYTHON", shutil.which("python3", path=str(
            Path(__file__).parents[3] / ".venv/bin"))), "-c", code],
        env={**environment, "AWS_ENDPOINT_URL": _endpoint(world, ADDITIONAL)},
        capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(PEOPLE[0]), done.stdout
    renewed = json.loads(file.read_text())
    assert renewed["accessToken"] != tokens["accessToken"], "the token was not renewed"
    shutil.rmtree(home)
    return f"renewed until {renewed['expiresAt']}"


ROWS = [
    ("aws sso login, get-caller-identity, aws sso logout", cli_login),
    ("boto3 renews an sso-session in the other Region", refreshed_profile),
]
