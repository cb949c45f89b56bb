"""Regions as processes in namespaces: configuration, start, kill, freeze, full disks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from Scripts.demo.cluster import ACCOUNT, ALL_REGIONS, TRUST_DOMAIN, Cli, Cluster, Ports

from .damage import Damage
from .database import Database
from .network import Network, run

SERVICES = ("keys", "coordinator", "directory")
PORTS = {"directory": 7101, "keys": 7103, "coordinator": 7104, "permission": 7102, "portal": 7105}
# The second coordinator of a Region on PostgreSQL; the first one is called like elsewhere.
SECOND = "coordinator-b"
# The write-ahead log alone may take 300.
DISK_MEGABYTES = 768


def coordinators(region: str) -> dict[str, str]:
    """The nodes of a Region's coordinators when they share a database, by service."""
    return {"coordinator": f"{region}-c1", SECOND: f"{region}-c2"}


def parts(region: str) -> tuple[str, ...]:
    """The further nodes of a Region on PostgreSQL."""
    return (*coordinators(region).values(), *Database.nodes(region))


class Regions(Damage, Cluster):
    """A cluster whose Regions have an address each. One may keep its log in PostgreSQL: two coordinators
    then share a database, and stand behind a balancer at the Region's address."""

    def __init__(self, binary: Path, directory: Path, network: Network,
                 database: Database | None = None) -> None:
        super().__init__(binary, directory, Ports(0))
        self.network, self.database = network, database

    def has_database(self, region: str) -> bool:
        return self.database is not None and self.database.region == region

    def services(self, region: str) -> tuple[str, ...]:
        return (*SERVICES, SECOND) if self.has_database(region) else SERVICES

    def node(self, region: str, service: str) -> str:
        if not self.has_database(region):
            return region
        return coordinators(region).get(service, region)

    def coordinators(self, region: str) -> tuple[str, ...]:
        return tuple(s for s in self.services(region) if s.startswith("coordinator"))

    def service_config(self, region: str, service: str) -> Path:
        """A coordinator that shares a database listens at its own node, others ask the balancer."""
        if self.has_database(region) and service in coordinators(region):
            return self.config_file(self.node(region, service))
        return self.config_file(region)

    def address(self, region: str, service: str) -> str:
        return f"{self.network.host(region)}:{PORTS[service]}"

    def portal(self, region: str) -> str:
        return f"https://{self.network.host(region)}:7443"

    def prepare(self) -> None:
        self.clean()
        cli = Cli(self)
        cli("pki", "init", "--directory", str(self.pki), "--trust-domain", TRUST_DOMAIN,
            context=False)
        for region in ALL_REGIONS:
            cli("pki", "region", "--directory", str(self.pki), "--name", region,
                "--host", self.network.host(region), context=False)
        cli("pki", "operator", "--directory", str(self.pki), "--name", "alice",
            "--role", "administrator", context=False)
        self.configure(ALL_REGIONS)
        for region in ALL_REGIONS:
            if self.has_database(region):
                continue
            disk = self.disk(region)
            disk.mkdir(parents=True, mode=0o700)
            run("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0700", "tmpfs",
                str(disk))
        if self.database:
            self.database.prepare()

    def configure(self, regions: tuple[str, ...] = ALL_REGIONS) -> None:
        for region in regions:
            others = [name for name in regions if name != region]
            peers: dict = {"names": others}
            for peer in others:
                peers[peer] = {s: self.address(peer, s) for s in PORTS}
                peers[peer]["portalURL"] = self.portal(peer)
            config = {
                "region": region, "trustDomain": TRUST_DOMAIN, "accountID": ACCOUNT,
                "organizationID": "o-exampleorg",
                "dataDirectory": str(self.directory / "data" / region),
                "pki": {"directory": str(self.pki)},
                "listen": {s: self.address(region, s) for s in PORTS},
                "portalURL": self.portal(region), "peers": peers,
                # Few, so that services start from snapshots that were taken under load.
                "snapshotEntries": 300,
                # Often, so that a service that missed something is found.
                "comparisonSeconds": 3,
                "operators": {"names": ["alice"], "alice": {"roles": ["administrator"]}},
            }
            self._write(self.config_file(region), config)
            if self.has_database(region):
                self._configure_coordinators(region, config)
        self._write(self.context, self._context(self.pki, regions[0], {
            region: {s: self.address(region, s) for s in PORTS} for region in regions}))

    def _configure_coordinators(self, region: str, config: dict) -> None:
        for node in coordinators(region).values():
            self._write(self.config_file(node), config | {
                "dataDirectory": str(self.directory / "data" / node),
                "listen": config["listen"] | {
                    "coordinator": f"{self.network.host(node)}:{PORTS['coordinator']}"},
                "engine": "postgresql", "postgresql": self.database.settings,
            })

    def disk(self, region: str) -> Path:
        return self.directory / "data" / region / "coordinator"

    def disks(self, region: str) -> list[Path]:
        """The data directories of all its coordinators."""
        if not self.has_database(region):
            return [self.disk(region)]
        return [self.disk(node) for node in coordinators(region).values()]

    def start(self, region: str, services: tuple[str, ...] | None = None) -> None:
        """Starts what is not running of these services; without any, of all, the database first."""
        if services is None and self.has_database(region):
            self.database.start_all()
            self._start_balancer(region)
        for service in services or self.services(region):
            node = self.node(region, service)
            name = service.partition("-")[0]
            (self.directory / "data" / node / name).mkdir(
                parents=True, exist_ok=True, mode=0o700)
            self._spawn(region, service, node, [
                str(self.binary), "serve", name,
                "--config", str(self.service_config(region, service))])
        self._record()

    def _start_balancer(self, region: str) -> None:
        backends = [
            f"--backend={self.network.host(node)}:{PORTS['coordinator']}={self.config_file(node)}"
            for node in coordinators(region).values()]
        self._spawn(region, "balancer", region, [
            sys.executable, "-m", "Scripts.chaos.balancer", "--binary", str(self.binary),
            "--listen", self.address(region, "coordinator"), *backends])

    def _spawn(self, region: str, service: str, node: str, command: list[str]) -> None:
        process = self.processes.get((region, service))
        if process is not None and process.poll() is None:
            return
        logs = self.directory / region
        logs.mkdir(exist_ok=True)
        with (logs / f"{service}.log").open("ab") as log:
            self.processes[region, service] = subprocess.Popen(
                [*self.network.command(node), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True)

    def kill(self, region: str, services: tuple[str, ...] | None = None) -> list[int]:
        """SIGKILL to these services; without any, to all, the database's servers too."""
        if services is None and self.has_database(region):
            self.database.kill_all()
        return super().kill(region, services or self.services(region))

    def signal(self, region: str, service: str, number: int) -> None:
        process = self.processes[region, service]
        if process.poll() is None:
            process.send_signal(number)

    def serves(self, region: str, service: str) -> bool:
        done = subprocess.run(
            [str(self.binary), "health", "--service", service, "--config",
             str(self.config_file(region))],
            capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def wait_serving(self, region: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        for service in SERVICES:
            while not self.serves(region, service):
                if time.monotonic() > end:
                    raise AssertionError(f"{service} in {region} does not serve:\n"
                                         + self.log(region, service))
                time.sleep(0.1)

    def fill_disk(self, region: str, is_full: bool = True) -> None:
        if self.has_database(region):
            self.database.fill_disk(is_full)
            return
        ballast = self.disk(region) / "ballast"
        if not is_full:
            ballast.unlink(missing_ok=True)
            return
        # Unbuffered: closing must not write once more.
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 65536):
                pass

    def lose_disk(self, region: str, service: str) -> None:
        """The data directory of a coordinator that shares a database; it is stopped."""
        shutil.rmtree(self.disk(self.node(region, service)), ignore_errors=True)

    def exports(self, region: str) -> list[Path]:
        """All that a Region has exported as a former primary."""
        return [*(path for disk in self.disks(region) for path in disk.glob("unreplicated/*.jsonl")),
                *(self.directory / "exports" / region).glob("*.jsonl")]

    def empty(self, region: str) -> None:
        """A new disk for the coordinator; it is stopped. What it had exported is kept elsewhere."""
        kept = self.directory / "exports" / region
        kept.mkdir(parents=True, exist_ok=True)
        for path in self.disk(region).glob("unreplicated/*.jsonl"):
            shutil.copy(path, kept / f"{time.monotonic_ns()}-{path.name}")
        for path in self.disk(region).iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def alarms(self, region: str) -> str:
        """What its directory has said of differences between what it serves and the log."""
        lines = (self.directory / region / "directory.log").read_text(errors="replace").splitlines()
        return " | ".join(line for line in lines if "differs from the log" in line)[-600:]

    def remove(self) -> None:
        for (region, service) in self.processes:
            self.signal(region, service, signal.SIGCONT)
        self.stop()
        if self.database:
            self.database.remove()
        for region in ALL_REGIONS:
            run("umount", str(self.disk(region)), check=False)


def describe(path: Path) -> list[dict]:
    """The entries of an export."""
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def is_root() -> bool:
    return os.geteuid() == 0
