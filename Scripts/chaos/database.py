"""A Region's PostgreSQL: two servers with synchronous replication between them, and their failover.

What an operator's tools would do by themselves (promote, fence, build the lost server anew) is done here
by hand, so that it can also be done badly.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .network import Network, NetworkError, run

PORT, NAME, USER, SCHEMA = 5432, "portolan", "portolan", "portolan"
# Data, write-ahead log and what a rebuild needs.
DISK_MEGABYTES = 640
SETTINGS = """
listen_addresses = '*'
port = {port}
unix_socket_directories = ''
max_connections = 80
shared_buffers = 32MB
max_wal_size = 96MB
min_wal_size = 16MB
wal_keep_size = 96MB
wal_log_hints = on
max_wal_senders = 4
wal_sender_timeout = 4s
wal_receiver_timeout = 4s
wal_retrieve_retry_interval = 500ms
synchronous_commit = on
log_checkpoints = off
include_if_exists 'standby_names.conf'
"""


def binaries() -> Path:
    """Where Debian keeps the newest server's programs."""
    base = Path("/usr/lib/postgresql")
    versions = sorted((int(path.name) for path in base.glob("*") if path.name.isdigit()))
    if not versions:
        raise NetworkError("PostgreSQL is missing: apt-get install postgresql.")
    return base / str(versions[-1]) / "bin"


