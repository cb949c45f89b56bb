"""A real browser without a window: Chromium, driven over its debugging pipe."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def executable() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """One headless browser with one page. Accepts the demo's certificates; keeps no profile."""

    def __init__(self) -> None:
        program = executable()
        if program is None:
            raise FileNotFoundError("chromium is not installed: SCREENSHOTS=1 Scripts/setup")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()
        arguments = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--ignore-certificate-errors", "--disable-dev-shm-usage", "--remote-debugging-pipe",
            "--disable-background-networking", "--disable-component-update",
            "--host-resolver-rules=MAP *.localhost 127.0.0.1",
            f"--user-data-dir={self.profile.name}", "about:blank"]
        # The pipe is file descriptors 3 and 4 of the browser.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *arguments],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.count = 0
        self.events: list[dict] = []
        self.session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send(
            "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        os.close(self.writer)
        os.close(self.reader)
        self.profile.cleanup()

    def _receive(self, deadline: float) -> dict:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.reader, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("the browser does not answer")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def send(self, method: str, **parameters: object) -> dict:
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30
        while True:
            got = self._receive(deadline)
            if got.get("id") == self.count:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            self.events.append(got)

    def evaluate(self, script: str) -> object:
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        return result.get("result", {}).get("value")

    def _loaded(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.evaluate("document.readyState") == "complete":
                return
            time.sleep(0.05)
        raise TimeoutError(f"{self.url} does not load")

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    @property
    def text(self) -> str:
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        time.sleep(0.1)
        self._loaded()

    def sign_in(self, url: str, user_name: str, ends: str, seconds: float = 20) -> None:
        """Opens an address and chooses a person at the IdP; the browser does the rest itself."""
        self.open(url)
        deadline = time.monotonic() + seconds
        chosen = False
        while time.monotonic() < deadline:
            if self.url.startswith(ends):
                return self._loaded()
            if not chosen and self.evaluate("!!document.querySelector('input[name=user]')"):
                self.evaluate(f"document.querySelector('input[name=user]').value="
                              f"{json.dumps(user_name)};"
                              "document.querySelector('form').submit()")
                chosen = True
            time.sleep(0.1)
        raise TimeoutError(f"the sign-in ended at {self.url}: {self.text[:300]}")

    def add_security_key(self) -> None:
        """A key at the USB port whose person touches it and knows its PIN."""
        self.send("WebAuthn.enable")
        self.send("WebAuthn.addVirtualAuthenticator", options={
            "protocol": "ctap2", "transport": "usb", "hasResidentKey": False,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True})

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.evaluate(f"document.querySelector('[name={name}]').value={json.dumps(value)}")

    def press(self, selector: str, shows: str = "", seconds: float = 20) -> None:
        """Clicks, and waits for the page that comes of it; shows: a text that it has."""
        self.evaluate("window.before = true")
        with contextlib.suppress(RuntimeError):  # a page that goes away gives no answer
            self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                if not self.evaluate("window.before") and shows in self.text:
                    return self._loaded()
            time.sleep(0.05)
        raise TimeoutError(f"{self.url} stays: {self.text[:500]}")

    def look(self, width: int, height: int, dark: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
