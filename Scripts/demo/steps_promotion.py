"""Last part: a third Region, and the role of the primary moves: planned both ways, and forced."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from . import steps_emergency as emergency
from .cluster import PRIMARY, THIRD
from .rpc import Directory, RPCError
from .scim import ScimClient, ScimError
from .steps_regions import difference, everything, reading
from .steps_setup import hand_over_metadata
from .world import World, eventually, events_named

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


def third_region(world: World) -> None:
    cluster, cli, check = world.cluster, world.cli, world.verdict.check
    with world.verdict.step(f"A third Region: {THIRD}", "M6", "B4"):
        cluster.start(THIRD)
        cluster.wait_healthy(THIRD)
        cli("key", "replicate", world.facts["key"], "--to", THIRD, "--baseline-policy")
        cli("region", "add", THIRD, timeout=180)
        eventually(f"{THIRD} serves", lambda: not reading(world, THIRD), 30)
        world.regions = (*world.regions, THIRD)
        hand_over_metadata(world)
        check("M6", f"{THIRD} is ACTIVE and serves", True)
        _equal(world, "B4")


def lag_and_tokens(world: World) -> None:
    check = world.verdict.check
    with world.verdict.step("Lag is measured, and reads can demand a position", "B2", "B3"):
        def measured() -> dict | None:
            status = world.cli.json("status", region=world.primary)
            lags = [int(s.get("lagUs", -1)) for r in status.get("replicas", [])
                    for s in r.get("streams", [])]
            return status if len(lags) == 4 and min(lags) >= 0 else None

        status = eventually("a canary of every stream has come everywhere", measured)
        for replica in status["replicas"]:
            lags = {s["stream"]: int(s["lagUs"]) / 1000 for s in replica["streams"]}
            check("B2", f"{replica['region']} is behind by " + ", ".join(
                f"{lag:.1f} ms in {stream}" for stream, lag in sorted(lags.items())),
                max(lags.values()) < 5000, lags)
            check("B2", f"and its clock by {int(replica.get('clockSkewUs', 0)) / 1000:.1f} ms",
                  int(replica.get("roundTripUs", -1)) >= 0, replica)
        _read_your_writes(world)


def _read_your_writes(world: World) -> None:
    """Writes in the primary, reads the position elsewhere at once: the write, or a wait for it."""
    outcomes = {"seen": 0, "not yet": 0, "missing": 0}
    readers = {region: world.directory(region) for region in world.regions[1:]}
    with world.directory(world.primary) as connection:
        writer = Directory(connection)
        for number in range(30):
            request = writer.types.CreateUserRequest()
            request.user.user_name = f"token.{number}@meridian.example"
            request.user.display_name = f"Token {number}"
            made = connection.call("directory.v1.Directory/CreateUser", request,
                                   writer.types.CreateUserResponse())
            for other in readers.values():
                wanted = writer.types.GetUserRequest(
                    user_id=made.user.user_id, at_least=made.position)
                try:
                    other.call("directory.v1.Directory/GetUser", wanted,
                               writer.types.GetUserResponse())
                    outcomes["seen"] += 1
                except RPCError as refusal:
                    kind = "not yet" if refusal.reason == "NOT_REPLICATED_YET" else "missing"
                    outcomes[kind] += 1
    for other in readers.values():
        other.__exit__()
    world.verdict.check("B3", f"{outcomes['seen']} reads elsewhere saw the write they demanded",
                        outcomes["seen"] > 0 and outcomes["missing"] == 0, outcomes)


class Provisioning(threading.Thread):
    """An identity provider that goes on provisioning people, at whatever Region takes it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(daemon=True)
        self.world, self.name = world, name
        self.acknowledged: list[str] = []
        self.refusals: list[str] = []
        self.longest_gap = 0.0
        self.ending = threading.Event()

    def run(self) -> None:
        clients = {region: scim(self.world, region) for region in self.world.regions}
        order = list(self.world.regions)
        last = time.monotonic()
        number = 0
        while not self.ending.is_set():
            number += 1
            try:
                clients[order[0]].send("POST", "/Users", {
                    "schemas": [USER], "userName": f"{self.name}.{number}@meridian.example",
                    "displayName": f"{self.name} {number}"})
                self.acknowledged.append(f"{self.name}.{number}@meridian.example")
                self.longest_gap = max(self.longest_gap, time.monotonic() - last)
                last = time.monotonic()
            except (ScimError, OSError) as refusal:
                self.refusals.append(str(refusal))
                order.append(order.pop(0))
                time.sleep(0.02)

    def finish(self) -> None:
        self.ending.set()
        self.join(timeout=30)


