"""portolan-credentials: the AWS CLI and boto3 get a role's keys by a profile alone."""

from __future__ import annotations

import json
import os
import stat
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .world import World, events_named

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build" / "c"
ACCOUNT, ROLE = "210000000001", "AdministratorAccess"


def credential_process(world: World) -> None:
    """A profile whose credential_process is the helper, for a person who is signed in."""
    with world.verdict.step("A profile of the AWS CLI: credential_process", "M14"):
        subprocess.run(["make", "-s", "-C", ROOT / "Sources" / "CPortolan", f"BUILD={BUILD}"],
                       check=True, capture_output=True, timeout=300)
        region = world.primary
        browser, _ = world.sign_in(region, world.engineer)
        _session_file(world).write_text(world.session_token(browser, region) + "\n")
        _session_file(world).chmod(0o600)
        _write_profile(world)
        _issue_once(world, region)
        identity = _caller(world, region)
        world.verdict.check(
            "M14", "aws sts get-caller-identity --profile engineer is the person",
            identity.get("Account") == ACCOUNT
            and identity.get("Arn", "").endswith(world.engineer.user_name), identity)
        world.verdict.check("M14", "boto3 with the same profile is too",
                            _boto3(world, region) == identity.get("Arn"))
        _refusals(world)
        _quick(world)


def credential_process_in_outage(world: World, token: str) -> None:
    """While the primary is down: the helper asks it first and then the other Region."""
    _session_file(world).write_text(token + "\n")
    _session_file(world).chmod(0o600)
    done = _helper(world)
    keys = json.loads(done.stdout or "{}")
    world.verdict.check("M11", "portolan-credentials gets keys from the other Region",
                        keys.get("AccessKeyId", "").startswith("ASIA"), done.stderr)


def _directory(world: World) -> Path:
    directory = world.cluster.directory / "aws"
    directory.mkdir(exist_ok=True)
    return directory


def _session_file(world: World) -> Path:
    return _directory(world) / "session"


def _arguments(world: World, *more: str) -> list[str]:
    return [str(BUILD / "portolan-credentials"), "--context", str(world.cluster.context),
            "--session-file", str(_session_file(world)), "--account", ACCOUNT, "--role", ROLE,
            "--cache-directory", str(_directory(world) / "keys"), *more]


def _helper(world: World, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_arguments(world, *more), capture_output=True, text=True, timeout=60,
                          check=False)


def _write_profile(world: World) -> None:
    (_directory(world) / "config").write_text(
        f"[profile engineer]\ncredential_process = {' '.join(_arguments(world))}\n")


def _environment(world: World) -> dict[str, str]:
    """What the AWS tools are told. They are as they come, but for names that end in .localhost."""
    site = _directory(world) / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(
        f"import sys\nsys.path.append({str(ROOT)!r})\n"
        "from Scripts.demo import resolver\nresolver.install()\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"AWS_CONFIG_FILE": str(_directory(world) / "config"),
                   "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "engineer",
                   "AWS_CA_BUNDLE": str(world.trust), "AWS_EC2_METADATA_DISABLED": "true",
                   "PYTHONPATH": str(site)}


def _issue_once(world: World, region: str) -> None:
    """Twelve at once, as scripts do: one asks, the others wait for what it got."""
    check = world.verdict.check

    def issued() -> int:
        listing = world.cli.json("trail", "list", "--event-name", "GetRoleCredentials", "--all",
                                 region=region)
        return len(events_named(listing))

    before = issued()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: _helper(world), range(12)))
    keys = {json.loads(a.stdout)["AccessKeyId"] for a in answers if a.returncode == 0}
    check("M14", "twelve processes at once get the same keys",
          len(keys) == 1 and all(a.returncode == 0 for a in answers),
          [a.stderr for a in answers if a.stderr])
    check("M14", "and the Region has issued them once", issued() - before == 1)
    kept = [path for path in (_directory(world) / "keys").iterdir() if path.suffix == ".keys"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in kept}
    check("M14", "they are kept for this user alone",
          modes == {0o600} and stat.S_IMODE((_directory(world) / "keys").stat().st_mode) == 0o700,
          modes)


def _caller(world: World, region: str) -> dict:
    done = subprocess.run(
        [Path(sys.executable).parent / "aws", "sts", "get-caller-identity", "--output", "json",
         "--region", region, "--endpoint-url", world.portal(region)],
        capture_output=True, text=True, timeout=120, check=False, env=_environment(world))
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}


def _boto3(world: World, region: str) -> str:
    script = ("import boto3, sys\nsession = boto3.Session(profile_name='engineer', "
              "region_name=sys.argv[1])\nprint(session.client('sts', "
              "endpoint_url=sys.argv[2]).get_caller_identity()['Arn'])")
    done = subprocess.run([sys.executable, "-c", script, region, world.portal(region)],
                          capture_output=True, text=True, timeout=120, check=False,
                          env=_environment(world))
    return done.stdout.strip() or done.stderr


def _refusals(world: World) -> None:
    check = world.verdict.check
    other = _helper(world, "--account", "210000000008")
    check("M14", "a role that is not assigned gives no keys",
          other.returncode == 1 and not other.stdout, other.stdout + other.stderr)
    _session_file(world).chmod(0o644)
    readable = _helper(world, "--no-cache")
    _session_file(world).chmod(0o600)
    check("M14", "a session that others can read is not used",
          readable.returncode == 1 and "mode 0600" in readable.stderr, readable.stderr)


def _quick(world: World) -> None:
    """How long it takes with keys that are kept."""
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        _helper(world)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds) * 1000
    world.verdict.check("M14", f"kept keys are there in {median:.1f} ms, starting included",
                        median < 50)