@dataclass
class Server:
    """One of the two, on a node of its own."""

    name: str
    node: str
    host: str
    directory: Path
    process: subprocess.Popen | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Database:
    def __init__(self, network: Network, region: str, directory: Path) -> None:
        self.network, self.region, self.directory = network, region, directory
        self.binaries = binaries()
        self.servers = [Server(name, node, network.host(node), directory / name)
                        for name, node in zip(("db1", "db2"), self.nodes(region), strict=True)]
        self.primary, self.standby = self.servers

    @staticmethod
    def nodes(region: str) -> tuple[str, str]:
        return f"{region}-db1", f"{region}-db2"

    @property
    def settings(self) -> dict:
        """For the coordinators' configuration."""
        return {"hosts": [server.host for server in self.servers], "port": PORT, "database": NAME,
                "user": USER, "sslMode": "disable", "schema": SCHEMA}

    # Making

    def prepare(self) -> None:
        # What a run that was killed may have left; the server's user has to reach it.
        for server in self.servers:
            run("umount", str(server.directory), check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o755)
        for server in self.servers:
            server.directory.mkdir()
            run("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0700", "tmpfs",
                str(server.directory))
            shutil.chown(server.directory, "postgres", "postgres")
        self.tool("initdb", "-D", str(self.primary.data), "-U", "postgres", "-A", "trust",
                  "-E", "UTF8", "-N", "--wal-segsize=4")
        with (self.primary.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(port=PORT))
        with (self.primary.data / "pg_hba.conf").open("a") as file:
            for what in ("all", "replication"):
                file.write(f"host {what} all {self.network.subnet} trust\n")
        self.start(self.primary)
        self.sql(f"CREATE ROLE {USER} LOGIN")
        self.sql(f"CREATE DATABASE {NAME} OWNER {USER}")
        self.copy()
        self.replicate()

    def tool(self, name: str, *arguments: str, check: bool = True,
             node: str | None = None) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's programs, as its user."""
        return subprocess.run(
            [*(self.network.command(node) if node else []), *self.as_postgres,
             str(self.binaries / name), *arguments],
            capture_output=True, text=True, timeout=60, check=check, cwd="/",
            stdin=subprocess.DEVNULL)

    @property
    def as_postgres(self) -> list[str]:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]

    def sql(self, text: str, server: Server | None = None, database: str = "postgres") -> str:
        done = subprocess.run(
            [str(self.binaries / "psql"), "-h", (server or self.primary).host, "-p", str(PORT),
             "-U", "postgres", "-d", database, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text],
            capture_output=True, text=True, timeout=20, check=True, cwd="/",
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PGCONNECT_TIMEOUT": "3", "PGOPTIONS": "-c statement_timeout=8000"})
        return done.stdout.strip()

    # Processes

    def start(self, server: Server, seconds: float = 30) -> None:
        """Starts a server and waits until it lets sessions in."""
        if not server.is_running:
            (server.data / "postmaster.pid").unlink(missing_ok=True)
            with (self.directory / f"{server.name}.log").open("ab") as log:
                server.process = subprocess.Popen(
                    [*self.network.command(server.node), *self.as_postgres,
                     str(self.binaries / "postgres"), "-D", str(server.data),
                     "-c", f"cluster_name={server.name}"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True, cwd="/")
        self.wait(f"{server.name} to start", lambda: self.sql("SELECT 1", server) == "1", seconds)

    def kill(self, server: Server) -> None:
        """SIGKILL to all processes of a server at once, as when its machine is lost."""
        self.network.signal(server.node, signal.SIGKILL)
        if server.process is not None:
            server.process.wait(timeout=10)

    def restart(self, server: Server) -> None:
        """An immediate shutdown, and a start."""
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait(timeout=20)
        self.start(server)

    def start_all(self) -> None:
        for server in (self.primary, self.standby):
            self.network.signal(server.node, signal.SIGCONT)
            self.start(server)

    def kill_all(self) -> None:
        for server in self.servers:
            self.kill(server)

    # Replication

    def copy(self) -> None:
        """Makes the standby a fresh copy of the primary."""
        shutil.rmtree(self.standby.data, ignore_errors=True)
        self.tool("pg_basebackup", "-D", str(self.standby.data), "-R", "-X", "stream",
                  "-c", "fast", "-d", self.source)

    @property
    def source(self) -> str:
        return f"host={self.primary.host} port={PORT} user=postgres dbname=postgres"

    def rewind(self) -> bool:
        """Takes back what only the lost server holds; answers whether that was possible."""
        # Before its first checkpoint pg_rewind takes a new primary for one of the old timeline.
        self.sql("CHECKPOINT")
        done = self.tool("pg_rewind", "-D", str(self.standby.data), "-R",
                         f"--source-server={self.source}", check=False)
        return done.returncode == 0

    def replicate(self) -> None:
        """Starts the standby; from here on the primary answers no commit that it has not got."""
        self.require_standby(self.standby, None)
        self.start(self.standby)
        self.require_standby(self.primary, self.standby)
        self.wait_synchronous()

    def require_standby(self, server: Server, standby: Server | None) -> None:
        path = server.data / "standby_names.conf"
        path.write_text(f"synchronous_standby_names = '{standby.name if standby else ''}'\n")
        shutil.chown(path, "postgres", "postgres")
        if server.is_running:
            server.process.send_signal(signal.SIGHUP)

    def wait_synchronous(self, seconds: float = 30) -> None:
        """Until all that has been answered is on both servers."""
        self.wait("the standby to be synchronous", lambda: self.sql(
            "SELECT current_setting('synchronous_standby_names') = application_name "
            "AND sync_state = 'sync' FROM pg_stat_replication "
            f"WHERE application_name = '{self.standby.name}'") == "t", seconds)
        position = self.sql("SELECT pg_current_wal_flush_lsn()")
        self.wait("the standby to catch up", lambda: self.sql(
            f"SELECT flush_lsn >= '{position}' FROM pg_stat_replication "
            f"WHERE application_name = '{self.standby.name}'") == "t", seconds)

    def promote(self) -> None:
        """The standby becomes the primary. What the other one does meanwhile is the caller's."""
        self.require_standby(self.standby, None)
        self.tool("pg_ctl", "-D", str(self.standby.data), "-w", "-t", "20", "promote")
        self.primary, self.standby = self.standby, self.primary

    def rebuild(self, chance: random.Random) -> str:
        """The server that was lost comes back as the standby; answers how."""
        self.kill(self.standby)
        how = "pg_rewind" if chance.random() < 0.5 and self.rewind() else "pg_basebackup"
        if how == "pg_basebackup":
            self.copy()
        self.replicate()
        return how

    def wait(self, what: str, condition, seconds: float) -> None:  # noqa: ANN001
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(subprocess.SubprocessError):
                if condition():
                    return
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}:\n" + self.log())
            time.sleep(0.1)

    def log(self) -> str:
        return "\n".join(
            f"{server.name}: {line}" for server in self.servers
            for line in (self.directory / f"{server.name}.log").read_text(
                errors="replace").splitlines()[-12:])

    # The log's tables

    def revision(self, server: Server) -> str:
        try:
            return self.sql(f"SELECT revision FROM {SCHEMA}.head", server, NAME)
        except subprocess.SubprocessError:
            return "unknown"

    def lease(self) -> float:
        """For how many seconds to come a coordinator leads; negative when none does."""
        return float(self.sql(
            f"SELECT extract(epoch FROM until - clock_timestamp()) FROM {SCHEMA}.lease",
            database=NAME))

    def entries(self) -> dict[int, int]:
        """Entries of the directory in the control stream: where each is, by its checksum."""
        rows = self.sql(
            f"SELECT e.checksum, e.id FROM {SCHEMA}.entries e JOIN {SCHEMA}.domains d "
            f"ON d.id = e.domain JOIN {SCHEMA}.streams s ON s.id = d.stream "
            "WHERE s.name = 'control' AND d.name = 'directory' AND length(e.value) > 1",
            database=NAME)
        return {int(checksum): int(place) for checksum, place in
                (row.split("|") for row in rows.splitlines())}

    def rows_of(self, user_id: str) -> str:
        return self.sql(
            "SELECT s.name, e.id & ((1::bigint << 47) - 1) AS sequence, e.epoch, e.tombstone, "
            f"length(e.value) FROM {SCHEMA}.entries e JOIN {SCHEMA}.domains d ON d.id = e.domain "
            f"JOIN {SCHEMA}.streams s ON s.id = d.stream "
            f"WHERE e.key = convert_to('user/{user_id}', 'UTF8') ORDER BY e.id", database=NAME)

    def damage(self, place: int) -> None:
        self.sql(f"UPDATE {SCHEMA}.entries SET value = '\\x00'::bytea || substr(value, 2) "
                 f"WHERE id = {place}", database=NAME)

    def cut_sessions(self) -> int:
        """Ends all sessions of coordinators, in the midst of whatever they do."""
        return int(self.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'portolan'"))

    def fill_disk(self, is_full: bool) -> None:
        ballast = self.primary.directory / "ballast"
        if not is_full:
            for server in self.servers:
                (server.directory / "ballast").unlink(missing_ok=True)
            return
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 65536):
                pass

    def remove(self) -> None:
        for server in self.servers:
            with contextlib.suppress(Exception):
                self.network.signal(server.node, signal.SIGCONT)
                self.kill(server)
            run("umount", str(server.directory), check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
