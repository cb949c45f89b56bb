"""The project's own clients in other languages: Python and C, as their users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .region import Region

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "Clients"
BUILD = ROOT / ".build" / "c"


def run(*command: object, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=120, check=False, env=os.environ | environment)
    assert done.returncode == status, f"{command[0]}: status {done.returncode}: " + (
        done.stderr + done.stdout)[-800:]
    return done


def build_python() -> None:
    run(sys.executable, CLIENTS / "generate.py")


def build_c() -> None:
    run("make", "-s", "-C", ROOT / "Sources" / "CPortolan", f"BUILD={BUILD}", "all", "example")


def python_calls(region: Region) -> str:
    """300 calls of 16 threads on one connection, and 1,000 of asyncio's."""
    script = f"""
import asyncio
from concurrent.futures import ThreadPoolExecutor
from portolan_client import Context, services
context, name = Context.load(), {region.user_name!r}
with context.client("directory") as client, ThreadPoolExecutor(16) as pool:
    find = lambda _: services.Directory(client).FindUser(user_name=name).user.user_name
    assert list(pool.map(find, range(300))) == [name] * 300
async def ask():
    async with context.async_client("directory") as client:
        directory = services.AsyncDirectory(client)
        return await asyncio.gather(*(directory.FindUser(user_name=name) for _ in range(1000)))
assert {{answer.user.user_name for answer in asyncio.run(ask())}} == {{name}}
"""
    run(sys.executable, "-c", script, PYTHONPATH=str(CLIENTS),
        PORTOLAN_CONTEXT=str(region.cluster.context))
    return "1,300 calls"


def python_examples(region: Region) -> str:
    """A streamed answer, a chain that is checked, and a write."""
    context = ("--context", region.cluster.context)
    events = run(sys.executable, CLIENTS / "examples" / "export_trail.py", *context).stdout
    assert "CreateUser" in events, events[:300]
    said = run(sys.executable, CLIENTS / "examples" / "disable_leaver.py", *context,
               region.user_name).stdout
    assert "is disabled" in said, said
    return f"{len(events.splitlines())} events exported, one person disabled"


def _identity(region: Region) -> tuple[Path, Path]:
    return region.cluster.pki / "operators" / "alice", region.cluster.pki / "root.pem"


def c_client(region: Region) -> str:
    identity, root = _identity(region)
    address = region.address("directory")
    where = (address, "portolan.demo", region.name)
    found = run(BUILD / "find_user", *where, identity, root, region.user_name).stdout.split()
    assert found == [region.user_id, region.user_name], found
    nobody = run(BUILD / "find_user", *where, identity, root, "nobody", status=1).stderr
    assert nobody.startswith("NOT_FOUND USER_NOT_FOUND"), nobody
    wrong = run(BUILD / "find_user", address, "portolan.demo", "eu-west-9", identity, root,
                region.user_name, status=1).stderr
    assert "WRONG_SERVER" in wrong, wrong
    return f"FindUser says {found[1]}"


def credentials_helper(region: Region) -> str:
    """Without a session there are no keys; with one: `make demo`, row M14."""
    session = region.directory / "session"
    session.write_text("not-a-session\n")
    command = (BUILD / "portolan-credentials", "--context", region.cluster.context,
               "--session-file", session, "--account", "210000000001", "--role", "ViewOnly",
               "--cache-directory", region.directory / "credentials")
    session.chmod(0o644)
    assert "mode 0600" in run(*command, status=1).stderr
    session.chmod(0o600)
    said = run(*command, status=1)
    assert not said.stdout, said.stdout
    assert "SESSION_INVALID" in said.stderr or "REGION" in said.stderr, said.stderr
    return said.stderr.strip().splitlines()[-1][:100]


def operator_keys(region: Region) -> str:
    """An operator's keys, fetched once and then kept, and good for the Region's AWS APIs."""
    command = (BUILD / "portolan-credentials", "--operator", "--context", region.cluster.context,
               "--cache-directory", region.directory / "operator-credentials")
    keys = json.loads(run(*command).stdout)
    assert keys["Version"] == 1 and keys["SecretAccessKey"] and keys["SessionToken"], keys
    assert json.loads(run(*command).stdout) == keys, "the second time they were others"
    fresh = json.loads(run(*command, "--no-cache").stdout)
    assert fresh["AccessKeyId"] != keys["AccessKeyId"], fresh
    return f"until {keys['Expiration']}"