def scim(world: World, region: str) -> ScimClient:
    """The SCIM endpoint of a Region, with the token that was made at the first primary."""
    endpoint, secret = world.facts["scim"]
    return ScimClient(world.portal(region) + urlsplit(endpoint).path, secret, str(world.trust),
                      "Story/1.0")


def planned(world: World) -> None:
    cli, check, old, new = world.cli, world.verdict.check, world.primary, world.additional
    with world.verdict.step(f"Planned promotion of {new}, under load", "B5"):
        load = Provisioning(world, "planned")
        load.start()
        eventually("people are being provisioned", lambda: len(load.acknowledged) > 20)
        answer = cli.json("region", "promote", new)
        written = len(load.acknowledged)
        eventually("provisioning goes on", lambda: len(load.acknowledged) > written + 20, 30)
        load.finish()
        check("B5", f"{new} is the primary of epoch {answer.get('epoch')}; writes waited "
                    f"{int(answer.get('writeGapUs', 0)) / 1000:.0f} ms, provisioning "
                    f"{load.longest_gap:.1f} s", load.longest_gap < 10, answer)
        _roles(world, new)
        people = _user_names(world, new)
        missing = [name for name in load.acknowledged if name not in people]
        check("B5", f"none of {len(load.acknowledged)} acknowledged people is lost", not missing,
              missing[:5])
        _followers(world, old, new)
        world.primary, world.additional = new, old
        _equal(world, "B5")
    emergency.after_promotion(world)


def _roles(world: World, primary: str) -> None:
    check = world.verdict.check

    def agreed() -> bool:
        return all(world.cli.json("instance", "show", region=region)["instance"]["primaryRegion"]
                   == primary for region in world.regions)

    eventually(f"all Regions follow {primary}", agreed)
    check("B5", f"all Regions follow {primary}", True)
    key = world.cli.json("key", "show", world.facts["key"], region=primary)["keyMetadata"]
    check("B5", "the primary role of the KMS key went along",
          key["multiRegionKeyType"].endswith("PRIMARY"), key)


def _followers(world: World, old: str, new: str) -> None:
    """SCIM, sign-in, console and command line after a change of the primary."""
    check = world.verdict.check
    try:
        scim(world, old).send("POST", "/Users", {
            "schemas": [USER], "userName": "nobody@meridian.example", "displayName": "Nobody"})
        check("B5", f"SCIM refuses in {old}", False)
    except ScimError as refusal:
        check("B5", f"SCIM in {old} refuses and names {new}",
              new in refusal.body or world.portal(new) in refusal.body, refusal)
    said = world.cli.refused("user", "create", "--user-name", "x@y.example", "--display-name", "X",
                             "--given-name", "X", "--family-name", "Y", region=old)
    check("B5", f"so does every other write in {old}", "NOT_PRIMARY" in said and new in said, said)
    for region in world.regions:
        browser, page = world.sign_in(region, world.engineer)
        check("B5", f"people sign in at {region}", world.landed(page, region, world.engineer),
              page.text)
        console = browser.open(f"{world.portal(region)}/console/settings")
        check("B5", f"the console of {region} names {new} as the primary",
              console.status == 200 and new in console.text, console.text)


def _user_names(world: World, region: str) -> set[str]:
    with world.directory(region) as connection:
        return {user.user_name for user in Directory(connection).users().values()}


def _equal(world: World, row: str) -> None:
    verified = eventually("the Regions agree", lambda: (
        lambda v: v if v.get("equal") else None)(
            world.cli.json("region", "verify", region=world.primary)), 60)
    world.verdict.check(row, f"{verified.get('compared')} digests of {len(world.regions)} Regions "
                             "are equal", verified.get("equal"), verified)


def forced(world: World) -> None:
    """The primary is cut off, acknowledges more, and is lost; another Region takes its place."""
    cluster, cli, check = world.cluster, world.cli, world.verdict.check
    old = world.primary
    others = [region for region in world.regions if region != old]
    new = PRIMARY
    with world.verdict.step(f"{old} is cut off, goes on, and is lost", "B5"):
        said = cli.refused("region", "promote", new, "--force")
        check("B5", "while the primary answers, force is refused", "PRIMARY_REACHABLE" in said,
              said)
        for region in others:
            cluster.kill(region, ("coordinator",))
        client = scim(world, old)
        lost = [client.send("POST", "/Users", {
            "schemas": [USER], "userName": f"lost.{number}@meridian.example",
            "displayName": f"Lost {number}"})["id"] for number in range(5)]
        changed = world.mariner.user_id
        client.send("PATCH", f"/Users/{changed}", {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "title", "value": "Written Alone"}]})
        world.facts["lost"] = lost
        cluster.kill(old)
        for region in others:
            cluster.start(region, ("coordinator",))
        for region in others:
            cluster.wait_healthy(region, services=("coordinator",))
        check("B5", f"{old} acknowledged 6 changes that nobody else has", True)
    with world.verdict.step(f"Forced promotion of {new}", "B5"):
        answer = cli.json("region", "promote", new, "--force")
        print(f"      epoch {answer['epoch']}, begins after "
              f"{answer['beginsAfter'].get('sequence')}, asked: "
              + ", ".join(f"{a['region']} {'promised' if a.get('promised') else a.get('problem')}"
                          for a in answer.get("answers", [])))
        check("B5", f"{new} is the primary of epoch {answer['epoch']}",
              int(answer["epoch"]) >= 3 and answer["region"] == new, answer)
        check("B5", "the primary role of both keys was taken over",
              all(key.get("moved") for key in answer["keys"]) and len(answer["keys"]) == 2,
              answer["keys"])
        world.regions = tuple(region for region in world.regions if region != old)
        world.primary, world.additional = new, old
        world.facts["region down"] = old
        eventually(f"{new} takes writes", lambda: _taken(scim(world, new), changed))
        check("B5", f"SCIM goes on in {new}", True)


