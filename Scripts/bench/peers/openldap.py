"""OpenLDAP's slapd with LMDB, over TLS with client certificates."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .tools import HERE, Unavailable, ask, build

BASE = "dc=bench,dc=example"
MODULES = "/usr/lib/ldap"


class OpenLdap:
    """A directory with so many people. Raises Unavailable where slapd is not installed."""

    def __init__(self, directory: Path, identity: Path, roots: Path, server_identity: Path,
                 people: int) -> None:
        self.slapd = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")
        if self.slapd is None:
            raise Unavailable("slapd is not installed (Scripts/bench/setup)")
        self.client = build("ldap_load", HERE / "ldap_load.c", ["cc", "-O2"],
                            ["-lldap", "-llber", "-lpthread"])
        self.directory, self.people = directory, people
        self.identity, self.roots, self.server_identity = identity, roots, server_identity

    def _configuration(self) -> str:
        return f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {self.directory}/slapd.pid
modulepath {MODULES}
moduleload back_mdb
TLSCACertificateFile {self.roots}
TLSCertificateFile {self.server_identity}/certificate.pem
TLSCertificateKeyFile {self.server_identity}/key.pem
TLSVerifyClient demand
TLSProtocolMin 3.4
loglevel 0
threads 4
database mdb
suffix "{BASE}"
directory {self.directory}/data
maxsize 8589934592
dbnosync
index objectClass,uid eq
access to * by * read
"""

    def _entries(self) -> Iterator[str]:
        yield f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Bench\ndc: bench\n"
        for number in range(self.people):
            # As many attributes as the user that the directory service answers with.
            yield (f"dn: uid=person{number},{BASE}\nobjectClass: inetOrgPerson\n"
                   f"uid: person{number}\ncn: Person {number}\ndisplayName: Person {number}\n"
                   f"givenName: Person\nsn: Number {number}\ntitle: Navigator\n"
                   f"mail: person{number}@bench.example\nemployeeNumber: bench-{number}\n")

    @contextmanager
    def server(self, port: int) -> Iterator[None]:
        shutil.rmtree(self.directory, ignore_errors=True)
        (self.directory / "data").mkdir(parents=True)
        settings = self.directory / "slapd.conf"
        settings.write_text(self._configuration())
        with (self.directory / "people.ldif").open("w") as file:
            for entry in self._entries():
                file.write(entry + "\n")
        loaded = subprocess.run(
            [self.slapd, "-T", "add", "-q", "-f", str(settings), "-l", file.name],
            capture_output=True, text=True, check=False)
        if loaded.returncode != 0:
            raise Unavailable(f"slapadd: {loaded.stderr.strip()[-300:]}")
        uri = f"ldaps://127.0.0.1:{port}/"
        process = subprocess.Popen([self.slapd, "-d", "0", "-f", str(settings), "-h", uri],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)
            shutil.rmtree(self.directory, ignore_errors=True)

    def load(self, port: int, connections: int, in_flight: int, seconds: int) -> dict:
        return ask([
            self.client, f"ldaps://127.0.0.1:{port}/", self.identity / "certificate.pem",
            self.identity / "key.pem", self.roots, BASE, self.people, connections, in_flight,
            seconds])


def _wait_for(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Unavailable("slapd did not start")
