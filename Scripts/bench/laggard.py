"""What a Region far behind costs the primary."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .rows import Results
from .system import System

#: Without the Region and with it: what drifts during the row cancels out.
TURNS = (False, True, True, False) * 5


def measure(system: System, results: Results, behind: int) -> None:
    """The primary's rate of writes without a Region that copies, and with it, in turns.

    On two Regions' machines only what the primary does for the other would cost it anything. So the
    primary has one core by itself, and the other Region and the load generator have the other one;
    the Region copies with what the generator leaves, onto a disk of its own (in memory). Its
    coordinator stands still while it falls behind, and in the turns without it. The primary's
    directory writes no snapshots meanwhile: one takes seconds of a core, every fourth turn or so, and
    would be counted for whichever kind of turn it falls into.
    """
    primary, other = system.world.primary, system.world.additional
    system.kill("coordinator", other)
    behind = system.load("fill", "--first", 30_000_000, "--users", behind, timed=False,
                         timeout=1200)["calls"]
    before = system.status(other).users
    rates: dict[bool, list[float]] = {False: [], True: []}
    used: dict[bool, list[float]] = {False: [], True: []}
    runs = False
    with (_no_snapshots(system), _disk_in_memory(system, other),
          _cores(system, primary, other)):
        for turn, wanted in enumerate(TURNS):
            if wanted and not runs:
                system.cluster.start(other, ("coordinator",))
                system.cluster.wait_healthy(other, services=("coordinator",))
                _give_way(system, other)
            elif runs and not wanted:
                system.kill("coordinator", other)
            runs = wanted
            seconds = system.processor_seconds(primary)
            done = system.load("fill", "--first", 40_000_000 + turn * 1_000_000)
            rates[wanted].append(done["perSecond"])
            used[wanted].append((system.processor_seconds(primary) - seconds) / done["calls"])
            behind += done["calls"]
            print(f"  turn {turn + 1} of {len(TURNS)}, {'with' if wanted else 'without'} it: "
                  f"{done['perSecond']:,.0f} users/s", flush=True)
            if wanted:
                copied = system.status(other).users - before
    system.people += behind
    if copied >= behind:
        raise RuntimeError("the Region caught up while it was measured: give it more to copy")
    alone, together = (statistics.fmean(rates[key]) for key in (False, True))
    time = {key: statistics.fmean(used[key]) * 1e6 for key in used}
    results.put(
        "replication.laggard-cost", (1 - together / alone) * 100,
        f"{alone:,.0f} users/s alone ({_spread(rates[False])}), {together:,.0f} "
        f"({_spread(rates[True])}) while a Region {behind - copied:,} entries behind copies "
        f"{copied:,}; {len(TURNS) // 2} turns each, the primary on one core: {time[False]:.1f} and "
        f"{time[True]:.1f} us of it for a user")


def _spread(rates: list[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}"


def _threads(system: System, region: str) -> Iterator[int]:
    for (name, _), process in system.cluster.processes.items():
        if name == region and process.poll() is None:
            yield from (int(thread) for thread in os.listdir(f"/proc/{process.pid}/task"))


def _give_way(system: System, region: str) -> None:
    for thread in _threads(system, region):
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def _cores(system: System, primary: str, other: str) -> Iterator[None]:
    """The primary on the first core, all else on the second."""
    usable = os.sched_getaffinity(0)
    first, second, *_ = sorted(usable)

    def confine(region: str, cores: set[int]) -> None:
        for thread in _threads(system, region):
            os.sched_setaffinity(thread, cores)

    confine(primary, {first})
    confine(other, {second})
    os.sched_setaffinity(0, {second})  # and what is started from here
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)
        confine(primary, usable)
        confine(other, usable)


@contextmanager
def _no_snapshots(system: System) -> Iterator[None]:
    """The primary's directory with a pace at which none is due."""
    system.set(system.world.primary, "snapshotEntries", 1_000_000_000)
    _restart_directory(system)
    try:
        yield
    finally:
        system.set(system.world.primary, "snapshotEntries", None)
        _restart_directory(system)


def _restart_directory(system: System) -> None:
    system.restart("directory")
    system.wait_open(system.world.primary, system.people)


@contextmanager
def _disk_in_memory(system: System, region: str) -> Iterator[None]:
    """Puts the data of a Region's stopped coordinator into memory for a while."""
    data = system.cluster.directory / "data" / region / "coordinator"
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="portolan-bench-") as memory:
        copy = Path(shutil.copytree(data, Path(memory) / "coordinator"))
        shutil.rmtree(data)
        data.symlink_to(copy)
        try:
            yield
        finally:
            if system.process("coordinator", region).poll() is None:
                system.kill("coordinator", region)
            data.unlink()
            shutil.copytree(copy, data)
    system.cluster.start(region, ("coordinator",))
