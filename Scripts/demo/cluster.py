"""Service processes on loopback, five per Region: configuration, start, health, SIGKILL, stop."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = ("keys", "coordinator", "directory", "permission", "portal")
PRIMARY, ADDITIONAL = "eu-central-1", "eu-west-1"
REGIONS = (PRIMARY, ADDITIONAL)
# Joins for the promotions at the end of the story.
THIRD = "us-east-1"
ALL_REGIONS = (*REGIONS, THIRD)
TRUST_DOMAIN = "portolan.demo"
ACCOUNT = "111122223333"


class DemoError(Exception):
    """Something that the person at the keyboard can mend; the text says how."""


def start_time(pid: int) -> str | None:
    """The kernel's start time of a running process, which tells it from a later one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state = text.rpartition(")")[2].split()
    return None if state[0] == "Z" else state[19]


@dataclass
class Ports:
    """All ports of the demo, derived from one base."""

    base: int

    def rpc(self, region: str, service: str) -> int:
        order = ("directory", "permission", "keys", "coordinator", "portal")
        return self.base + 100 * ALL_REGIONS.index(region) + 1 + order.index(service)

    def https(self, region: str) -> int:
        return self.base + 100 * ALL_REGIONS.index(region) + 6

    def metrics(self, region: str) -> int:
        """The first of five, one for each service."""
        return self.base + 100 * ALL_REGIONS.index(region) + 11

    @property
    def idp(self) -> int:
        return self.base + 90

    def all(self) -> dict[int, str]:
        used = {self.idp: "the identity provider"}
        for region in ALL_REGIONS:
            used.update({self.rpc(region, s): f"{s} in {region}" for s in SERVICES})
            used[self.https(region)] = f"HTTPS in {region}"
            for number in range(len(SERVICES)):
                used[self.metrics(region) + number] = f"metrics in {region}"
        for number in range(5):
            used[self.base + 50 + number] = "a throw-away Region"
        return used

    def require_free(self) -> None:
        """Raises when one is taken, naming it and the way out."""
        taken = []
        for port, what in sorted(self.all().items()):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    taken.append(f"{port} (for {what})")
        if taken:
            raise DemoError(
                f"Port {', '.join(taken)} is taken by another program on this machine.\n"
                f"Choose another range: PORT_BASE={self.base + 1000} make demo")


