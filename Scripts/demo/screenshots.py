"""Pictures of the pages of a demo that is up, in headless Chromium: `make screenshots`.

Writes .demo/screenshots/<page>-<size>-<scheme>.png. Fails when a page does not show what it should.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

import requests

from .chromium import Chromium
from .organization import generate

SIZES = {"desktop": (1280, 860), "phone": (390, 844)}


def main() -> int:
    demo = Path(os.environ.get("DEMO_DIRECTORY", ".demo"))
    if not (demo / "context.json").exists():
        print("Start the demo first: make demo", file=sys.stderr)
        return 2
    engineer = next(p for p in generate().people if p.department == "Engineering")
    regions = {name: json.loads((demo / f"{name}.json").read_text())["portalURL"]
               for name in json.loads((demo / "context.json").read_text())["regions"]}
    return take(demo / "screenshots", regions, engineer.user_name)


def take(directory: Path, regions: dict[str, str], user_name: str) -> int:
    """All pages, sizes and schemes; answers with the number of pages that looked wrong."""
    directory.mkdir(exist_ok=True)
    wrong = 0
    with Chromium() as browser:
        first = True
        for region, portal in regions.items():
            browser.look(*SIZES["desktop"])
            if first:
                browser.open(f"{portal}/start")
                browser.screenshot(directory / "identity-provider-desktop-light.png")
            browser.sign_in(f"{portal}/start", user_name, portal)
            pages = {"portal": "/start"}
            if first:
                pages |= {"settings": "/console/settings",
                          "add-region": "/console/regions/add",
                          "acs-urls": "/console/sign-in-urls",
                          "users": "/console/users", "sessions": "/console/sessions",
                          "emergency": "/console/break-glass",
                          "trail": "/console/trail"} | _asking(portal, directory.parent)
            else:
                pages = {f"portal-{region}": "/start", f"settings-{region}": "/console/settings"}
            first = False
            for name, path in pages.items():
                wrong += _page(browser, directory, name, portal + path)
    print(f"{directory}: {wrong} pages looked wrong")
    return wrong


def _asking(portal: str, demo: Path) -> dict[str, str]:
    """The pages on which a person decides about a program and about a device."""
    def call(path: str, **body: object) -> dict:
        answer = requests.post(portal + path, json=body, timeout=20, verify=str(demo / "trust.pem"))
        answer.raise_for_status()
        return answer.json()

    def client(**more: object) -> dict:
        made = call("/client/register", clientName="botocore-client-company", clientType="public",
                    scopes=["sso:account:access"], **more)
        return {name: made[name] for name in ("clientId", "clientSecret")}

    redirect = "http://127.0.0.1/oauth/callback"
    program = client(grantTypes=["authorization_code", "refresh_token"], redirectUris=[redirect])
    device = call("/device_authorization", **client(), startUrl=portal + "/start")
    return {
        "device": "/device",
        "device-asks": f"/device?user_code={device['userCode']}",
        "authorize": "/authorize?" + urlencode({
            "response_type": "code", "client_id": program["clientId"], "redirect_uri": redirect,
            "code_challenge_method": "S256", "code_challenge": "A" * 43, "state": "s"})}


def _page(browser: Chromium, directory: Path, name: str, url: str) -> int:
    wrong = 0
    for size, (width, height) in SIZES.items():
        for dark in (False, True):
            browser.look(width, height, dark)
            browser.open(url)
            browser.screenshot(directory / f"{name}-{size}-{'dark' if dark else 'light'}.png")
        overflow = browser.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        if overflow or not browser.url.startswith(url.split("?")[0]) or len(browser.text) < 40:
            print(f"{name} at {size}: {'wider than the window' if overflow else browser.url}")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