def _taken(client: ScimClient, user_id: str) -> bool:
    """A change after the promotion; the portal may not have heard of it for a moment."""
    try:
        client.send("PATCH", f"/Users/{user_id}", {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "title", "value": "Written Since"}]})
    except ScimError as refusal:
        if refusal.status == 403 and "primary Region" in refusal.body:
            return False
        raise
    return True


def returning(world: World) -> None:
    cluster, cli, check, back = world.cluster, world.cli, world.verdict.check, world.additional
    with world.verdict.step(f"{back} comes back", "B5", "B4"):
        cluster.start(back)
        cluster.wait_healthy(back, 60)
        world.facts.pop("region down", None)
        world.regions = (world.primary, back, THIRD)

        def fenced() -> str:
            done = cli.run("user", "create", "--user-name", "late@y.example", "--display-name", "X",
                           "--given-name", "X", "--family-name", "Y", region=back)
            return done.stderr if "NOT_PRIMARY" in done.stderr else ""

        said = eventually("it refuses writes", fenced)
        check("B5", f"it is fenced: writes are refused and name {world.primary}",
              "NOT_PRIMARY" in said and world.primary in said, said)
        events = eventually("it has proved that it is equal", lambda: (
            lambda names: names if "RejoinInstance" in names else None)(events_named(
                cli.json("trail", "list", "--limit", "1000", region=back))), 60)
        check("B5", "its trail says so: PrimaryFenced, ExportUnreplicatedEntries, RejoinInstance",
              {"PrimaryFenced", "ExportUnreplicatedEntries"} <= set(events), events)
        eventually("its directory is open", lambda: not reading(world, back), 30)
        names = _user_names(world, back)
        check("B5", "what it acknowledged alone has not been merged",
              not any(name.startswith("lost.") for name in names))
        _equal(world, "B4")
        one, other = everything(world, world.primary), everything(world, back)
        check("B4", "every record is the same in both", one == other, "; ".join(
            difference(one[noun], other[noun]) for noun in one))
    with world.verdict.step("What it had acknowledged alone", "B5"):
        exports = cli.json("region", "unreplicated", region=back)["exports"]
        check("B5", f"{exports[-1]['entries']} entries are in a file, with a report",
              Path(exports[-1]["path"]).exists() and "lost" not in exports[-1]["report"]
              and "CreateUser" in exports[-1]["report"], exports)
        file = exports[-1]["path"]
        dry = cli("region", "reapply", file, "--dry-run")
        print("\n".join("      " + line for line in dry.splitlines()))
        check("B5", "a dry run names what would be applied, and what has changed since",
              dry.count("would be applied") >= 5 and "changed since" in dry, dry)
        done = cli.run("region", "reapply", file)
        check("B5", "applying it leaves the newer change alone", done.returncode == 1
              and "changed since" in done.stdout, done.stdout + done.stderr)
        with world.directory(world.primary) as connection:
            users = Directory(connection).users()
        check("B5", "the five people are there, with the IDs that SCIM was told",
              all(identifier in users for identifier in world.facts["lost"]))
        check("B5", "and the person who was changed twice has the newer state",
              users[world.mariner.user_id].title == "Written Since",
              users[world.mariner.user_id].title)


def back(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("The role goes round once more", "B5"):
        for target in (THIRD, PRIMARY):
            answer = cli.json("region", "promote", target)
            check("B5", f"{target} is the primary of epoch {answer['epoch']}",
                  all(key.get("moved") for key in answer["keys"]), answer)
        _roles(world, PRIMARY)
        _equal(world, "B5")
        print("\n".join("      " + line for line in cli("status").splitlines()))