@dataclass
class Cluster:
    """The Regions' processes and files under one directory."""

    binary: Path
    directory: Path
    ports: Ports
    processes: dict[tuple[str, str], subprocess.Popen] = field(default_factory=dict)
    fixed_ports: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    @property
    def ledger(self) -> Path:
        return self.directory / "processes.json"

    def host(self, region: str) -> str:
        return f"{region}.portolan.localhost"

    def portal(self, region: str) -> str:
        return f"https://{self.host(region)}:{self.ports.https(region)}"

    def port(self, region: str, service: str) -> int:
        fixed = self.fixed_ports.get((region, service))
        return self.ports.rpc(region, service) if fixed is None else fixed

    def address(self, region: str, service: str) -> str:
        return f"127.0.0.1:{self.port(region, service)}"

    def config_file(self, region: str) -> Path:
        return self.directory / f"{region}.json"

    @property
    def context(self) -> Path:
        return self.context_of("alice")

    def context_of(self, operator: str) -> Path:
        """How an operator reaches the Regions; the administrator's is the usual one."""
        return self.directory / ("context.json" if operator == "alice"
                                 else f"context-{operator}.json")

    def clean(self) -> None:
        """Ends what a run before left behind, by recorded process only, and empties the state.

        Raises when that run is still going on.
        """
        self._require_alone()
        if self.ledger.exists():
            for entry in json.loads(self.ledger.read_text() or "[]"):
                if start_time(entry["pid"]) == entry["start_time"]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(entry["pid"], signal.SIGKILL)
                    deadline = time.monotonic() + 5
                    while (start_time(entry["pid"]) == entry["start_time"]
                           and time.monotonic() < deadline):
                        time.sleep(0.02)
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, mode=0o700)
        self._owner.write_text(f"{os.getpid()} {start_time(os.getpid())}")

    @property
    def _owner(self) -> Path:
        return self.directory / "owner"

    def _require_alone(self) -> None:
        if not self._owner.exists():
            return
        pid, started = self._owner.read_text().split()
        if int(pid) != os.getpid() and start_time(int(pid)) == started:
            raise DemoError(
                f"The demo is running already, as process {pid}: stop it there with Ctrl-C, or "
                f"choose another place and other ports:\n"
                f"DEMO_DIRECTORY=/tmp/portolan-demo PORT_BASE={self.ports.base + 1000} make demo")

    def configure(self, regions: tuple[str, ...] = REGIONS) -> None:
        """Writes one configuration file per Region and the operator's context."""
        for region in regions:
            peers: dict = {"names": [name for name in regions if name != region]}
            for peer in peers["names"]:
                peers[peer] = {s: self.address(peer, s) for s in SERVICES}
                peers[peer]["portalURL"] = self.portal(peer)
            listen = {s: self.address(region, s) for s in SERVICES}
            listen["https"] = f"127.0.0.1:{self.ports.https(region)}"
            listen["metrics"] = f"127.0.0.1:{self.ports.metrics(region)}"
            self._write(self.config_file(region), {
                "region": region,
                "trustDomain": TRUST_DOMAIN,
                "accountID": ACCOUNT,
                "organizationID": "o-exampleorg",
                "dataDirectory": str(self.directory / "data" / region),
                "pki": {"directory": str(self.pki)},
                "listen": listen,
                "portalURL": self.portal(region),
                "peers": peers,
                # Short, so that the story need not wait minutes for a disabled key to take effect.
                "dataKeyHoldSeconds": 10,
                # Few, so that services that are started again do so from their snapshot.
                "snapshotEntries": 1_000,
                "trail": {"checkpointSeconds": 2},
                "operators": {"names": ["alice", "bob"], "alice": {"roles": ["administrator"]},
                              "bob": {"roles": ["auditor"]}},
            })
        addresses = {
            region: {s: self.address(region, s) for s in SERVICES} for region in regions}
        for operator in ("alice", "bob"):
            self._write(self.context_of(operator), self._context(
                self.pki, regions[0], addresses, operator))

    def configure_one(self, region: str, pki: Path, base: int) -> None:
        """A Region by itself, on ports from base up, with identities made elsewhere."""
        address = {s: f"127.0.0.1:{base + number}" for number, s in enumerate(SERVICES)}
        self.fixed_ports = {(region, s): base + number for number, s in enumerate(SERVICES)}
        self._write(self.config_file(region), {
            "region": region, "trustDomain": TRUST_DOMAIN, "accountID": ACCOUNT,
            "dataDirectory": str(self.directory / "data" / region),
            "pki": {"directory": str(pki)}, "listen": address,
            "operators": {"names": ["alice"], "alice": {"roles": ["administrator"]}},
        })
        self._write(self.context, self._context(pki, region, {region: address}))

    @staticmethod
    def _context(pki: Path, region: str, regions: dict, name: str = "alice") -> dict:
        operator = pki / "operators" / name
        return {
            "trustDomain": TRUST_DOMAIN,
            "roots": str(pki / "root.pem"),
            "certificate": str(operator / "certificate.pem"),
            "key": str(operator / "key.pem"),
            "region": region,
            "regions": regions,
        }

    @staticmethod
    def _write(path: Path, content: dict) -> None:
        path.write_text(json.dumps(content, indent=2) + "\n")

    def start(self, region: str, services: tuple[str, ...] = SERVICES) -> None:
        """Starts services of a Region; each writes its own log."""
        logs = self.directory / region
        logs.mkdir(exist_ok=True)
        for service in services:
            (self.directory / "data" / region / service).mkdir(
                parents=True, exist_ok=True, mode=0o700)
            with (logs / f"{service}.log").open("ab") as log:
                self.processes[region, service] = subprocess.Popen(
                    [self.binary, "serve", service, "--config", self.config_file(region)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True)
        self._record()

    def _record(self) -> None:
        self.ledger.write_text(json.dumps([
            {"region": region, "service": service, "pid": process.pid,
             "start_time": start_time(process.pid)}
            for (region, service), process in self.processes.items() if process.poll() is None]))

    def wait_healthy(self, region: str, seconds: float = 30,
                     services: tuple[str, ...] = SERVICES) -> float:
        """Waits until each service says it serves; raises with its log when one does not."""
        began = time.monotonic()
        waiting = list(services)
        while waiting:
            for service in list(waiting):
                process = self.processes[region, service]
                if process.poll() is not None:
                    raise DemoError(
                        f"{service} in {region} ended with status {process.returncode}:\n"
                        f"{self.log(region, service)}")
                if self._serves(region, service):
                    waiting.remove(service)
            if waiting and time.monotonic() - began > seconds:
                raise DemoError(
                    f"{', '.join(waiting)} in {region} did not come up within {seconds:.0f} s:\n"
                    + self.log(region, waiting[0]))
            time.sleep(0.05)
        return time.monotonic() - began

    def _serves(self, region: str, service: str) -> bool:
        try:
            socket.create_connection(
                ("127.0.0.1", self.port(region, service)), timeout=1).close()
            if service == "portal":
                socket.create_connection(
                    ("127.0.0.1", self.ports.https(region)), timeout=1).close()
        except OSError:
            return False
        asked = subprocess.run(
            [self.binary, "health", "--service", service, "--config", self.config_file(region)],
            capture_output=True, timeout=15, check=False)
        return asked.returncode == 0

    def log(self, region: str, service: str, lines: int = 15) -> str:
        path = self.directory / region / f"{service}.log"
        if not path.exists():
            return "(no log)"
        return f"{path}:\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def kill(self, region: str, services: tuple[str, ...] = SERVICES) -> list[int]:
        """SIGKILL to services of a Region, at once; answers with the process numbers."""
        mine = [p for (name, service), p in self.processes.items()
                if name == region and service in services]
        for process in mine:
            process.send_signal(signal.SIGKILL)
        for process in mine:
            process.wait(timeout=10)
        self._record()
        return [process.pid for process in mine]

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after ten seconds."""
        running = [p for p in self.processes.values() if p.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + 10
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
        if self.ledger.exists():
            self._record()

    def ended_by_themselves(self) -> list[str]:
        """Services that are not running though nobody stopped them."""
        return [f"{service} in {region} (status {process.returncode})"
                for (region, service), process in self.processes.items()
                if process.poll() is not None]


class Cli:
    """An operator's command line, as people run it."""

    def __init__(self, cluster: Cluster, operator: str = "alice") -> None:
        self.cluster = cluster
        self.context = cluster.context_of(operator)

    def run(self, *arguments: str, region: str | None = None, timeout: float = 60,
            json_output: bool = False, context: bool = True,
            ) -> subprocess.CompletedProcess[str]:
        command = [str(self.cluster.binary), *map(str, arguments)]
        if context:
            command += ["--context", str(self.context)]
        if region:
            command += ["--region", region]
        if json_output:
            command += ["--json"]
        if os.environ.get("VERBOSE"):
            print("    $ portolan " + " ".join(map(str, command[1:])), file=sys.stderr)
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL)

    def __call__(self, *arguments: str, **options) -> str:  # noqa: ANN003
        """Runs a command that must succeed; answers with what it printed."""
        done = self.run(*arguments, **options)
        if done.returncode != 0:
            raise AssertionError(
                f"portolan {' '.join(map(str, arguments))}: status {done.returncode}: "
                f"{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json(self, *arguments: str, **options):  # noqa: ANN003, ANN201
        text = self(*arguments, json_output=True, **options)
        return json.loads(text) if text.strip() else {}

    def refused(self, *arguments: str, **options) -> str:  # noqa: ANN003
        """Runs a command that must fail; answers with what it said."""
        done = self.run(*arguments, **options)
        if done.returncode == 0:
            raise AssertionError(
                f"portolan {' '.join(map(str, arguments))} was not refused: {done.stdout.strip()}")
        return done.stderr + done.stdout
