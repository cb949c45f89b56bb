"""What spoils a Region's files: entries, pages of the database, certificates."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from Scripts.demo.cluster import ALL_REGIONS

if TYPE_CHECKING:
    from .database import Database


class Damage:
    """Of the Regions' files; `Regions` knows where they are."""

    pki: Path
    database: Database | None

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
