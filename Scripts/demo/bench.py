"""What can be measured of a running pair of Regions: `make bench`.

Writes one row per figure to bench.json: name, value, unit, target, note. Calls are made by
portolan-bench on the same machine; what goes over HTTPS is driven from Python and says so: those
figures are lower bounds. Rows that nothing measures yet are listed as such.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from . import resolver
from .__main__ import PROJECT, demo_directory, prepare
from .cluster import Cluster, DemoError, Ports
from .okta import user_body
from .organization import generate
from .rpc import Directory
from .scim import ScimClient, in_parallel
from .steps_setup import connect_idp
from .verdict import Verdict
from .world import World

TARGETS = {  # name: target, unit
    "rpc.get-user.native": (400_000, "calls/s"),
    "rpc.get-user.latency": (None, "us"),
    "rpc.get-user.grpc": (None, "calls/s"),
    "permission.access": (50_000, "calls/s"),
    "directory.create-user": (10_000, "users/s"),
    "scim.create-user": (3_000, "users/s"),
    "log.append": (20_000, "entries/s"),
    "replication.lag-p99": (20, "ms"),
    "replication.add-region-1m": (60, "s"),
    "restart-1m": (3, "s"),
    "keys.encrypt": (150_000, "calls/s"),
    "keys.sign-p256": (None, "calls/s"),
    "portal.role-credentials": (8_000, "calls/s"),
    "portal.saml-sign-in": (1_000, "sign-ins/s"),
    "sessions.revocation-p99": (1_000, "ms"),
    "memory.directory-1m": (1_200, "MB"),
    "memory.idle-service": (40, "MB"),
    "start.empty": (300, "ms"),
}


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def measure(world: World) -> dict[str, tuple[float, str]]:
    """Figures by name, each with what it says and what it does not."""
    rows: dict[str, tuple[float, str]] = {}
    cluster = world.cluster
    sizes = [resident_mb(p.pid) for p in cluster.processes.values()]
    rows["memory.idle-service"] = (max(sizes), "largest of ten services with an empty instance")
    rows["start.empty"] = (_start(world), "kill -9 to health of the directory, empty instance")
    world.cli("instance", "create", "--name", "Bench", "--identity-source", "external-idp")
    connect_idp(world)
    _join(world)
    count = int(os.environ.get("BENCH_PEOPLE", "2000"))
    rows["scim.create-user"] = (_scim(world, count), "Python client, 8 connections")
    rows |= _calls(world)
    if "rpc.get-user.latency" not in rows:
        rows["rpc.get-user.latency"] = (
            statistics.median(_get_user(world)) * 1e6,
            "p50 at 1 x 1, Python client: most of it is Python")
    lag = _lag(world)
    rows["replication.lag-p99"] = (
        percentile(lag, 0.99) * 1e3,
        f"write acknowledged to readable elsewhere, {len(lag)} writes one by one, not under load")
    return rows


def _calls(world: World) -> dict[str, tuple[float, str]]:
    """What portolan-bench measures, where it is built."""
    program = world.cluster.binary.parent / "portolan-bench"
    if not program.exists():
        print("portolan-bench is not built: calls are not measured.")
        return {}
    user, key = world.facts["people"][0].user_id, world.facts["bench key"]
    people = len(world.facts["people"])
    wanted = {
        "rpc.get-user.native": (("get-user",), "perSecond", f"4 x 32, {people} people"),
        "rpc.get-user.latency": (
            ("get-user", "--connections", "1", "--in-flight", "1", "--threads", "1"),
            "p50Microseconds", "p50 at 1 x 1"),
        "permission.access": (
            ("calls", "access", "--user", user), "perSecond", "a person without groups"),
        "directory.create-user": (
            ("fill", "--users", os.environ.get("BENCH_USERS", "20000"), "--first", "1000000"),
            "perSecond", "64 callers, durable, replicated to a second Region"),
        "log.append": (
            ("log", "--identity", "portal", "--records", "1"), "perSecond",
            "64 callers, one record each, durable"),
        "keys.encrypt": (
            ("calls", "encrypt", "--key", key), "perSecond", "256 bytes, 64 callers"),
    }
    rows = {}
    seconds = ["--seconds", os.environ.get("BENCH_SECONDS", "5")]
    for name, (arguments, figure, note) in wanted.items():
        done = subprocess.run(
            [program, *arguments, "--context", world.cluster.context,
             "--region", world.primary, *([] if arguments[0] == "fill" else seconds)],
            capture_output=True, text=True, timeout=300, check=False)
        try:
            result = json.loads(done.stdout.strip().splitlines()[-1])
            errors = f", {result['errors']} errors" if result.get("errors") else ""
            rows[name] = (result[figure], note + errors)
        except (ValueError, KeyError, IndexError):
            print(f"{name}: {(done.stderr or done.stdout).strip()[-300:]}")
    return rows


def _start(world: World) -> float:
    process = world.cluster.processes[world.additional, "directory"]
    process.kill()
    process.wait()
    began = time.monotonic()
    world.cluster.start(world.additional, ("directory",))
    world.cluster.wait_healthy(world.additional, 20, ("directory",))
    return (time.monotonic() - began) * 1e3


def _join(world: World) -> None:
    key = world.cli.json("key", "create", "--multi-region", "--baseline-policy")[
        "keyMetadata"]["keyId"]
    world.facts["bench key"] = key
    world.cli("instance", "update", "--kms-key", key)
    world.cli("key", "replicate", key, "--to", world.additional, "--baseline-policy")
    world.cli("region", "add", world.additional, timeout=120)


def _scim(world: World, count: int) -> float:
    token = world.cli.json("scim-token", "create")
    people = generate().people[:count]

    def make() -> ScimClient:
        return ScimClient(token["endpoint"].rstrip("/"), token["secret"], str(world.trust), "Bench")

    def create(client: ScimClient, person) -> None:  # noqa: ANN001
        person.user_id = client.send("POST", "/Users", user_body(person))["id"]

    began = time.monotonic()
    in_parallel(people, 8, make, create)
    world.facts["people"] = people
    return count / (time.monotonic() - began)


def _get_user(world: World) -> list[float]:
    with world.directory(world.primary) as connection:
        directory = Directory(connection)
        request = directory.types.GetUserRequest(user_id=world.facts["people"][0].user_id)
        took = []
        for _ in range(3000):
            began = time.perf_counter()
            connection.call("directory.v1.Directory/GetUser", request,
                            directory.types.GetUserResponse())
            took.append(time.perf_counter() - began)
    return took[500:]


def _lag(world: World) -> list[float]:
    took = []
    with world.directory(world.primary) as here, world.directory(world.additional) as there:
        types = Directory(here).types
        for number in range(300):
            user = types.User(user_name=f"lag{number}@bench.example", display_name="Lag",
                              enabled=True, name=types.Name(given_name="L", family_name="G"))
            written = here.call("directory.v1.Directory/CreateUser",
                                types.CreateUserRequest(user=user), types.CreateUserResponse())
            began = time.perf_counter()
            there.call("directory.v1.Directory/GetUser",
                       types.GetUserRequest(user_id=written.user.user_id,
                                            at_least=written.position), types.GetUserResponse())
            took.append(time.perf_counter() - began)
    return took


def main() -> int:
    os.chdir(PROJECT)
    resolver.install()
    release = PROJECT / ".build/release/portolan"
    binary = release if release.exists() else PROJECT / ".build/debug/portolan"
    build = "release" if binary == release else "debug"
    cluster = Cluster(binary, demo_directory(), Ports(int(os.environ.get("PORT_BASE", "7100"))))
    try:
        world = prepare(cluster, Verdict())
        rows = measure(world)
    except DemoError as problem:
        print(problem, file=sys.stderr)
        return 2
    finally:
        cluster.stop()
    written = []
    for name, (target, unit) in TARGETS.items():
        value, note = rows.get(name, (None, "not measured yet"))
        shown = "-" if value is None else f"{value:,.1f} {unit}"
        goal = "" if target is None else f"(target {target:,} {unit})"
        print(f"{name:<28} {shown:>20}  {goal:<28} {note}")
        if value is not None:
            written.append({"name": name, "value": round(value, 2), "unit": unit,
                            "target": target, "note": f"{build} build; {note}"})
    Path("bench.json").write_text(json.dumps(written, indent=2) + "\n")
    print(f"\n{len(written)} rows in bench.json, {build} build; the others are not measured yet.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
