"""Last part: the primary is lost, people go on, it comes back, nothing is missing."""

from __future__ import annotations

import time

from .steps_credentials import credential_process_in_outage
from .steps_people import credentials, writes_refused
from .steps_regions import difference, everything, read_user, reading
from .world import World, eventually


def outage(world: World) -> None:
    cluster, check, other = world.cluster, world.verdict.check, world.additional
    with world.verdict.step("What is there before", "M1"):
        before = everything(world, world.primary)
        world.facts["before"] = before
        check("M1", f"{sum(map(len, before.values()))} records in {world.primary}", before["users"])
        browser, _ = world.sign_in(other, world.engineer)
        world.facts["kept browser"] = browser
    with world.verdict.step(f"SIGKILL to all five processes of {world.primary}", "M11"):
        killed = cluster.kill(world.primary)
        world.facts["region down"] = world.primary
        check("M11", f"processes {', '.join(map(str, killed))} are gone", len(killed) == 5, killed)
    with world.verdict.step(f"People go on in {other}", "M11"):
        page = world.facts["kept browser"].open(world.portal(other) + "/start")
        check("M11", "a session from before goes on",
              world.landed(page, other, world.engineer), page.text)
        began = time.monotonic()
        browser, page = world.sign_in(other, world.engineer)
        check("M11", f"a person signs in ({time.monotonic() - began:.2f} s)",
              world.landed(page, other, world.engineer), f"{page.url} {page.status} {page.text}")
        check("M11", "and sees accounts and applications",
              "Platform Production" in page.text and "Shipment Tracker" in page.text, page.text)
        token = world.session_token(browser, other)
        credentials(world, other, token, row="M11")
        credential_process_in_outage(world, token)
        read = read_user(world, other, world.mariner.user_name)
        check("M11", "applications there still read identities",
              world.mariner.user_name in read, read)
    with world.verdict.step("Administration waits for the primary", "M12"):
        writes_refused(world)
        world.cli("application", "create", "--name", "Outage Board",
                  "--start-url", "https://board.halcyon.example/",
                  "--supports-customer-managed-keys", region=other)
        check("M12", "applications there can still be made", True)


def restart(world: World) -> None:
    cluster, check = world.cluster, world.verdict.check
    with world.verdict.step(f"{world.primary} comes back", "M1", "M11"):
        cluster.start(world.primary)
        took = cluster.wait_healthy(world.primary, 60)
        check("M11", f"its processes serve again after {took:.1f} s", True)
        began = time.monotonic()
        eventually("its directory is open", lambda: not reading(world, world.primary), 30)
        check("M11", f"identities can be read {time.monotonic() - began:.1f} s later", True)
        world.facts.pop("region down", None)

        def caught_up() -> bool:
            return "Outage Board" in world.cli("application", "list", region=world.primary)

        eventually("it has what happened meanwhile", caught_up, 60)
        check("M1", "it has the application that was made meanwhile", True)
        before, after = world.facts["before"], everything(world, world.primary)
        for noun, records in before.items():
            kept = {key: after[noun][key] for key in records if key in after[noun]}
            check("M1", f"none of {len(records)} {noun} is lost", records and kept == records,
                  difference(records, after[noun]))
        verified = eventually("the Regions agree", lambda: (
            lambda v: v if v.get("equal") else None)(world.cli.json("region", "verify")), 60)
        check("M1", f"region verify: {verified.get('compared')} digests are equal",
              verified.get("equal"), verified)
        browser, page = world.sign_in(world.primary, world.engineer)
        check("M11", "people sign in there again",
              world.landed(page, world.primary, world.engineer), page.text)
        world.cli("user", "create", "--user-name", "back.again@meridian.example",
                  "--display-name", "Back Again", "--given-name", "Back",
                  "--family-name", "Again", region=world.primary)
        eventually("the write arrives", lambda: "back.again@meridian.example" in world.cli(
            "user", "show", "back.again@meridian.example", region=world.additional))
        check("M1", "and a new write reaches the other Region", True)
