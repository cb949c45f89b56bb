"""The demo: `make demo`, or `ONESHOT=1 make demo` for the verdict alone.

Environment: ONESHOT=1 (verdict and exit), PORT_BASE (7100), VERBOSE=1 (commands and tracebacks),
ROWS=M8,M14 (which rows the verdict prints), PORTOLAN (the executable), DEMO_DIRECTORY (.demo),
REGIONS=2 (leave the third Region and the promotions out).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

warnings.filterwarnings("ignore")

from . import resolver, rpc, story  # noqa: E402 - after the filter
from .cluster import ALL_REGIONS, REGIONS, Cli, Cluster, DemoError, Ports  # noqa: E402
from .idp import IdentityProvider  # noqa: E402
from .organization import generate  # noqa: E402
from .steps_setup import make_identities  # noqa: E402
from .verdict import ROWS, Verdict  # noqa: E402
from .world import World  # noqa: E402

PROJECT = Path(__file__).parents[2]


def demo_directory() -> Path:
    """Where all state of the demo is; emptied at each start."""
    return Path(os.environ.get("DEMO_DIRECTORY", PROJECT / ".demo")).absolute()


def prepare(cluster: Cluster, verdict: Verdict,
            configured: Callable[[Cluster], None] = lambda _: None) -> World:
    """Everything from an empty directory to ten processes that serve.

    configured may change the Regions' configuration before they start.
    """
    cluster.clean()
    cluster.ports.require_free()
    organization = generate()
    print(f"{len(organization.people)} people in {len(organization.groups)} groups, "
          f"{sum(len(g.members) for g in organization.groups)} memberships", flush=True)
    rpc.generate(cluster.directory / "python")
    regions = REGIONS if os.environ.get("REGIONS") == "2" else ALL_REGIONS
    make_identities(cluster, regions)
    cluster.configure(regions)
    configured(cluster)
    world = World(cluster, Cli(cluster), verdict, organization, None, None)
    choices = [world.engineer.user_name, world.mariner.user_name] + [
        person.user_name for person in organization.people[2::120]]
    world.idp = IdentityProvider(cluster.directory / "idp", cluster.ports.idp, choices)
    world.idp.serve()
    world.trust = cluster.directory / "trust.pem"
    world.trust.write_text((cluster.pki / "root.pem").read_text()
                           + world.idp.tls_certificate.read_text())
    for region in REGIONS:
        cluster.start(region)
    for region in REGIONS:
        cluster.wait_healthy(region)
    print(f"{len(cluster.processes)} processes serve; logs in {cluster.directory}/<region>/")
    return world


def next_steps(world: World) -> str:
    cluster = world.cluster
    running = sorted({region for region, _ in cluster.processes}, key=ALL_REGIONS.index)
    portals = "\n".join(f"  {region:<13} {cluster.portal(region)}/start" for region in running)
    return f"""
Portals (sign in as {world.engineer.user_name}, an administrator,
or as {world.mariner.user_name}; the certificate is the demo's own, so the browser warns):
{portals}
  console       {cluster.portal(world.primary)}/console/settings
  your IdP      {world.idp.url}/

Command line:
  export PORTOLAN_CONTEXT={cluster.context}
  {cluster.binary} status
  {cluster.binary} trail list --region {world.additional}

Try it: kill the primary's processes ({cluster.ledger}) and sign in at {world.additional}.
Logs: {cluster.directory}/<region>/<service>.log.   Ctrl-C stops everything.
"""


def main() -> int:
    os.chdir(PROJECT)
    resolver.install()
    logging.getLogger("saml2").setLevel(logging.CRITICAL + 1)
    binary = Path(os.environ.get("PORTOLAN", PROJECT / ".build/debug/portolan")).absolute()
    if not binary.exists():
        print(f"{binary} is not there: run `swift build --product portolan`.", file=sys.stderr)
        return 2
    cluster = Cluster(binary, demo_directory(), Ports(int(os.environ.get("PORT_BASE", "7100"))))
    verdict = Verdict()
    rows = [r for r in os.environ.get("ROWS", ",".join(ROWS)).split(",") if r in ROWS]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        world = prepare(cluster, verdict)
        story.tell(world)
        dead = cluster.ended_by_themselves()
        verdict.check("M1", "no process ended by itself", not dead, ", ".join(dead))
        good = verdict.table(rows)
        if os.environ.get("ONESHOT") != "1":
            print(next_steps(world), flush=True)
            stop.wait()
        return 0 if good else 1
    except KeyboardInterrupt:
        print("\nStopping.", flush=True)
        return 0
    except DemoError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 2
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
