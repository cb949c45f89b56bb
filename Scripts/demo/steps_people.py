"""Third part: what people do in their browsers and with their tools, in both Regions."""

from __future__ import annotations

import base64
import copy
import json
import os

import requests
from botocore.exceptions import ClientError

from . import chromium, okta, screenshots
from .organization import Person
from .scim import ScimClient
from .world import World, eventually


def sign_ins(world: World) -> None:
    check = world.verdict.check
    with world.verdict.step("Sign-in from either side, in both Regions", "M8"):
        for region in world.regions:
            for person in (world.engineer, world.mariner):
                browser, page = world.sign_in(region, person)
                check("M8", f"started at {region}: {person.user_name} lands in its portal",
                      world.landed(page, region, person), f"{page.url} {page.status} {page.text}")
                world.facts[region, person.user_name] = browser
            browser = world.browser()
            tiles = browser.open(world.idp.url + "/")
            consumer = world.cluster.host(region)
            page = browser.sign_in(tiles.link(consumer), world.engineer.user_name)
            check("M8", f"started at the IdP: lands in {region}",
                  world.landed(page, region, world.engineer),
                  f"{page.url} {page.status} {page.text}")
        _refused_sign_ins(world)
        _real_browser(world)


def pictures(world: World) -> None:
    """Pictures of every page, with SCREENSHOTS=1: each in two sizes, light and dark."""
    if os.environ.get("SCREENSHOTS") != "1":
        return
    with world.verdict.step("Pictures of the pages", "M10"):
        if not world.verdict.check("M10", "Chromium is installed",
                                   chromium.executable() is not None, "SCREENSHOTS=1 Scripts/setup"):
            return
        directory = world.cluster.directory / "screenshots"
        wrong = screenshots.take(
            directory, {region: world.portal(region) for region in world.regions},
            world.engineer.user_name)
        world.verdict.check("M10", f"every page looks right at both sizes: {directory}",
                            wrong == 0, f"{wrong} pages do not")


def _real_browser(world: World) -> None:
    """The same in Chromium, where it is installed: cookies and policies as a browser holds them."""
    if chromium.executable() is None:
        return
    with chromium.Chromium() as browser:
        for region in world.regions:
            browser.sign_in(world.portal(region) + "/start", world.engineer.user_name,
                            world.portal(region))
            world.verdict.check("M8", f"Chromium signs in at {region}",
                                world.engineer.user_name in browser.text
                                or world.engineer.given_name in browser.text,
                                f"{browser.url} {browser.text[:300]}")


def _refused_sign_ins(world: World) -> None:
    check, region = world.verdict.check, world.additional
    last: list = []
    browser = world.browser()
    browser.sign_in(world.portal(region) + "/start", world.engineer.user_name, last)
    page, form = last
    replay = browser.submit(page, form)
    check("M8", "a replayed response is refused",
          replay.status >= 400 and not world.landed(replay, region, world.engineer), replay.text)

    response = base64.b64decode(form.fields["SAMLResponse"])
    altered = response.replace(world.engineer.user_name.encode(), world.mariner.user_name.encode())
    other = world.browser()
    answer = other.submit(page, form, SAMLResponse=base64.b64encode(altered).decode())
    check("M8", "an altered response is refused", altered != response and answer.status >= 400
          and not world.landed(answer, region, world.mariner), answer.text)

    _, page = world.sign_in(region, _stranger(world))
    check("M8", "somebody who is not in the directory is refused", page.status >= 400, page.text)
    disabled = next(p for p in world.organization.people if not p.active)
    _, page = world.sign_in(region, disabled)
    check("M8", "somebody who is disabled is refused", page.status >= 400, page.text)


def _stranger(world: World) -> Person:
    stranger = copy.copy(world.engineer)
    stranger.user_name = "nobody@meridian.example"
    return stranger


