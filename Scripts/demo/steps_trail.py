"""The trail of each Region, and what shows when somebody has been at it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from .world import World, eventually, events_named


def trail(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("The trail of each Region", "M15"):
        def names(region: str, *more: str) -> list[str]:
            return events_named(cli.json("trail", "list", "--limit", "1000", *more, region=region))

        for region, event in (
            (world.primary, "CreateUser"), (world.primary, "CreateGroup"),
            (world.primary, "CreateInstance"), (world.primary, "AddRegion"),
            (world.primary, "CreateKey"), (world.primary, "CreatePermissionSet"),
            (world.primary, "CreateAccountAssignment"), (world.primary, "UserAuthentication"),
            (world.primary, "GetRoleCredentials"), (world.additional, "UserAuthentication"),
            (world.additional, "GetRoleCredentials"), (world.additional, "CreateApplication"),
        ):
            check("M15", f"{region} records {event}", names(region, "--event-name", event))
        for event in ("CreateUser", "AddRegion"):
            check("M15", f"{world.additional} records no {event} of the primary's", not [
                e for e in cli.json("trail", "list", "--event-name", event, "--limit", "1000",
                                    region=world.additional).get("events", [])
                if not e["event"].get("errorCode")])
        refused = cli.json("trail", "list", "--event-name", "UserAuthentication", "--limit", "1000",
                           region=world.additional).get("events", [])
        check("M15", "refused sign-ins are recorded too",
              [e for e in refused if e["event"].get("errorCode")
               or "Failure" in e["event"].get("additionalEventDataJson", "")
               or "Failure" in e["event"].get("responseElementsJson", "")])
        for region in world.regions:
            verified = cli.json("trail", "verify", region=region)
            check("M15", f"{region}: the chain of {verified.get('events')} events is intact",
                  verified.get("intact"), verified)


def tampered(world: World) -> None:
    """Somebody who can write the additional Region's database takes the end of its trail away."""
    cli, check, region = world.cli, world.verdict.check, world.additional
    with world.verdict.step("A trail whose end was cut off", "B7"):
        # Checkpoints of others are no reason to sign one.
        had = next(int(e["sequence"]) for e in cli.json(
            "trail", "list", "--limit", "50", region=region)["events"]
            if e["event"]["eventName"] != "WitnessTrailCheckpoint")

        def alarm() -> str:
            done = cli.run("status", region=world.primary)
            return done.stdout + done.stderr

        eventually("the other Region has taken down where it stands", lambda: any(
            int(each["sequence"]) >= had for each in _taken_down(world, region)), 30)
        before = cli("trail", "verify", region=region)
        check("B7", "the trail agrees with what the other Region has signed of it",
              "agrees with" in before and world.primary in before, before)
        path = world.cluster.directory / "data" / region / "coordinator" / "log.sqlite"
        kept = had - 20
        with _stopped(world, region):
            events, end = _cut(path, kept)
        alone = cli.run("trail", "verify", "--witness", region, region=region)
        check("B7", "by itself the chain is intact: nothing tells that 20 events are missing",
              alone.returncode == 0, alone.stdout + alone.stderr)
        compared = cli.run("trail", "verify", region=region)
        check("B7", "compared with the checkpoints it is not",
              compared.returncode == 1 and "checkpoint was signed" in compared.stdout,
              compared.stdout + compared.stderr)
        eventually("the primary sounds an alarm", lambda: "ALARM: The trail of" in alarm(), 30)
        check("B7", "and the primary's status says so by itself", True)
        with _stopped(world, region):
            _put_back(path, kept, events, end)
        check("B7", "with the events put back it agrees again",
              cli.run("trail", "verify", region=region).returncode == 0)
        newest = _taken_down(world, region)[0]
        cli.refused("session", "revoke", "no-such-session", region=region)
        eventually("the other Region takes down that it went on",
                   lambda: _taken_down(world, region)[0] != newest, 30)
        check("B7", "the alarm stands though the trail has gone on", "ALARM" in alarm())
        said = cli("trail", "acknowledge", region, "--note", "the demo cut it off",
                   region=world.primary)
        check("B7", "an administrator acknowledges it", "Acknowledged" in said, said)
        check("B7", "and the alarm has ended", "ALARM" not in alarm(), alarm())


def _taken_down(world: World, region: str) -> list[dict]:
    """What the primary's trail says of a Region's checkpoints, newest first."""
    events = world.cli.json("trail", "list", "--event-name", "WitnessTrailCheckpoint",
                            "--limit", "100", region=world.primary).get("events", [])
    details = [json.loads(e["event"]["serviceEventDetailsJson"]) for e in events]
    return [each for each in details if each["region"] == region]


class _stopped:  # noqa: N801 - used as a statement
    """A Region whose coordinator stands still for as long as the block takes."""

    def __init__(self, world: World, region: str) -> None:
        self.cluster, self.region = world.cluster, region

    def __enter__(self) -> None:
        self.cluster.kill(self.region, ("coordinator",))

    def __exit__(self, *_: object) -> None:
        self.cluster.start(self.region, ("coordinator",))
        self.cluster.wait_healthy(self.region)


def _cut(path: Path, kept: int) -> tuple[list[tuple], tuple]:
    """Removes all events after kept, so that the chain is whole; answers with what was removed."""
    with closing(sqlite3.connect(path)) as database, database:
        events = database.execute("SELECT * FROM trail WHERE sequence > ?", (kept,)).fetchall()
        end = database.execute("SELECT sequence, hash FROM trail_head").fetchone()
        database.execute("DELETE FROM trail WHERE sequence > ?", (kept,))
        database.execute("UPDATE trail_head SET sequence = ?, hash = "
                         "(SELECT hash FROM trail WHERE sequence = ?)", (kept, kept))
    return events, end


def _put_back(path: Path, kept: int, events: list[tuple], end: tuple) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM trail WHERE sequence > ?", (kept,))
        marks = ", ".join("?" * len(events[0]))
        database.executemany(f"INSERT INTO trail VALUES ({marks})", events)  # noqa: S608
        database.execute("UPDATE trail_head SET sequence = ?, hash = ?", end)
