"""Measures every row of the table in Docs/performance.md: `make bench`.

Writes bench.json: name, value, unit, peer, peer_value, ratio, target, note. Peers run on the same
machine in the same run. Environment: ROWS=rpc.get-user.native,log.append (which rows; a name ending
in * stands for all that begin so), BENCH_USERS (1000000), BENCH_SECONDS (5, of each measurement),
BENCH_LDAP_PEOPLE and BENCH_BEHIND (as many as users), PORT_BASE (7100), DEMO_DIRECTORY (.demo).
"""

from __future__ import annotations

import fnmatch
import logging
import os
import sys
import time
from pathlib import Path

from ..demo import resolver
from ..demo.__main__ import PROJECT, demo_directory, prepare
from ..demo.cluster import Cluster, DemoError, Ports
from ..demo.verdict import Verdict
from . import region_rows, state_rows
from .rows import Results, all_rows, line
from .rpc_rows import RpcRows
from .system import System, usual_configuration

MILLION = {
    "rpc.get-user.native", "rpc.get-user.native.vs-openldap", "rpc.get-user.native.vs-grpc-swift",
    "rpc.get-user.latency", "rpc.get-user.grpc", "rpc.get-user.p99-at-70",
    "rpc.get-user.allocations", "replication.add-region-1m", "restart-1m", "memory.directory-1m",
}
TWO_REGIONS = {
    "replication.lag-p99", "replication.add-region-1m", "replication.laggard-cost",
    "portal.role-credentials",
    "portal.saml-sign-in", "sessions.revocation-p99",
}


def wanted() -> set[str]:
    """The rows that ROWS names; all without it."""
    names = [row.name for row in all_rows()]
    patterns = os.environ.get("ROWS", "*").split(",")
    found = {name for name in names for pattern in patterns
             if fnmatch.fnmatchcase(name, pattern.strip())}
    if not found:
        raise DemoError("ROWS names none of: " + ", ".join(names))
    return found


def measure(system: System, results: Results, users: int) -> None:
    """All stages, from empty Regions to a million people in two of them."""
    state_rows.empty(system, results)
    state_rows.log(system, results)
    system.set_up()
    region_rows.keys(system, results)
    region_rows.policy(system, results)
    state_rows.create_users(system, results)
    region_rows.scim(system, results)
    state_rows.access(system, results)
    if results.wanted & MILLION:
        state_rows.fill(system, users)
    elif results.wants("rpc.idle-connection"):
        state_rows.fill(system, 1_000)
    state_rows.restart(system, results)
    RpcRows(system, results, int(os.environ.get("BENCH_LDAP_PEOPLE", str(users)))).measure()
    if results.wanted & TWO_REGIONS:
        region_rows.add_region(system, results)
        behind = int(os.environ.get("BENCH_BEHIND", str(users)))
        region_rows.TwoRegions(system, results, behind).measure()


def main() -> int:
    os.chdir(PROJECT)
    resolver.install()
    logging.getLogger("saml2").setLevel(logging.CRITICAL + 1)
    binary = Path(os.environ.get("PORTOLAN", PROJECT / ".build/release/portolan")).absolute()
    for program in (binary, binary.parent / "portolan-bench"):
        if not program.exists():
            print(f"{program} is not there: make bench builds it.", file=sys.stderr)
            return 2
    cluster = Cluster(binary, demo_directory(), Ports(int(os.environ.get("PORT_BASE", "7100"))))
    began = time.monotonic()
    results = None
    try:
        results = Results(wanted())
        world = prepare(cluster, Verdict(), usual_configuration)
        system = System(world, int(os.environ.get("BENCH_SECONDS", "5")))
        measure(system, results, int(os.environ.get("BENCH_USERS", "1000000")))
    except DemoError as problem:
        print(problem, file=sys.stderr)
        return 2
    finally:
        cluster.stop()
        if results is not None:
            results.write(PROJECT / "bench.json", binary.parent.name)
    print(f"\nAll rows, after {(time.monotonic() - began) / 60:.1f} minutes (bench.json):")
    for row in results.rows.values():
        if row.name in results.wanted:
            print(line(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