def bookmarks(world: World) -> None:
    with world.verdict.step("Bookmarks in the IdP: plain links to a Region's portal", "M9"):
        for region in world.regions:
            browser = world.browser()
            tiles = browser.open(world.idp.url + "/")
            page = browser.sign_in(tiles.link(f"Portal {region}"), world.mariner.user_name)
            world.verdict.check("M9", f"the bookmark of {region} ends there",
                                world.landed(page, region, world.mariner),
                                f"{page.url} {page.text}")
        browser = world.browser()
        elsewhere = browser.open(
            f"{world.portal(world.additional)}/start?return=https://evil.example/", follow=False)
        world.verdict.check("M9", "a link cannot lead elsewhere", "evil.example" not in
                            elsewhere.headers.get("location", "").split("SAMLRequest")[0])


def portals(world: World) -> None:
    check = world.verdict.check
    with world.verdict.step("The access portal of each Region", "M10", "M14"):
        for region in world.regions:
            browser, page = world.sign_in(region, world.engineer)
            check("M10", f"{region} shows accounts, roles and applications",
                  all(words in page.text for words in (
                      "Platform Production", "AdministratorAccess", "Shipment Tracker")), page.text)
            check("M10", f"{region} shows nobody else's accounts",
                  "Break Glass" not in page.text, page.text)
            credentials(world, region, world.session_token(browser, region))
            keys = browser.submit(page, page.form("account_id", "role"))
            check("M14", f"{region}: the portal shows credentials to copy",
                  "AWS_ACCESS_KEY_ID" in keys.text and "ASIA" in keys.text, keys.text)
            page = browser.open(world.portal(region) + "/start")
            page = browser.submit(page, page.form("/sign-out"))
            after = browser.open(world.portal(region) + "/start", follow=False)
            check("M10", f"after signing out {region} asks again",
                  after.status in (302, 303) and world.engineer.user_name not in after.text,
                  f"{after.status} {after.text[:200]}")


def credentials(world: World, region: str, token: str, row: str = "M14") -> None:
    """Accounts, roles and role credentials with boto3, checked by GetCallerIdentity."""
    check = world.verdict.check
    sso = world.aws("sso", region)
    accounts = sso.list_accounts(accessToken=token)["accountList"]
    check(row, f"{region}: ListAccounts gives {len(accounts)} accounts",
          "210000000001" in {a["accountId"] for a in accounts}, accounts)
    roles = sso.list_account_roles(accessToken=token, accountId="210000000001")["roleList"]
    check(row, f"{region}: ListAccountRoles gives {len(roles)} roles",
          "AdministratorAccess" in {r["roleName"] for r in roles}, roles)
    issued = world.role_credentials(region, token, "210000000001", "AdministratorAccess")
    identity = world.caller_identity(region, issued)
    check(row, f"{region}: boto3 is {identity['Arn'].split('/', 1)[0]}/…",
          identity["Account"] == "210000000001"
          and "AWSReservedSSO_AdministratorAccess_" in identity["Arn"]
          and identity["Arn"].endswith(world.engineer.user_name), identity)
    if row != "M14":
        return
    for other in world.regions:
        if other != region and "region down" not in world.facts:
            check(row, f"credentials of {region} are valid in {other}",
                  world.caller_identity(other, issued)["Arn"] == identity["Arn"])
    forged = {**issued, "secretAccessKey": issued["secretAccessKey"][::-1]}
    _refused(world, row, f"{region}: a wrong secret is refused",
             lambda: world.caller_identity(region, forged))
    _refused(world, row, f"{region}: a role that is not assigned is refused",
             lambda: world.role_credentials(
                 region, token, "210000000008", "AdministratorAccess"))
    _refused(world, row, f"{region}: a wrong token is refused",
             lambda: world.aws("sso", region).list_accounts(accessToken="nothing"))


def _refused(world: World, row: str, what: str, call) -> None:  # noqa: ANN001
    try:
        call()
        world.verdict.check(row, what, False, "it was not refused")
    except ClientError as refusal:
        status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
        world.verdict.check(row, what, 400 <= status < 500, refusal)


