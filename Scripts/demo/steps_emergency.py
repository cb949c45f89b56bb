"""Access while the identity provider is away: set up before, used in the dark, then reviewed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import requests
from botocore.exceptions import ClientError
from fido2.cose import EdDSA

from . import chromium
from .cluster import Cli
from .security_key import SecurityKey
from .world import World, eventually, events_named

USER = "ada.breakglass"
ACCOUNT, ROLE = "210000000008", "AdministratorAccess"
REASON = "Identity provider and primary Region are down, payments fail (incident 4711)"


def prepare(world: World) -> None:
    """An administrator sets somebody up; she enrols two keys in the primary."""
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("Emergency access is set up", "M16"):
        page = world.browser().open(world.portal(world.primary) + "/break-glass")
        check("M16", "before anybody is set up there is no such page", page.status == 404,
              page.text)
        said = cli.refused("break-glass", "create", USER, "--role", f"{ACCOUNT}/NoSuchRole")
        check("M16", "a role that does not exist is refused", "ROLE_UNKNOWN" in said, said)
        made = cli.json("break-glass", "create", USER, "--role", f"{ACCOUNT}/{ROLE}",
                        "--max-minutes", "60", "--display-name", "Ada Emergency")
        links = [entry["url"] for entry in made["enrolments"]]
        keys = world.facts["keys"] = [SecurityKey(), SecurityKey(EdDSA)]
        for number, (key, link) in enumerate(zip(keys, links, strict=True), 1):
            page = key.enrol(world.browser(), link)
            check("M16", f"key {number} is enrolled ({key.kind.__name__})",
                  page.status == 200 and f"number {number}" in page.text, page.text)
        page = SecurityKey().enrol(world.browser(), links[0])
        check("M16", "a link serves once", page.status == 403, page.text)
        check("M16", "the user is in no directory, so provisioning does not reach her",
              USER not in cli("user", "list", "--all"))
        eventually("the other Region has it", lambda: "yes" in cli(
            "break-glass", "list", region=world.additional))
        said = cli.refused("break-glass", "disable", USER, region=world.additional)
        check("M16", "she is administered in the primary only", "NOT_PRIMARY" in said, said)
        _real_browser(world)


def in_the_dark(world: World) -> None:
    """Primary killed, identity provider stopped: what is left is one Region and a key."""
    check, other = world.verdict.check, world.additional
    portal = world.portal(other)
    with world.verdict.step("The identity provider is down as well", "M16"):
        world.idp.stop()
        browser = world.browser()
        browser.open(portal + "/start", follow=False)
        try:
            browser.open(portal + "/start")
            check("M16", "nobody can sign in", False)
        except requests.ConnectionError:
            check("M16", "nobody can sign in", True)
        time.sleep(5)
        page = browser.open(portal + "/start")
        check("M16", "who comes back finds the emergency entry",
              page.link("Emergency access") == portal + "/break-glass", page.text)
    with world.verdict.step(f"Emergency access in {other}", "M16"):
        _refused(world, portal)
        began = time.monotonic()
        page = world.facts["keys"][0].sign_in(browser, portal, USER, REASON)
        check("M16", f"a security key opens it ({time.monotonic() - began:.2f} s)",
              page.url == portal + "/start" and page.status == 200, f"{page.url} {page.text}")
        check("M16", "exactly her account is there, under a banner",
              "Break Glass" in page.text and "Platform" not in page.text
              and "Emergency access. It ends in" in page.text, page.text)
        token = world.session_token(browser, other)
        credentials = world.role_credentials(other, token, ACCOUNT, ROLE)
        identity = world.caller_identity(other, credentials)
        check("M16", "she gets credentials of the role, and they work",
              identity["Account"] == ACCOUNT and identity["Arn"].endswith(f"/{USER}"), identity)
        left = credentials["expiration"] / 1000 - time.time()
        check("M16", "which end with the grant", 0 < left <= 3600, left)
        try:
            world.role_credentials(other, token, "210000000001", ROLE)
            check("M16", "another role is refused", False)
        except ClientError as refusal:
            check("M16", "another role is refused", "Forbidden" in str(refusal), refusal)
    with world.verdict.step("It is recorded, alarms, and is reviewed by a second person", "M16"):
        _recorded(world, other)
        _reviewed(world, browser, page, other)
    world.idp.resume()


def afterwards(world: World) -> None:
    """The primary is back: it has the grant and its review, and can end one elsewhere."""
    cli, check = world.cli, world.verdict.check
    primary, other = world.primary, world.additional
    with world.verdict.step("Emergency access, seen from the primary that is back", "M16"):
        grants = eventually("the grant arrives", lambda: cli.json(
            "break-glass", "grants", region=primary).get("grants"))
        check("M16", "it has the grant with its review", grants[0]["reason"] == REASON
              and grants[0]["review"]["reviewedBy"] == "bob", grants[0])
        browser = world.browser()
        page = world.facts["keys"][1].sign_in(
            browser, world.portal(other), USER, "A drill of emergency access", 15)
        check("M16", "the second key opens a grant as well", page.status == 200, page.text)
        grant = eventually("the grant arrives", lambda: next(iter(cli.json(
            "break-glass", "grants", "--open", region=primary).get("grants", [])), None))
        cli("break-glass", "revoke", grant["grantId"], region=primary)
        began = time.monotonic()
        eventually("the session ends", lambda: browser.open(
            world.portal(other) + "/start", follow=False).status == 303, pause=0.02)
        check("M16", f"revoked in {primary}, it is over in {other} "
              f"{(time.monotonic() - began) * 1000:.0f} ms later", True)
        reviewer(world)("break-glass", "review", grant["grantId"], "--note", "Drill",
                        region=primary)
        cli("break-glass", "disable", USER)
        eventually("the other Region has it", lambda: "no" in cli(
            "break-glass", "list", region=other).split())
        page = world.facts["keys"][0].sign_in(
            world.browser(), world.portal(other), USER, "May I still come in?")
        check("M16", "disabled, she does not get in", page.status == 403, page.text)
        cli("break-glass", "enable", USER)


def after_promotion(world: World) -> None:
    """Another Region is the primary: users are administered there, their keys go on everywhere."""
    cli, check = world.cli, world.verdict.check
    with world.verdict.step(f"Emergency access, administered in {world.primary} now", "M16"):
        made = cli.json("break-glass", "enrol", USER, region=world.primary)["enrolment"]
        page = SecurityKey().enrol(world.browser(), made["url"])
        check("M16", "a key is enrolled at the new primary", made["url"].startswith(
            world.portal(world.primary)) and page.status == 200, page.text)
        for region in world.regions:
            browser = world.browser()
            page = world.facts["keys"][0].sign_in(
                browser, world.portal(region), USER, f"A drill in {region}", 15)
            check("M16", f"a key from before opens {region}", page.status == 200, page.text)
            browser.submit(page, page.form("/sign-out"))
        waiting = eventually("the drills are over", lambda: (
            lambda found: found if len(found) == len(world.regions) else None)(cli.json(
                "break-glass", "grants", "--unreviewed", region=world.primary).get("grants", [])))
        for grant in waiting:
            reviewer(world)("break-glass", "review", grant["grantId"], "--note", "Drill",
                            region=world.primary)


def reviewer(world: World) -> Cli:
    return Cli(world.cluster, operator="bob")


def _refused(world: World, portal: str) -> None:
    check, key = world.verdict.check, world.facts["keys"][0]
    said = set()
    for what, user, knows_pin, pretended in (
            ("an unknown name", "nobody.here", True, ""),
            ("a key without its PIN", USER, False, ""),
            ("another page's question", USER, True, "https://evil.portolan.localhost")):
        key.knows_pin = knows_pin
        page = key.sign_in(world.browser(), portal, user, REASON, pretended=pretended)
        said.add(page.text.split("Reference")[0])
        check("M16", f"{what} is refused", page.status == 403, page.text)
    key.knows_pin = True
    check("M16", "all three with the same words", len(said) == 1, said)
    # An array of 271 million elements, says its head.
    page = key.sign_in(world.browser(), portal, USER, REASON,
                       extensions=bytes.fromhex("9a1029dc3a"))
    portal_process = world.cluster.processes[world.additional, "portal"].pid
    peak = next(int(line.split()[1]) >> 10 for line in Path(
        f"/proc/{portal_process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    check("M16", f"CBOR that claims gigabytes is refused unread (the portal's peak: {peak} MB)",
          page.status == 403 and peak < 1_000, page.text)


def _recorded(world: World, other: str) -> None:
    check, cli = world.verdict.check, world.cli
    names = {name: cli.json("trail", "list", "--event-name", name, region=other)
             for name in ("BreakGlassAuthentication", "OpenBreakGlassGrant", "GetRoleCredentials")}
    codes = {entry["event"].get("errorCode", "") for entry in
             names["BreakGlassAuthentication"]["events"]}
    check("M16", "refusals are in the trail, each with its reason",
          {"BREAK_GLASS_USER_NOT_FOUND", "USER_NOT_VERIFIED", "WRONG_ORIGIN"} <= codes, codes)
    opened = names["OpenBreakGlassGrant"]["events"][0]["event"]
    check("M16", "the grant is, with reason and duration",
          json.loads(opened["requestParametersJson"])["reason"] == REASON, opened)
    taken = [entry["event"] for entry in names["GetRoleCredentials"]["events"]
             if entry["event"]["actor"]["userName"] == USER]
    check("M16", "and so are the credentials", taken and
          taken[0]["actor"]["type"] == "BreakGlassUser", taken)
    # The portal's port is the last of the Region's five.
    figures = requests.get(
        f"http://127.0.0.1:{world.cluster.ports.metrics(other) + 4}/metrics", timeout=5).text
    check("M16", "the portal's metrics count it",
          'portolan_break_glass_grants{state="open"} 1' in figures, figures[:1500])
    noted = cli.run("status", region=other).stderr
    check("M16", "portolan status raises the alarm",
          f"ALARM: emergency access of {USER} is open in {other}" in noted, noted)


def _reviewed(world: World, browser, page, other: str) -> None:  # noqa: ANN001
    check, cli, bob = world.verdict.check, world.cli, reviewer(world)
    grant = cli.json("break-glass", "grants", "--open", region=other)["grants"][0]["grantId"]
    said = bob.refused("break-glass", "review", grant, "--note", "early", region=other)
    check("M16", "an open grant is not reviewed", "GRANT_OPEN" in said, said)
    page = browser.submit(page, page.form("/sign-out"))
    check("M16", "she signs out", "You are signed out" in page.text, page.text)
    eventually("its end is recorded", lambda: "EndBreakGlassGrant" in events_named(
        cli.json("trail", "list", "--event-name", "EndBreakGlassGrant", region=other)))
    noted = cli.run("status", region=other).stderr
    check("M16", "the alarm goes on until somebody has looked", "waits for review: 1" in noted,
          noted)
    said = cli.refused("break-glass", "review", grant, "--note", "mine", region=other)
    check("M16", "who enrolled the key does not review", "OWN_GRANT" in said, said)
    bob("break-glass", "review", grant, "--note", "As incident 4711 says", region=other)
    noted = cli.run("status", region=other).stderr
    check("M16", "a second person's review closes it", "ALARM" not in noted, noted)


def _real_browser(world: World) -> None:
    """Chromium with a virtual security key: enrolled in the primary, used in the other Region."""
    if chromium.executable() is None:
        return
    link = world.cli.json("break-glass", "enrol", USER)["enrolment"]["url"]
    directory = world.cluster.directory / "screenshots"
    directory.mkdir(exist_ok=True)
    with chromium.Chromium() as browser:
        browser.look(1280, 860)
        browser.add_security_key()
        browser.open(link)
        browser.press("form[action='/break-glass/enrol'] button")
        browser.screenshot(directory / "break-glass-enrol.png")
        browser.press("form[data-ceremony] button", "The key is enrolled")
        browser.screenshot(directory / "break-glass-enrolled.png")
        browser.open(world.portal(world.additional) + "/break-glass")
        browser.fill(user=USER, reason="A drill in a real browser")
        browser.screenshot(directory / "break-glass.png")
        browser.press("main button")
        browser.screenshot(directory / "break-glass-key.png")
        browser.press("form[data-ceremony] button", "Emergency access. It ends in")
        browser.screenshot(directory / "break-glass-session.png")
        world.verdict.check(
            "M16", f"Chromium with a virtual key: enrolled in {world.primary}, in at "
            f"{world.additional}", "Break Glass" in browser.text, browser.text[:500])
        browser.press("form[action='/sign-out'] button")
    grant = eventually("the drill has ended", lambda: next(iter(world.cli.json(
        "break-glass", "grants", "--unreviewed", region=world.additional).get("grants", [])), None))
    reviewer(world)("break-glass", "review", grant["grantId"], "--note", "Drill",
                    region=world.additional)
