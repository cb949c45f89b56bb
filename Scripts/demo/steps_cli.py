"""A sign-in as `aws sso login` does it: by a browser on this computer, or with a code of a device."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore.exceptions import ClientError

from .browser import Browser, Page
from .world import World, events_named, eventually

REDIRECT = "http://127.0.0.1/oauth/callback"
SCOPE = "sso:account:access"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Program:
    """What the AWS CLI is to the portal: a client that registers itself."""

    def __init__(self, oidc: object, portal: str, device: bool = False) -> None:
        self.oidc, self.portal = oidc, portal
        more = {} if device else {
            "grantTypes": ["authorization_code", "refresh_token"], "redirectUris": [REDIRECT],
            "issuerUrl": portal + "/start"}
        made = oidc.register_client(
            clientName="botocore-client-demo", clientType="public", scopes=[SCOPE], **more)
        self.known = {name: made[name] for name in ("clientId", "clientSecret")}

    def ask(self, browser: Browser, person: str, press: str = "allow") -> dict:
        """Opens the page that asks, signs in where need be, presses a button; what comes back."""
        self.verifier = secrets.token_urlsafe(48)
        self.callback = "http://127.0.0.1:43117/oauth/callback"
        state = secrets.token_hex(8)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        page = browser.sign_in(self.portal + "/authorize?" + urlencode({
            "response_type": "code", "client_id": self.known["clientId"],
            "redirect_uri": self.callback, "state": state, "code_challenge_method": "S256",
            "scope": SCOPE, "code_challenge": challenge}), person)
        answer = decide(browser, page, "/authorize", press)
        location = urlsplit(answer.headers["location"])
        if location.netloc != "127.0.0.1:43117":
            raise AssertionError(f"the browser is led to {location.netloc}")
        back = {name: values[0] for name, values in parse_qs(location.query).items()}
        if back.pop("state") != state:
            raise AssertionError("another state came back")
        return back

    def exchange(self, code: str) -> dict:
        return self.oidc.create_token(
            **self.known, grantType="authorization_code", code=code, codeVerifier=self.verifier,
            redirectUri=self.callback)

    def refresh(self, oidc: object, token: str) -> dict:
        return oidc.create_token(**self.known, grantType="refresh_token", refreshToken=token)


def decide(browser: Browser, page: Page, action: str, press: str) -> Page:
    """Presses a button of the page that asks; redirects are not followed."""
    form = page.form(action, "csrf")
    fields = {**form.fields, "decision": press}
    return Page(browser.session.post(
        form.action, data=fields, timeout=20, allow_redirects=False,
        headers={"Origin": "/".join(page.url.split("/")[:3]), "Referer": page.url}))


def refusal(call: object, *arguments: object, **options: object) -> str:
    """The name of the exception that a call ends with; empty when it does not."""
    try:
        call(*arguments, **options)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def sign_in(world: World) -> None:
    check = world.verdict.check
    with world.verdict.step("Sign-in of the AWS CLI: one for all Regions", "M14", "B6"):
        here, there = world.primary, world.additional
        program = Program(world.aws("sso-oidc", here), world.portal(here))
        browser = Browser(str(world.trust))
        person = world.engineer.user_name
        check("M14", "a person who refuses gives nothing",
              program.ask(browser, person, "deny").get("error") == "access_denied")
        code = program.ask(browser, person)["code"]
        tokens = program.exchange(code)
        check("M14", "authorization code with PKCE: an access token of an hour",
              tokens["tokenType"] == "Bearer" and tokens["expiresIn"] <= 3_600, tokens.keys())
        check("M14", "the code is good once",
              refusal(program.exchange, code) == "InvalidGrantException")
        for region in (here, there):
            accounts = world.aws("sso", region).list_accounts(
                accessToken=tokens["accessToken"])["accountList"]
            check("B6", f"the one sign-in is good in {region}", "210000000001" in {
                a["accountId"] for a in accounts}, accounts)
        renewed = program.refresh(world.aws("sso-oidc", there), tokens["refreshToken"])
        check("B6", f"it is renewed in {there}",
              renewed["accessToken"] != tokens["accessToken"])
        check("M14", "the pages do not take an access token",
              "SAMLRequest" in _page_with(world, here, tokens["accessToken"]))
        _device(world, browser, there)
        check("M15", f"CreateToken is in the trail of {there}", eventually(
            "CreateToken in the trail", lambda: "CreateToken" in events_named(
                world.cli.json("trail", "list", "--limit", "200", region=there))))
        _revocation(world, here, there, tokens, renewed)


def _page_with(world: World, region: str, token: str) -> str:
    browser = Browser(str(world.trust))
    host = urlsplit(world.portal(region)).hostname
    browser.session.cookies.set("__Host-portolan-session", token, domain=host, path="/")
    answer = browser.open(world.portal(region) + "/start", follow=False)
    return answer.headers.get("location", "") + answer.body


def _device(world: World, browser: Browser, region: str) -> None:
    check = world.verdict.check
    oidc = world.aws("sso-oidc", region)
    program = Program(oidc, world.portal(region), device=True)
    start = oidc.start_device_authorization(
        **program.known, startUrl=world.portal(region) + "/start")

    def poll() -> dict:
        return oidc.create_token(
            **program.known, grantType=DEVICE_GRANT, deviceCode=start["deviceCode"])

    check("M14", "a device without a browser waits",
          refusal(poll) == "AuthorizationPendingException")
    page = browser.sign_in(start["verificationUriComplete"], world.engineer.user_name)
    check("M14", "the page shows its code and asks", start["userCode"] in page.text, page.text)
    answer = decide(browser, page, "/device", "allow")
    check("M14", "after Allow it is signed in", "is signed in" in answer.text, answer.text)
    time.sleep(1)
    accounts = world.aws("sso", region).list_accounts(accessToken=poll()["accessToken"])
    check("M14", f"it lists {len(accounts['accountList'])} accounts", accounts["accountList"])


def _revocation(world: World, here: str, there: str, tokens: dict, renewed: dict) -> None:
    """Logout in one Region, refused in the other."""
    world.aws("sso", there).logout(accessToken=renewed["accessToken"])
    began = time.monotonic()
    sso = world.aws("sso", here)
    eventually("the other Region refuses", lambda: refusal(
        sso.list_accounts, accessToken=tokens["accessToken"]) == "UnauthorizedException",
        seconds=10, pause=0.02)
    took = time.monotonic() - began
    world.verdict.check("B6", f"after Logout in {there} {here} refuses within {took * 1e3:.0f} ms",
                        took < 1, took)
