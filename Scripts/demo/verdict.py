"""What the story found out, by requirement row."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

ROWS = {
    "M1": "identities, permissions and applications replicate",
    "M2": "only an organization instance with an external IdP replicates",
    "M3": "a customer managed multi-Region key encrypts the instance",
    "M4": "a Region without a usable key is refused, saying what is missing",
    "M5": "the console shows the key and offers the Regions",
    "M6": "a Region goes from ADDING to ACTIVE and can be removed",
    "M7": "every Region's ACS URL, in one metadata document",
    "M8": "SAML sign-in, started at either side, in every Region",
    "M9": "a bookmark of a Region's portal ends there",
    "M10": "every Region's portal shows accounts, roles, applications",
    "M11": "with the primary down people reach their accounts elsewhere",
    "M12": "administration is central; elsewhere the console is read-only",
    "M13": "an application in another Region reads identities there",
    "M14": "sign-in of the AWS CLI; credentials by portal and by a profile",
    "M15": "every action is in the trail of its Region",
    "M16": "break-glass access, with the IdP and the primary down",
    "M17": "SCIM provisioning",
    "M18": "use of keys is metered",
    "B1": "progress of the initial replication",
    "B2": "replication lag, measured and shown",
    "B3": "consistency tokens, across Regions",
    "B4": "proof that Regions hold the same state",
    "B5": "promotion of another Region, planned and forced",
    "B6": "one sign-in of the CLI in all Regions, ended in all",
    "B7": "a trail that was tampered with does not pass",
    "B8": "standard gRPC on the same port",
    "B10": "key policies are compared and copied between Regions",
}


def colour(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


@dataclass
class Verdict:
    """Checks by row. A row is ok when it has checks and none failed."""

    passed: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def check(self, row: str, what: str, condition: object, detail: object = "") -> bool:
        """Records one observation; a false one fails the row but not the story."""
        good = bool(condition)
        (self.passed if good else self.failed).setdefault(row, []).append(what)
        mark = colour("32", "ok") if good else colour("31", "FAILED")
        print(f"    {row:<4} {mark:<6} {what}", flush=True)
        if not good and detail:
            print("         " + str(detail).strip()[:1500].replace("\n", "\n         "), flush=True)
        return good

    @contextmanager
    def step(self, title: str, *rows: str) -> Iterator[None]:
        """One step of the story; an exception in it fails its rows and the story goes on."""
        print(f"{colour('1', title)}  ({time.monotonic() - self.started:.0f} s)", flush=True)
        try:
            yield
        except (Exception, AssertionError) as failure:  # noqa: BLE001 - becomes the verdict
            detail = str(failure)
            if os.environ.get("VERBOSE"):
                detail = traceback.format_exc()
            else:
                place = traceback.extract_tb(failure.__traceback__)
                own = [f for f in place if "/Scripts/demo/" in f.filename] or place
                detail = f"{type(failure).__name__}: {detail} (story line {own[0].lineno})"
            for row in rows or ("M1",):
                self.check(row, f"step: {title}", False, detail)

    def state(self, row: str) -> str:
        if row in self.failed:
            return "failed"
        return "ok" if row in self.passed else "not yet"

    def table(self, rows: list[str]) -> bool:
        """Prints one line per row and the summary; answers whether none failed."""
        print()
        counts = {"ok": 0, "failed": 0, "not yet": 0}
        for row in rows:
            state = self.state(row)
            counts[state] += 1
            count = len(self.passed.get(row, []))
            shown = {"ok": f"ok ({count} checks)", "failed": "failed", "not yet": "not yet"}[state]
            painted = colour({"ok": "32", "failed": "31", "not yet": "33"}[state], shown)
            print(f"{row} {painted} {ROWS[row]}")
            for what in self.failed.get(row, []):
                print(f"     failed: {what}")
        print(f"\n{counts['ok']} passed, {counts['failed']} failed, {counts['not yet']} skipped")
        return counts["failed"] == 0
