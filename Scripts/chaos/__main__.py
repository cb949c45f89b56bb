"""Faults in real processes, a part of `make chaos SEED=1 MINUTES=5`.

Environment: SEED (1), MINUTES (3), PORTOLAN (the executable), CHAOS_DIRECTORY (.chaos), VERBOSE=1.
ENGINE says which Region keeps its log in PostgreSQL, on two servers and with two coordinators: its name,
"primary" (the one at the beginning), "replica", or "sqlite" for none. By default the seed chooses.
FAULTS=word,word limits the faults to those whose names contain one of the words.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from pathlib import Path

from Scripts.demo import rpc
from Scripts.demo.cluster import ALL_REGIONS, Cli, DemoError

from .clients import Reader, Writer, status, users
from .database import Database
from .faults import Faults
from .history import History
from .network import Network, NetworkError
from .regions import Regions, describe, is_root, parts

PROJECT = Path(__file__).parents[2]


def prepare(regions: Regions) -> None:
    """Three Regions of one instance, all active."""
    regions.prepare()
    rpc.generate(regions.directory / "python")
    for region in ALL_REGIONS:
        regions.start(region)
    for region in ALL_REGIONS:
        regions.wait_serving(region)
    cli = Cli(regions)
    cli("instance", "create", "--name", "Chaos", "--identity-source", "external-idp")
    metadata = regions.directory / "idp.xml"
    metadata.write_text((PROJECT / "Tests/SAMLTests/Fixtures/idp-metadata.xml").read_text())
    cli("instance", "set-idp", "--metadata", str(metadata))
    key = cli.json("key", "create", "--multi-region", "--baseline-policy")["keyMetadata"]["keyId"]
    cli("instance", "update", "--kms-key", key)
    first, *others = ALL_REGIONS
    for region in others:
        cli("key", "replicate", key, "--to", region, "--baseline-policy")
        deadline = time.monotonic() + 60
        while cli.run("region", "add", region, timeout=120).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(cli.refused("region", "add", region))
            time.sleep(0.5)


def settle(regions: Regions, history: History) -> None:
    """Everything healed: all Regions must serve, agree, and hold what was acknowledged."""
    regions.network.heal()
    for region in ALL_REGIONS:
        regions.fill_disk(region, is_full=False)
        regions.start(region)
    for region in ALL_REGIONS:
        regions.wait_serving(region)
    cli = Cli(regions)
    deadline = time.monotonic() + 90
    answer: dict = {}
    while time.monotonic() < deadline:
        done = cli.run("region", "verify", json_output=True)
        if done.returncode == 0:
            break
        answer = {"said": (done.stdout + done.stderr)[-600:]}
        time.sleep(1)
    else:
        history.violation(f"the Regions do not agree at the end: {answer}")
    for region in ALL_REGIONS:
        chain = cli.run("trail", "verify", region=region)
        if chain.returncode != 0:
            history.violation(f"the trail of {region}: {(chain.stdout + chain.stderr)[-300:]}")
        # One coordinator of a Region fetches what another one has exported.
        for _ in range(5):
            if cli.run("region", "unreplicated", region=region).returncode == 0:
                break
            time.sleep(1)
        else:
            history.violation(f"the exports of {region} cannot be listed")
    exported = set()
    for region in ALL_REGIONS:
        for path in regions.exports(region):
            for entry in describe(path):
                if entry["domain"] == "directory" and entry["key"].startswith("user/"):
                    exported.add(entry["key"].removeprefix("user/"))
    present = {}
    for region in ALL_REGIONS:
        end = time.monotonic() + 60
        while True:
            try:
                names = users(regions, region)
                history.judge_names(region, names)
                present[region] = set(names)
                break
            except (OSError, rpc.RPCError) as problem:
                if time.monotonic() > end:
                    history.violation(f"{region} cannot be read at the end: {problem}")
                    return
                time.sleep(0.5)
    follow(regions, history, present)
    compared(regions, history)
    history.judge(present, exported)
    if history.violations:
        explain(regions, present)
    print(f"{len(exported)} users were in exports of former primaries", flush=True)


def follow(regions: Regions, history: History, present: dict[str, set[str]],
           seconds: float = 20) -> None:
    """Coordinators that agree are not services that have read everything: those get a while."""
    began = time.monotonic()
    while len(set(map(frozenset, present.values()))) > 1 and time.monotonic() - began < seconds:
        time.sleep(0.5)
        for region in present:
            with contextlib.suppress(OSError, rpc.RPCError):
                names = users(regions, region)
                history.judge_names(region, names)
                present[region] = set(names)
    took = time.monotonic() - began
    if took > 0.5:
        print(f"the directories were looked at again for {took:.1f} s", flush=True)


def compared(regions: Regions, history: History, seconds: float = 30) -> None:
    """Directories compare what they serve with their log: once more at the end, and never in vain."""
    made: dict[str, int] = {}
    for region in ALL_REGIONS:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, rpc.RPCError):
                said = status(regions, region)
                if said.differences:
                    history.violation(f"what {region} served differed from its log "
                                      f"{said.differences} times: {regions.alarms(region)}")
                    break
                if said.comparisons > made.setdefault(region, said.comparisons):
                    break
            time.sleep(0.5)
        else:
            history.violation(f"{region} cannot compare what it serves with its log")


def explain(regions: Regions, present: dict[str, set[str]]) -> None:
    """What helps to understand a difference: whether it passes, and what the database holds of it."""
    time.sleep(10)
    everybody = set().union(*present.values())
    for region, held in present.items():
        for user_id in sorted(everybody - held)[:5]:
            text = f"{user_id} was missing in {region}"
            with contextlib.suppress(OSError, rpc.RPCError):
                text += ", and is there now" if user_id in users(regions, region) else ", and still is"
            if regions.has_database(region):
                text += f"; in the database: {regions.database.rows_of(user_id)}"
            print(text, flush=True)


def region_on_postgresql(engine: str, seed: int) -> str | None:
    """The Region whose log is in PostgreSQL: each in its turn, the first primary with seed 1."""
    first, *others = ALL_REGIONS
    if engine == "":
        return ALL_REGIONS[(seed - 1) % len(ALL_REGIONS)]
    if engine == "replica":
        return others[seed % len(others)]
    if engine not in ("sqlite", "primary", *ALL_REGIONS):
        raise DemoError(f"ENGINE is sqlite, primary, replica or one of {', '.join(ALL_REGIONS)}.")
    return {"sqlite": None, "primary": first}.get(engine, engine)


def processes(seed: int, minutes: float, binary: Path) -> bool:
    number = os.getpid() % 200 + 20
    chosen = region_on_postgresql(os.environ.get("ENGINE", ""), seed)
    network = Network(ALL_REGIONS, number, {chosen: parts(chosen)} if chosen else {})
    directory = Path(os.environ.get("CHAOS_DIRECTORY", PROJECT / ".chaos")).absolute()
    database = Database(
        network, chosen, Path(f"/tmp/portolan-chaos-{number}-{seed}")) if chosen else None
    regions = Regions(binary, directory, network, database)
    history = History()
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"  {time.monotonic() - began:6.1f} s  {text}", flush=True)

    clients: list = []
    faults = None
    try:
        network.up()
        prepare(regions)
        tell("three Regions serve" + (f", {chosen} on PostgreSQL" if chosen else ""))
        clients = [Writer(regions, history, seed * 100 + number) for number in range(3)]
        clients += [Reader(regions, history, seed * 100 + 50 + number) for number in range(3)]
        for client in clients:
            client.start()
        time.sleep(1)
        faults = Faults(regions, history, random.Random(seed), tell)
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end and not history.violations:
            faults.one()
        network.heal()
        time.sleep(2)
    finally:
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join(timeout=15)
        try:
            if faults is not None:
                settle(regions, history)
        finally:
            regions.remove()
            network.down()
    deleted = sum(1 for write in history.writes.values() if write.deleted)
    print(f"seed {seed}: {len(history.writes)} people made, {deleted} deleted; reads "
          + ", ".join(f"{count} {what}" for what, count in sorted(history.reads.items()))
          + "; promotions " + ", ".join(f"{n} {what}" for what, n in faults.promotions.items())
          + f"; {len(history.writers)} epochs wrote"
          + (f"; {faults.database.failovers} failovers of PostgreSQL" if chosen else ""))
    for violation in history.violations[:20]:
        print(f"VIOLATION: {violation}")
    return not history.violations


def main() -> int:
    os.chdir(PROJECT)
    binary = Path(os.environ.get("PORTOLAN", PROJECT / ".build/debug/portolan")).absolute()
    if not binary.exists():
        print(f"{binary} is not there: run `swift build --product portolan`.", file=sys.stderr)
        return 2
    seed = int(os.environ.get("SEED", "1"))
    if not is_root():
        print("Network namespaces need root: the real processes are left out.", file=sys.stderr)
        return 2
    try:
        good = processes(seed, float(os.environ.get("MINUTES", "3")), binary)
    except (NetworkError, DemoError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print("no violation" if good else f"violations: run it again with SEED={seed}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
