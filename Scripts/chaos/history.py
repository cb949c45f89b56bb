"""What clients did and were told, and the checks on it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Write:
    """A user that was made, and perhaps deleted; positions as (epoch, sequence)."""

    user_id: str
    region: str
    created: tuple[int, int]
    deleted: tuple[int, int] | None = None
    # A deletion whose answer was lost: it may or may not have happened.
    in_doubt: bool = False


@dataclass
class History:
    writes: dict[str, Write] = field(default_factory=dict)
    # Who acknowledged control writes of an epoch.
    writers: dict[int, set[str]] = field(default_factory=dict)
    # When each Region acknowledged last, by the monotonic clock.
    last_write: dict[str, float] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def violation(self, text: str) -> None:
        with self.lock:
            self.violations.append(text)

    def acknowledged(self, region: str, epoch: int) -> None:
        with self.lock:
            self.last_write[region] = time.monotonic()
            regions = self.writers.setdefault(epoch, set())
            regions.add(region)
            if len(regions) > 1:
                self.violations.append(f"epoch {epoch} has writers {sorted(regions)}")

    def created(self, user_id: str, region: str, position: tuple[int, int]) -> None:
        self.acknowledged(region, position[0])
        with self.lock:
            self.writes[user_id] = Write(user_id, region, position)

    def deleted(self, user_id: str, region: str, position: tuple[int, int]) -> None:
        self.acknowledged(region, position[0])
        with self.lock:
            self.writes[user_id].deleted = position

    def read(self, what: str) -> None:
        with self.lock:
            self.reads[what] = self.reads.get(what, 0) + 1

    def judge_names(self, region: str, names: dict[str, str]) -> None:
        """Nothing is done twice: each person is asked for once, under a name of its own."""
        seen: dict[str, str] = {}
        for user_id, name in names.items():
            if name in seen:
                self.violation(f"{name} is there twice in {region}: {seen[name]} and {user_id}")
            seen[name] = user_id

    def judge(self, present: dict[str, set[str]], exported: set[str]) -> None:
        """The end: users by Region, and the users whose last changes were exported as unreplicated."""
        for region, users in present.items():
            for write in self.writes.values():
                if write.user_id in exported or write.in_doubt:
                    continue
                if write.deleted and write.user_id in users:
                    self.violation(f"{write.user_id} was deleted at {write.deleted} and is back in "
                                   f"{region}")
                if not write.deleted and write.user_id not in users:
                    self.violation(f"{write.user_id}, acknowledged by {write.region} at "
                                   f"{write.created}, is not in {region}")
        first, *others = present.values()
        for other in others:
            if other != first:
                self.violation(f"Regions differ in {sorted(first ^ other)[:5]}")