def console(world: World) -> None:
    check, primary, other = world.verdict.check, world.primary, world.additional
    with world.verdict.step("The console at the primary", "M5", "M7"):
        browser, page = world.sign_in(primary, world.engineer, "/console/settings")
        check("M5", "Settings > Management shows the key", world.facts["key"] in page.text,
              f"{page.url} {page.text}")
        check("M5", "and that it is multi-Region", "multi-region" in page.text.lower(), page.text)
        check("M5", "the Regions are listed", primary in page.text and other in page.text,
              page.text)
        add = browser.open(page.link("Add Region"))
        check("M5", "Add Region offers the available Regions",
              all(name in add.text for name in ("eu-north-1", "us-east-1", "ap-northeast-1")),
              add.text)
        urls = browser.open(page.link("View ACS URLs"))
        check("M7", "View ACS URLs shows those of both Regions",
              all(f"{world.portal(r)}/saml/acs" in urls.text for r in world.regions), urls.text)
        stranger, page = world.sign_in(primary, world.mariner, "/console/settings")
        check("M5", "somebody who is no administrator is refused",
              page.status == 403 and world.facts["key"] not in page.text, page.text)
    with world.verdict.step(f"The console in {other}", "M12"):
        browser, page = world.sign_in(other, world.engineer, "/console/settings")
        check("M12", "it is read-only and names the primary",
              page.status == 200 and "read-only" in page.text.lower() and primary in page.text,
              f"{page.url} {page.text}")
        # Searching and signing out change nothing that is administered.
        harmless = ("/sign-out",)
        changing = [f.action for f in page.forms
                    if f.method == "post" and not f.action.endswith(harmless)]
        check("M12", "nothing on the page can be changed", not changing, changing)


def central_administration(world: World) -> None:
    check, other = world.verdict.check, world.additional
    with world.verdict.step(f"Writes in {other} are refused", "M12"):
        writes_refused(world)
        endpoint, secret = world.facts["scim"]
        there = endpoint.replace(world.portal(world.primary), world.portal(other))
        client = ScimClient(there, secret, str(world.trust), "Story/1.0")
        answer = client.session.post(f"{there}/Users", json=okta.user_body(world.engineer),
                                     timeout=15)
        check("M12", f"SCIM in {other} is refused and names the primary",
              answer.status_code in (403, 503) and world.primary in answer.text, answer.text)


def writes_refused(world: World) -> None:
    for what, command in (
        ("a user", ["user", "create", "--user-name", "x@y.example", "--display-name", "X",
                    "--given-name", "X", "--family-name", "Y"]),
        ("a permission set", ["permission-set", "create", "Extra"]),
        ("a Region", ["region", "add", "eu-north-1"]),
    ):
        said = world.cli.refused(*command, region=world.additional)
        world.verdict.check("M12", f"{what} is refused, naming the primary",
                            "NOT_PRIMARY" in said and world.primary in said, said)


def revoke(world: World) -> None:
    """A session of the primary is revoked in the additional Region."""
    check, other = world.verdict.check, world.additional
    with world.verdict.step(f"A session is revoked in {other}", "M12"):
        browser, _ = world.sign_in(world.primary, world.mariner)
        token = world.session_token(browser, world.primary)
        identifier = _session_id(token)

        def known() -> bool:
            listed = world.cli.json("session", "list", region=other).get("sessions", [])
            return identifier in {s["sessionId"] for s in listed}

        eventually(f"{other} knows the session", known)
        world.cli("session", "revoke", identifier, region=other)

        def ended() -> bool:
            page = browser.open(world.portal(world.primary) + "/start", follow=False)
            return page.status in (302, 303)

        eventually("the session has ended in the primary", ended)
        check("M12", "sessions are revoked in any Region, and end everywhere", True)
        answer = requests.get(f"{world.portal(world.primary)}/assignment/accounts", timeout=15,
                              headers={"x-amz-sso_bearer_token": token}, verify=str(world.trust))
        check("M12", "its token is dead at the API too", answer.status_code == 401, answer.text)


def _session_id(token: str) -> str:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"]
