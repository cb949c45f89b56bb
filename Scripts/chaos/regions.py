"""Regions as processes in namespaces: start, kill, freeze, fill their disk, damage a page."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from Scripts.demo.cluster import ACCOUNT, ALL_REGIONS, TRUST_DOMAIN, Cli, Cluster, Ports

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


class Regions(Cluster):
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

    def damage(self, region: str, chance: random.Random) -> str:
        """Alters the value of one entry of the control stream on disk; the coordinator is stopped."""
        found = self._entries(region)
        # What no other Region holds nobody could give back.
        elsewhere = set().union(*(self._entries(r) for r in ALL_REGIONS if r != region))
        choice = sorted(set(found) & elsewhere)
        if not choice:
            return "nothing to damage"
        checksum = chance.choice(choice)
        if self.has_database(region):
            self.database.damage(found[checksum])
            return f"entry {found[checksum] & ((1 << 47) - 1)}"
        with contextlib.closing(sqlite3.connect(self.disk(region) / "log.sqlite")) as database:
            with database:
                database.execute(
                    "UPDATE entries SET value = CAST(X'00' || substr(value, 2) AS BLOB) "
                    "WHERE id = ?", (found[checksum],))
        return f"entry {found[checksum] & ((1 << 47) - 1)}"

    def overwrite(self, region: str, chance: random.Random) -> str:
        """Overwrites pages of the log's database; the coordinator is stopped."""
        path = self.disk(region) / "log.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (size,) = database.execute("PRAGMA page_size").fetchone()
            (count,) = database.execute("PRAGMA page_count").fetchone()
        # Not the first, which says that it is a database at all.
        pages = sorted(chance.sample(range(1, count), max(1, count // 10)))
        with path.open("r+b") as file:
            for page in pages:
                file.seek(page * size)
                file.write(chance.randbytes(size))
        return f"{len(pages)} of {count} pages"

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

    def _entries(self, region: str) -> dict[int, int]:
        """Entries of the directory in the control stream: where each is, by its checksum."""
        if self.has_database(region):
            return self.database.entries()
        path = self.disk(region) / "log.sqlite"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
            return dict(database.execute(
                "SELECT e.checksum, e.id FROM entries e JOIN domains d ON d.id = e.domain JOIN "
                "streams s ON s.id = d.stream WHERE s.name = 'control' AND d.name = 'directory' "
                "AND length(e.value) > 1").fetchall())

    def expire(self, region: str, service: str) -> bytes:
        """Replaces a certificate by the same one of yesterday; answers with the files before."""
        path = self.pki / "regions" / region / service / "certificate.pem"
        before = path.read_bytes()
        leaf, *chain = x509.load_pem_x509_certificates(before)
        issuer = serialization.load_pem_private_key(
            (self.pki / "issuers" / region / "key.pem").read_bytes(), None)
        now = datetime.now(UTC)
        builder = (x509.CertificateBuilder().subject_name(leaf.subject).issuer_name(leaf.issuer)
                   .public_key(leaf.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - timedelta(days=2))
                   .not_valid_after(now - timedelta(days=1)))
        for extension in leaf.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        expired = builder.sign(issuer, leaf.signature_hash_algorithm)
        pem = serialization.Encoding.PEM
        path.write_bytes(b"".join(c.public_bytes(pem) for c in (expired, *chain)))
        return before

    def restore(self, region: str, service: str, certificate: bytes) -> None:
        path = self.pki / "regions" / region / service / "certificate.pem"
        path.write_bytes(certificate)

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
