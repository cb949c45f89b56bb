"""What happens under stress that the tests of every day leave out. `make chaos` runs it.

A Region of its own; prints a line per row and ends with status 1 when one fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from Scripts.demo.cluster import PRIMARY, Cli, Cluster, Ports
from Scripts.demo.steps_setup import make_identities

from . import idle

ROOT = Path(__file__).parents[2]
BINARY = ROOT / ".build" / "debug" / "portolan"
ROWS = [("10,000 idle connections in bounded memory", idle.connections)]


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory(prefix="portolan-stress-") as directory:
        binary = Path(sys.argv[1]) if len(sys.argv) > 1 else BINARY
        cluster = Cluster(binary, Path(directory), Ports(int(os.environ.get("PORT_BASE", "28400"))))
        cluster.ports.require_free()
        make_identities(cluster, (PRIMARY,))
        cluster.configure((PRIMARY,))
        try:
            cluster.start(PRIMARY)
            cluster.wait_healthy(PRIMARY, 60)
            Cli(cluster)("instance", "create", "--name", "Stress",
                         "--identity-source", "identity-center-directory")
            for name, row in ROWS:
                try:
                    print(f"ok    {name}: {row(cluster)}", flush=True)
                except Exception as error:  # noqa: BLE001 - a row that fails must not end the rest
                    failed += 1
                    print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
        finally:
            cluster.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
