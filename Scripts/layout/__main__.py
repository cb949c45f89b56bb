"""Finds out which functions services call until they are idle, and writes them down for the linker:
`make layout`, after `make release`.

Functions that are needed lie together then, in a few pages, instead of one in each of several hundred
(Docs/performance.md). Names that an executable does not have any more do no harm, so this need not be
done with each change. Environment: PORT_BASE (7100), DEMO_DIRECTORY (.demo).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..demo import resolver
from ..demo.__main__ import PROJECT, demo_directory, make_identities
from ..demo.cluster import PRIMARY, SERVICES, Cluster, Ports

FUNCTIONS = Path(__file__).parent / "functions.txt"
RELEASE = PROJECT / ".build/release/portolan"
# Beginnings are slow while every function stops once.
START_SECONDS, IDLE_SECONDS = 120, 15


def _wrapper(directory: Path) -> Path:
    """A program that traces services, and runs everything else as it is."""
    path = directory / "portolan"
    path.write_text(f"""#!/bin/sh
if [ "$1" = serve ]; then
    cd {PROJECT} && exec {sys.executable} -m Scripts.layout.trace {directory}/$2.txt {RELEASE} "$@"
fi
exec {RELEASE} "$@"
""")
    path.chmod(0o755)
    return path


def in_order(called: list[list[str]]) -> list[str]:
    """What most services call comes first, and what the same ones call lies together; by name, so that
    the next list differs in what has changed only."""
    callers: dict[str, list[int]] = {}
    for service, names in enumerate(called):
        for name in names:
            callers.setdefault(name, []).append(service)
    return sorted(callers, key=lambda name: (-len(callers[name]), callers[name], name))


def main() -> int:
    os.chdir(PROJECT)
    resolver.install()
    cluster = Cluster(RELEASE, demo_directory(), Ports(int(os.environ.get("PORT_BASE", "7100"))))
    cluster.clean()
    cluster.ports.require_free()
    make_identities(cluster, (PRIMARY,))
    cluster.configure((PRIMARY,))
    cluster.binary = _wrapper(cluster.directory)
    try:
        cluster.start(PRIMARY)
        cluster.wait_healthy(PRIMARY, START_SECONDS)
        time.sleep(IDLE_SECONDS)
    finally:
        cluster.stop()
    called = [(cluster.directory / f"{service}.txt").read_text().split() for service in SERVICES]
    names = in_order(called)
    FUNCTIONS.write_text("".join(f"{name}\n" for name in names))
    print(f"{len(names):,} of the functions are called; {FUNCTIONS.relative_to(PROJECT)} has them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
