"""What goes wrong, chosen by the seed, for a bounded time each."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from Scripts.demo.cluster import ALL_REGIONS, Cli

from .database_faults import DatabaseFaults
from .history import History
from .regions import Regions


class Faults:
    """All faults; each is a context manager that heals at its end."""

    def __init__(self, regions: Regions, history: History, chance: random.Random,
                 tell: Callable[[str], None]) -> None:
        self.regions, self.network, self.chance = regions, regions.network, chance
        self.tell = tell
        self.cli = Cli(regions)
        self.promotions = {"planned": 0, "forced": 0, "refused": 0}
        self.database = regions.database and DatabaseFaults(
            regions, history, chance, tell, self.primary)

    def primary(self) -> str | None:
        """Whom a majority takes for the primary; None when nobody can be asked."""
        votes: dict[str, int] = {}
        for region in ALL_REGIONS:
            done = self.cli.run("instance", "show", "--timeout", "3", region=region,
                                json_output=True)
            if done.returncode == 0:
                name = done.stdout.partition('"primaryRegion"')[2].split('"')[1]
                votes[name] = votes.get(name, 0) + 1
        return max(votes, key=votes.__getitem__) if votes else None

    def one(self) -> None:
        """One fault, from beginning to end."""
        kinds = (self.kill_service, self.kill_region, self.freeze, self.cut_link, self.cut_one_way,
                 self.isolate, self.slow, self.full_disk, self.damaged_entry, self.damaged_entry,
                 self.damaged_pages, self.expired_certificate, self.planned, self.planned, self.forced)
        if self.database:
            kinds += self.database.kinds
        words = [word for word in os.environ.get("FAULTS", "").split(",") if word]
        if words:
            kinds = tuple(k for k in kinds if any(word in k.__name__ for word in words))
        fault = self.chance.choice(kinds)
        with fault():
            if self.database and fault in self.database.kinds and self.chance.random() < 0.3:
                self._another()
            time.sleep(self.chance.uniform(1.5, 5))
        time.sleep(self.chance.uniform(0.5, 2.5))

    def _another(self) -> None:
        """A second fault while the database is not well."""
        kinds = (self.kill_service, self.kill_region, self.isolate, self.cut_one_way, self.planned,
                 self.planned, self.forced, self.forced)
        with self.chance.choice(kinds)():
            time.sleep(self.chance.uniform(0.5, 3))

    def _region(self) -> str:
        return self.chance.choice(ALL_REGIONS)

    @contextmanager
    def kill_service(self) -> Iterator[None]:
        region = self._region()
        service = self.chance.choice(self.regions.services(region))
        self.tell(f"SIGKILL {service} in {region}")
        self.regions.kill(region, (service,))
        yield
        self.regions.start(region, (service,))

    @contextmanager
    def kill_region(self) -> Iterator[None]:
        region = self._region()
        self.tell(f"SIGKILL everything in {region}")
        self.regions.kill(region)
        yield
        self.regions.start(region)

    @contextmanager
    def freeze(self) -> Iterator[None]:
        region = self._region()
        service = self.chance.choice(self.regions.services(region))
        self.tell(f"SIGSTOP {service} in {region}")
        self.regions.signal(region, service, signal.SIGSTOP)
        yield
        self.regions.signal(region, service, signal.SIGCONT)

    @contextmanager
    def cut_link(self) -> Iterator[None]:
        one, other = self.chance.sample(ALL_REGIONS, 2)
        self.tell(f"cut {one} - {other}")
        self.network.link(one, other)
        yield
        self.network.link(one, other, is_cut=False)

    @contextmanager
    def cut_one_way(self) -> Iterator[None]:
        one, other = self.chance.sample(ALL_REGIONS, 2)
        self.tell(f"cut {one} -> {other}")
        self.network.one_way(one, other)
        yield
        self.network.one_way(one, other, is_cut=False)

    @contextmanager
    def isolate(self) -> Iterator[None]:
        region = self._region()
        self.tell(f"isolate {region}")
        self.network.isolate(region)
        yield
        self.network.isolate(region, is_cut=False)

    @contextmanager
    def slow(self) -> Iterator[None]:
        region = self._region()
        self.tell(f"slow {region}: {self.network.slow(region)}")
        yield
        self.network.slow(region, is_slow=False)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        region = self._region()
        self.tell(f"full disk in {region}")
        self.regions.fill_disk(region)
        yield
        self.regions.fill_disk(region, is_full=False)
        # A database server without room ends.
        self.regions.start(region)

    @contextmanager
    def damaged_entry(self) -> Iterator[None]:
        """The Region must find it and get it back from another one, also as the primary."""
        region = self._region()
        self.regions.kill(region, (*self.regions.coordinators(region), "directory"))
        self.tell(f"damage in {region}: {self.regions.damage(region, self.chance)}")
        self.regions.start(region)
        yield

    @contextmanager
    def damaged_pages(self) -> Iterator[None]:
        """A replica's database is beyond repair: it serves nothing wrong, and is set up anew."""
        primary = self.primary()
        # What only a former primary holds would be lost with its disk, as Docs/guarantees.md says.
        if primary is None or self.cli.run("region", "verify", region=primary).returncode != 0:
            self.tell("no disk is overwritten: the Regions are not equal")
            yield
            return
        # Pages of PostgreSQL's are its own to guard.
        region = self.chance.choice([
            r for r in ALL_REGIONS if r != primary and not self.regions.has_database(r)])
        self.regions.kill(region, ("coordinator", "directory"))
        self.tell(f"overwritten in {region}: {self.regions.overwrite(region, self.chance)}")
        self.regions.start(region)
        yield
        self.regions.kill(region)
        self.regions.empty(region)
        self.regions.start(region)
        for command in (("remove", region, "--lost"), ("add", region)):
            self._until_done(*command)

    def _until_done(self, *command: str) -> None:
        end = time.monotonic() + 90
        # The Region itself knows nothing any more.
        while (done := self.cli.run(
                "region", *command, region=self.primary(), timeout=120)).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError(f"region {' '.join(command)}: {done.stderr[-400:]}")
            time.sleep(1)
        self.tell(f"region {' '.join(command)}")

    @contextmanager
    def expired_certificate(self) -> Iterator[None]:
        region = self._region()
        concerned = self.regions.coordinators(region)
        self.tell(f"expired certificate of the coordinator in {region}")
        self.regions.kill(region, concerned)
        before = self.regions.expire(region, "coordinator")
        self.regions.start(region, concerned)
        yield
        self.regions.restore(region, "coordinator", before)
        self.regions.kill(region, concerned)
        self.regions.start(region, concerned)

    @contextmanager
    def planned(self) -> Iterator[None]:
        target = self._region()
        done = self.cli.run("region", "promote", target, "--timeout", "30", json_output=True)
        self._count("planned", target, done)
        yield

    @contextmanager
    def forced(self) -> Iterator[None]:
        """The primary is cut off, or killed, and another Region takes its place."""
        primary = self.primary()
        if primary is None:
            yield
            return
        target = self.chance.choice([r for r in ALL_REGIONS if r != primary])
        is_killed = self.chance.random() < 0.5
        self.tell(f"{'SIGKILL everything in' if is_killed else 'isolate'} {primary}, the primary")
        if is_killed:
            self.regions.kill(primary)
        else:
            self.network.isolate(primary)
        time.sleep(self.chance.uniform(0.2, 2))
        done = self.cli.run("region", "promote", target, "--force", "--timeout", "30",
                            json_output=True)
        self._count("forced", target, done)
        yield
        if is_killed:
            self.regions.start(primary)
        else:
            self.network.isolate(primary, is_cut=False)

    def _count(self, kind: str, target: str, done) -> None:  # noqa: ANN001
        if done.returncode == 0:
            self.promotions[kind] += 1
            self.tell(f"{kind} promotion of {target}")
        else:
            self.promotions["refused"] += 1
            reason = done.stderr.strip().splitlines()[:1]
            self.tell(f"{kind} promotion of {target} refused: {' '.join(reason)[:160]}")
