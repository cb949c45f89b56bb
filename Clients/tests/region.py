"""One Region in processes of its own, for the tests: a few people, a group, an account."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.append(str(PROJECT))

from Scripts.demo.cluster import PRIMARY, Cli, Cluster, Ports  # noqa: E402
from Scripts.demo.steps_setup import make_identities  # noqa: E402

BINARY = Path(os.environ.get("PORTOLAN", PROJECT / ".build/debug/portolan"))
ACCOUNT = "210000000001"


class Region:
    """Started by `start`, to be stopped by `stop`. CLIENTS_PORT_BASE moves its ports (7600)."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="portolan-clients-")
        ports = Ports(int(os.environ.get("CLIENTS_PORT_BASE", "7600")))
        self.cluster = Cluster(BINARY, Path(self._directory.name), ports)
        self.cli = Cli(self.cluster)
        self.name = PRIMARY

    def start(self) -> None:
        cluster = self.cluster
        try:
            make_identities(cluster, (PRIMARY,))
            cluster.configure((PRIMARY,))
            cluster.start(PRIMARY)
            cluster.wait_healthy(PRIMARY, seconds=60)
            self.cli("instance", "create", "--name", "Clients",
                     "--identity-source", "identity-center-directory")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.cluster.stop()
        self._directory.cleanup()

    def restart(self, service: str) -> None:
        """SIGTERM, and the same again once it has ended."""
        process = self.cluster.processes[PRIMARY, service]
        process.terminate()
        if process.wait(timeout=30) != 0:
            raise AssertionError(f"{service} ended with status {process.returncode}")
        self.cluster.start(PRIMARY, (service,))
        self.cluster.wait_healthy(PRIMARY, 60, (service,))

    @property
    def context(self) -> Path:
        return self.cluster.context
