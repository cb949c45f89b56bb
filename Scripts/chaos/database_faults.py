"""What goes wrong with a Region's PostgreSQL and with the coordinators that share it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .database import Database
from .regions import Regions

if TYPE_CHECKING:
    import random

    from .history import History

# The lease of the coordinator that leads is for five seconds; the other one asks for it every second.
TAKEOVER_MAX = 9.0
WRITES_MAX = 45.0


class DatabaseFaults:
    """Faults of the Region whose log is in PostgreSQL; each heals at its end and proves that it has."""

    def __init__(self, regions: Regions, history: History, chance: random.Random,
                 tell: Callable[[str], None], primary: Callable[[], str | None]) -> None:
        self.regions, self.network, self.chance = regions, regions.network, chance
        self.database: Database = regions.database
        self.region = self.database.region
        self.history, self.tell, self.primary = history, tell, primary
        self.failovers = 0
        self.kinds = (self.server_killed, self.server_killed, self.server_stopped,
                      self.server_stopped, self.server_restarted, self.standby_killed,
                      self.sessions_cut, self.coordinator_killed, self.coordinator_killed,
                      self.coordinator_frozen, self.coordinator_cut, self.coordinator_cut)

    @contextmanager
    def server_killed(self) -> Iterator[None]:
        """The primary's machine is lost at once; it starts again, or the standby takes its place."""
        lost = self.database.primary
        fails_over = self.chance.random() < 0.7
        self.tell(f"SIGKILL PostgreSQL {lost.name}, the primary of {self.region}")
        self.database.kill(lost)
        time.sleep(self.chance.uniform(0, 1.5))
        if fails_over:
            self._fail_over()
        yield
        if fails_over:
            self._rebuild()
        else:
            self.database.start(lost)
        self._writes_again()

    @contextmanager
    def server_stopped(self) -> Iterator[None]:
        """The primary stands still, the standby takes its place, and the old one is back unfenced: it
        believes itself primary. It may even be started anew, and then shows what it answered nobody."""
        old = self.database.primary
        self.tell(f"SIGSTOP PostgreSQL {old.name}, the primary of {self.region}")
        self.network.signal(old.node, signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.2, 2))
        self._fail_over()
        time.sleep(self.chance.uniform(0, 3))
        self.network.signal(old.node, signal.SIGCONT)
        self.tell(f"{old.name} is back, and takes itself for the primary")
        if self.chance.random() < 0.6:
            time.sleep(self.chance.uniform(0, 1))
            self.database.restart(old)
            self.tell(f"{old.name} has been started anew, at revision "
                      f"{self.database.revision(old)}; {self.database.primary.name} is at "
                      f"{self.database.revision(self.database.primary)}")
        yield
        self._writes_again()
        self._rebuild()
        self._writes_again()

    @contextmanager
    def server_restarted(self) -> Iterator[None]:
        self.tell(f"PostgreSQL of {self.region} is shut down at once and started")
        self.database.restart(self.database.primary)
        yield
        self._writes_again()

    @contextmanager
    def standby_killed(self) -> Iterator[None]:
        """Without its standby the primary answers no commit; they are answered when it is back."""
        self.tell(f"SIGKILL PostgreSQL {self.database.standby.name}, the standby of {self.region}")
        self.database.kill(self.database.standby)
        if self.chance.random() < 0.5:
            time.sleep(self.chance.uniform(0.5, 2))
            self.tell("and the primary is shut down at once and started")
            self.database.restart(self.database.primary)
        yield
        self.database.start(self.database.standby)
        self.database.wait_synchronous()
        self._writes_again()

    @contextmanager
    def sessions_cut(self) -> Iterator[None]:
        for _ in range(self.chance.randrange(1, 5)):
            self.tell(f"{self.database.cut_sessions()} sessions of {self.region} are cut off")
            time.sleep(self.chance.uniform(0.1, 0.6))
        yield
        self._writes_again()

    @contextmanager
    def coordinator_killed(self) -> Iterator[None]:
        service = self._coordinator()
        self.tell(f"SIGKILL {service} in {self.region}")
        self.regions.kill(self.region, (service,))
        if self.chance.random() < 0.5:
            # Its machine is gone: nothing that only it had may matter.
            self.tell("and its data directory is lost")
            self.regions.lose_disk(self.region, service)
        self._one_leads()
        self._writes_again()
        yield
        self.regions.start(self.region, (service,))

    @contextmanager
    def coordinator_frozen(self) -> Iterator[None]:
        """It goes on later with what it believed; the database knows better."""
        service = self._coordinator()
        self.tell(f"SIGSTOP {service} in {self.region}")
        self.regions.signal(self.region, service, signal.SIGSTOP)
        self._one_leads()
        yield
        self.regions.signal(self.region, service, signal.SIGCONT)
        self._writes_again()

    @contextmanager
    def coordinator_cut(self) -> Iterator[None]:
        """One coordinator does not reach the database, or only one server of it; the other one does."""
        service = self._coordinator()
        node = self.regions.node(self.region, service)
        servers = list(self.database.servers)
        if self.chance.random() < 0.3:
            servers = [self.chance.choice(servers)]
        names = " and ".join(server.name for server in servers)
        self.tell(f"cut {service} in {self.region} - {names}")
        for server in servers:
            self.network.node_link(node, server.node)
        self._one_leads()
        self._writes_again()
        yield
        for server in servers:
            self.network.node_link(node, server.node, is_cut=False)

    def _coordinator(self) -> str:
        return self.chance.choice(self.regions.coordinators(self.region))

    def _fail_over(self) -> None:
        self.database.promote()
        self.failovers += 1
        self.tell(f"{self.database.primary.name} has been promoted")

    def _rebuild(self) -> None:
        how = self.database.rebuild(self.chance)
        self.tell(f"{self.database.standby.name} is the standby, by {how}")

    def _one_leads(self) -> None:
        """Within a few seconds a coordinator that lives holds the lease, and keeps it."""
        began = time.monotonic()
        while True:
            try:
                # A lease is for five seconds: this one was taken after the fault.
                if self.database.lease() + time.monotonic() - began > 5.4:
                    self.tell(f"a coordinator leads after {time.monotonic() - began:.1f} s")
                    return
            except subprocess.SubprocessError:
                pass
            if time.monotonic() - began > TAKEOVER_MAX:
                self.history.violation(f"no coordinator leads in {self.region} after "
                                       f"{TAKEOVER_MAX} s")
                return
            time.sleep(0.1)

    def _writes_again(self) -> None:
        """Where the Region is the primary, it takes writes again."""
        if self.primary() != self.region:
            return
        began = time.monotonic()
        while (last := self.history.last_write.get(self.region)) is None or last < began:
            if time.monotonic() - began > WRITES_MAX:
                self.history.violation(f"{self.region}, the primary, takes no writes")
                return
            time.sleep(0.02)
        if last - began > 0.5:
            self.tell(f"writes go on after {last - began:.1f} s")
