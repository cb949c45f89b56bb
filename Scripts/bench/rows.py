"""The rows of bench.json: names, units, targets, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One figure. Lower is better where lower is set; the ratio is to the peer."""

    name: str
    unit: str
    target: float | None = None
    target_ratio: float | None = None
    lower: bool = False
    value: float | None = None
    peer: str = ""
    peer_value: float | None = None
    note: str = "not measured in this run"

    @property
    def ratio(self) -> float | None:
        if self.value is None or not self.peer_value:
            return None
        return self.value / self.peer_value

    @property
    def target_text(self) -> str:
        sign = "<=" if self.lower else ">="
        parts = []
        if self.target is not None:
            parts.append(f"{sign} {self.target:,.10g} {self.unit}")
        if self.target_ratio is not None:
            parts.append(f"ratio {sign} {self.target_ratio:g}")
        return ", ".join(parts)

    @property
    def is_met(self) -> bool | None:
        """None when that cannot be said: nothing measured, or no peer to compare with."""
        if self.value is None or (self.target_ratio is not None and self.ratio is None):
            return None
        pairs = [(self.value, self.target), (self.ratio, self.target_ratio)]
        return all(
            goal is None or (got <= goal if self.lower else got >= goal) for got, goal in pairs)

    def json(self) -> dict:
        def short(number: float | None) -> float | None:
            return None if number is None else float(f"{number:.5g}")

        return {
            "name": self.name, "value": short(self.value), "unit": self.unit,
            "peer": self.peer or None, "peer_value": short(self.peer_value),
            "ratio": short(self.ratio), "target": self.target_text, "met": self.is_met,
            "note": self.note,
        }


def all_rows() -> list[Row]:
    """Every row that there is, in the order in which it is shown."""
    return [
        Row("rpc.get-user.native", "calls/s", 400_000, 8),
        Row("rpc.get-user.native.vs-openldap", "calls/s", None, 25),
        Row("rpc.get-user.native.vs-grpc-swift", "calls/s", None, 20),
        Row("rpc.get-user.latency", "us", None, 1.3, lower=True),
        Row("rpc.get-user.grpc", "calls/s", None, 1),
        Row("rpc.get-user.p99-at-70", "us", 1_000, lower=True),
        Row("rpc.get-user.allocations", "allocations/call", 0.05, lower=True),
        Row("rpc.idle-connection", "KB", 40, lower=True),
        Row("permission.access", "calls/s", 50_000),
        Row("directory.create-user", "users/s", 10_000),
        Row("scim.create-user", "users/s", 3_000),
        Row("log.append", "entries/s", 20_000),
        Row("replication.lag-p99", "ms", 20, lower=True),
        Row("replication.add-region-1m", "s", 60, lower=True),
        Row("replication.laggard-cost", "%", 5, lower=True),
        Row("restart-1m", "s", 3, lower=True),
        Row("keys.encrypt", "calls/s", 150_000),
        Row("keys.generate-data-key", "calls/s", 100_000),
        Row("keys.sign-p256", "calls/s", None, 0.67),
        Row("keys.sign-rsa-2048", "calls/s", None, 0.67),
        Row("policy.evaluate", "us", 3, lower=True),
        Row("portal.role-credentials", "calls/s", 8_000),
        Row("portal.saml-sign-in", "sign-ins/s", 1_000),
        Row("sessions.revocation-p99", "ms", 1_000, lower=True),
        Row("memory.directory-1m", "MB", 1_200, lower=True),
        Row("memory.idle-service", "MB", 40, lower=True),
        Row("start.empty", "ms", 300, lower=True),
    ]


@dataclass
class Results:
    """What this run measures, and what it found."""

    wanted: set[str]
    rows: dict[str, Row] = field(default_factory=lambda: {row.name: row for row in all_rows()})

    def wants(self, *names: str) -> bool:
        return any(name in self.wanted for name in names)

    def put(self, name: str, value: float, note: str, peer: str = "",
            peer_value: float | None = None) -> None:
        row = self.rows[name]
        row.value, row.note, row.peer, row.peer_value = value, note, peer, peer_value
        print(line(row), flush=True)

    def measure(self, *names: str, by: Callable[[], None]) -> None:
        """Calls by when one of the rows is wanted; what goes wrong is said in them."""
        if not self.wants(*names):
            return
        try:
            by()
        except Exception as problem:  # noqa: BLE001 - the other rows go on
            for name in names:
                if self.rows[name].value is None:
                    self.rows[name].note = f"failed: {problem}"[:500]
                    print(line(self.rows[name]), flush=True)

    def write(self, path: Path, build: str) -> None:
        rows = [self.rows[name].json() for name in self.rows if name in self.wanted]
        path.write_text(json.dumps({"build": build, "rows": rows}, indent=2) + "\n")


def line(row: Row) -> str:
    """A row as it is printed."""
    value = "-" if row.value is None else f"{row.value:,.5g}" if row.value < 1000 else (
        f"{row.value:,.0f}")
    peer = "" if row.peer_value is None else (
        f"{row.peer} {row.peer_value:,.5g}, ratio {row.ratio:.2f}; ")
    mark = {True: "met", False: "MISSED", None: "-"}[row.is_met]
    return (f"{row.name:<34} {value:>10} {row.unit:<17} {mark:<7} {row.target_text:<32} "
            f"{peer}{row.note}")
