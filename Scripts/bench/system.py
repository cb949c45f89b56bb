"""The system under test: two Regions on loopback, and the load generator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from ..demo.cluster import TRUST_DOMAIN, Cluster
from ..demo.rpc import Connection, messages
from ..demo.steps_setup import connect_idp
from ..demo.world import World, eventually


class System:
    """Two Regions of a world, and how long to measure."""

    def __init__(self, world: World, seconds: int) -> None:
        self.world = world
        self.cluster: Cluster = world.cluster
        self.seconds = seconds
        self.program = self.cluster.binary.parent / "portolan-bench"
        self.people = 0  # in the directory
        self.key = ""

    # What the load generator says.

    def load(self, *arguments: object, timed: bool = True, timeout: float = 600,
             region: str | None = None, context: Path | None = None) -> dict:
        """Runs portolan-bench; raises when it fails or when calls were refused."""
        command = [str(self.program), *map(str, arguments)]
        if arguments[0] not in ("https", "pauses"):
            command += ["--context", str(context or self.cluster.context),
                        "--region", region or self.world.primary]
        if timed and "--seconds" not in command:
            command += ["--seconds", str(self.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            raise RuntimeError(f"{arguments[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
        result = json.loads(lines[-1])
        if result.get("errors"):
            raise RuntimeError(
                f"{arguments[0]}: {result['errors']} calls failed, first: "
                f"{result.get('firstError')}")
        return result

    def alone(self, *arguments: object) -> dict:
        """portolan-bench without a server."""
        done = subprocess.run([str(self.program), *map(str, arguments)], capture_output=True,
                              text=True, timeout=120, check=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def load_started(self, *arguments: object) -> subprocess.Popen:
        """portolan-bench in the background, talking over its pipes."""
        return subprocess.Popen(
            [str(self.program), *map(str, arguments), "--context", str(self.cluster.context),
             "--region", self.world.primary],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    # Processes.

    def process(self, service: str, region: str | None = None) -> subprocess.Popen:
        return self.cluster.processes[region or self.world.primary, service]

    def resident_mb(self, service: str, region: str | None = None,
                    kind: str = "VmRSS") -> float:
        pid = self.process(service, region).pid
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{service} is gone")

    def processor_seconds(self, region: str) -> float:
        """Processor time that a Region's processes have used."""
        ticks = 0
        for (where, _), process in self.cluster.processes.items():
            if where == region and process.poll() is None:
                fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self, service: str, region: str | None = None) -> None:
        process = self.process(service, region)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    def restart(self, service: str, region: str | None = None,
                environment: dict[str, str] | None = None) -> None:
        """Kills a service and starts it again; environment is added to its own."""
        region = region or self.world.primary
        self.kill(service, region)
        added = environment or {}
        os.environ.update(added)
        try:
            self.cluster.start(region, (service,))
        finally:
            for name in added:
                del os.environ[name]

    def wait_for_snapshot(self) -> int:
        """Waits until the primary's directory has written down what it holds; bytes of the file."""
        path = self.cluster.directory / "data" / self.world.primary / "directory/state.snapshot"

        began = time.time()

        def is_newest() -> bool:
            # One that is finished now; or none is due any more, which takes four minutes to know.
            return path.exists() and (
                path.stat().st_mtime > began or time.time() - began > 240)

        eventually("a snapshot of the directory that is as new as it gets", is_newest, 300, 0.5)
        return path.stat().st_size

    # Calls as the operator.

    def connection(self, service: str, region: str | None = None) -> Connection:
        region = region or self.world.primary
        return Connection(
            self.cluster.address(region, service), self.world.operator,
            self.cluster.pki / "root.pem",
            f"spiffe://{TRUST_DOMAIN}/region/{region}/service/{service}", timeout=120)

    def status(self, region: str) -> object | None:
        """The directory's status; None while it cannot be asked."""
        types = messages("directory.v1.directory")
        try:
            with self.connection("directory", region) as connection:
                return connection.call(
                    "directory.v1.Directory/GetStatus", types.GetStatusRequest(),
                    types.GetStatusResponse())
        except OSError:
            return None

    def wait_open(self, region: str, users: int, seconds: float = 300) -> None:
        """Waits until a Region's directory is open and holds so many people."""
        def is_open() -> bool:
            status = self.status(region)
            return status is not None and status.state == "open" and status.users >= users

        eventually(f"the directory of {region} serves {users} people", is_open, seconds, 0.02)

    # The configuration, which a service reads when it starts.

    def set(self, region: str, name: str, value: object | None) -> None:
        """Sets a name at the top of a Region's configuration; None takes it out."""
        _set(self.cluster.directory / f"{region}.json", name, value)

    # The instance.

    def set_up(self) -> None:
        """An instance with an external IdP and a key that both Regions have."""
        cli = self.world.cli
        cli("instance", "create", "--name", "Bench", "--identity-source", "external-idp")
        connect_idp(self.world)
        self.key = cli.json("key", "create", "--multi-region", "--baseline-policy")[
            "keyMetadata"]["keyId"]
        cli("instance", "update", "--kms-key", self.key)
        cli("key", "replicate", self.key, "--to", self.world.additional, "--baseline-policy")
        self.wait_open(self.world.primary, 0)

    def add_region(self) -> float:
        """Seconds until the additional Region serves what the primary has."""
        began = time.monotonic()
        self.world.cli("region", "add", self.world.additional, timeout=600)
        self.wait_open(self.world.additional, self.people, 600)
        return time.monotonic() - began


def usual_configuration(cluster: Cluster) -> None:
    """Takes out of the demo's configuration what is only for its story."""
    for path in cluster.directory.glob("*-*-*.json"):
        for name in ("dataKeyHoldSeconds", "snapshotEntries"):
            _set(path, name, None)


def _set(path: Path, name: str, value: object | None) -> None:
    settings = json.loads(path.read_text())
    settings.pop(name, None)
    if value is not None:
        settings[name] = value
    path.write_text(json.dumps(settings, indent=2) + "\n")
