"""Second part: the key, the refusals before it, Add Region, and what then works in both Regions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import requests

from .cluster import ACCOUNT
from .rpc import Directory, RPCError
from .world import World, eventually

# Lets the account administer the key, but not the services use it.
CLOSED_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Administration", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
                   "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}],
}


def refused_until_the_key_is_right(world: World) -> None:
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step("Add Region is refused until the key is right", "M4", "M3"):
        said = cli.refused("region", "add", other)
        check("M4", "without a key of one's own: CUSTOMER_MANAGED_KEY_REQUIRED",
              "CUSTOMER_MANAGED_KEY_REQUIRED" in said, said)

        single = _create_key(world, multi_region=False)
        cli("instance", "update", "--kms-key", single)
        _wait_encrypted(world, single)
        said = cli.refused("region", "add", other)
        check("M4", "with a single-Region key: KEY_NOT_MULTI_REGION",
              "KEY_NOT_MULTI_REGION" in said, said)

        key = _create_key(world, multi_region=True)
        world.facts["key"] = key
        check("M3", "a multi-Region key has an mrk- ID", key.startswith("mrk-"), key)
        cli("instance", "update", "--kms-key", key)
        shown = _wait_encrypted(world, key)
        check("M3", "it encrypts the instance", shown.get("multiRegion"), shown)
        said = cli.refused("region", "add", other)
        check("M4", "before it is replicated: KEY_REPLICA_MISSING",
              "KEY_REPLICA_MISSING" in said and other in said, said)

        policy = world.cluster.directory / "closed-policy.json"
        policy.write_text(json.dumps(CLOSED_POLICY))
        cli("key", "replicate", key, "--to", other, "--policy", str(policy))
        said = cli.refused("region", "add", other)
        check("M4", "with a policy that lacks the services: KEY_POLICY_DENIES, by name",
              "KEY_POLICY_DENIES" in said and "sso.amazonaws.com" in said
              and "identitystore.amazonaws.com" in said and "kms:Decrypt" in said, said)
        cli("key", "policy", "copy", key, "--from", world.primary, "--to", other)
        cli("key", "disable", key, region=other)
        said = cli.refused("region", "add", other)
        check("M4", "with the replica disabled: KEY_REPLICA_NOT_ENABLED",
              "KEY_REPLICA_NOT_ENABLED" in said, said)
        cli("key", "enable", key, region=other)
        _independent(world, key)


def _create_key(world: World, multi_region: bool) -> str:
    arguments = ["key", "create", "--baseline-policy"]
    if multi_region:
        arguments += ["--multi-region", "--alias", "alias/portolan"]
    return world.cli.json(*arguments)["keyMetadata"]["keyId"]


def _wait_encrypted(world: World, key: str) -> dict:
    def look() -> dict | None:
        encryption = world.cli.json("instance", "show")["instance"].get("encryption", {})
        if encryption.get("status") == "ENCRYPTION_STATUS_UPDATE_FAILED":
            raise RuntimeError(f"the key was not taken: {encryption}")
        ready = encryption.get("status") == "ENCRYPTION_STATUS_ENABLED"
        return encryption if ready and key in encryption.get("kmsKeyArn", "") else None

    return eventually(f"the instance is encrypted with {key}", look, 60)


def _independent(world: World, key: str) -> None:
    check = world.verdict.check
    here = world.cli.json("key", "show", key, region=world.primary)["keyMetadata"]
    there = world.cli.json("key", "show", key, region=world.additional)["keyMetadata"]
    check("M3", "the replica has the same ID under an ARN of its own Region",
          here["keyId"] == there["keyId"] and here["arn"] != there["arn"]
          and world.additional in there["arn"], there)
    check("M3", "one is the primary key, the other a replica",
          here["multiRegionKeyType"].endswith("PRIMARY")
          and there["multiRegionKeyType"].endswith("REPLICA"), (here, there))
    aliases = world.cli("key", "list", region=world.additional)
    check("M3", "aliases are each Region's own", "alias/portolan" not in aliases, aliases)


def add_region(world: World) -> None:
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step(f"Add Region {other}", "M6", "B1"):
        began = time.monotonic()
        answer = cli.json("region", "add", other, "--no-wait")
        check("M6", "the answer is ADDING", answer.get("status") == "REGION_STATUS_ADDING", answer)
        seen: list[dict] = []

        def active() -> bool:
            described = cli.json("region", "show", other)
            seen.append(described)
            return described["region"]["status"] == "REGION_STATUS_ACTIVE"

        eventually(f"{other} is ACTIVE", active, 120, pause=0.05)
        check("M6", f"and ACTIVE after {time.monotonic() - began:.1f} s", True)
        eventually(f"{other} serves", lambda: not reading(world, other), 30)
        check("M6", f"its directory serves after {time.monotonic() - began:.1f} s", True)
        progress = [d["progress"] for d in seen if int(
            d.get("progress", {}).get("entriesTotal", 0)) > 0]
        last = progress[-1] if progress else {}
        check("B1", f"progress was shown: {last.get('entriesCopied')} of "
                    f"{last.get('entriesTotal')} entries", progress, seen[-1:])
        again = cli.refused("region", "add", other)
        check("M6", "adding it again is refused", "REGION_EXISTS" in again, again)
        print("\n".join("      " + line for line in cli("status").splitlines()))


def assertion_consumers(world: World) -> None:
    with world.verdict.step("One metadata document with every Region's ACS URL", "M7"):
        check = world.verdict.check
        documents = {}
        for region in world.regions:
            answer = requests.get(f"{world.portal(region)}/saml/metadata",
                                  verify=str(world.trust), timeout=10)
            answer.raise_for_status()
            documents[region] = answer.text
        identifiers = {re.search(r'entityID="([^"]+)"', text).group(1)
                       for text in documents.values()}
        check("M7", "one entity ID", len(identifiers) == 1, identifiers)
        for region, text in documents.items():
            check("M7", f"{region} lists the ACS URLs of both Regions",
                  all(f'Location="{world.portal(r)}/saml/acs"' in text for r in world.regions),
                  text)
        world.idp.trust(documents[world.primary])
        world.idp.tiles = [(f"Portal {r}", world.portal(r) + "/start") for r in world.regions]


def replicated(world: World) -> None:
    with world.verdict.step("Both Regions hold the same", "M1", "B4"):
        check = world.verdict.check
        # Records may be being sealed anew: both are read until nothing has moved in between.
        one, other = (everything(world, region) for region in world.regions)
        end = time.monotonic() + 15
        while one != other and time.monotonic() < end:
            one, other = (everything(world, region) for region in world.regions)
        for noun, records in one.items():
            check("M1", f"{len(records)} {noun} are equal in both Regions",
                  records and records == other[noun], difference(records, other[noun]))
        verified = world.cli.json("region", "verify")
        check("B4", f"{verified.get('compared', 0)} digests agree", verified.get("equal"), verified)


def everything(world: World, region: str) -> dict[str, dict]:
    """All identities and permissions as one Region has them, by kind and key."""
    with world.directory(region) as connection:
        directory = Directory(connection)
        users, groups = directory.users(), directory.groups()
        found: dict[str, dict] = {
            "users": {key: user.SerializeToString() for key, user in users.items()},
            "groups": {key: group.SerializeToString() for key, group in groups.items()},
            "memberships": {(group, user): True for group in groups
                            for user in directory.members(group)},
        }
    for noun, key, identifier in (
            ("account", "accounts", "accountId"),
            ("permission-set", "permissionSets", "permissionSetArn"),
            ("application", "applications", "applicationArn")):
        listing = world.cli.json(noun, "list", region=region)
        found[noun + "s"] = {record[identifier]: record for record in listing.get(key, [])}
    return found


def difference(one: dict, other: dict) -> str:
    """What two sets of records do not have in common, in short."""
    changed = [key for key in one if key in other and one[key] != other[key]]
    first, second = list(one.keys() - other.keys()), list(other.keys() - one.keys())
    return (f"{len(one)} and {len(other)}; only in the first: {first[:3]}, only in the second: "
            f"{second[:3]}, changed: {changed[:3]}")


def application_elsewhere(world: World) -> None:
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step(f"An application in {other} that reads identities there", "M13"):
        cli("application", "create", "--name", "Manifest Viewer",
            "--start-url", "https://manifest.halcyon.example/",
            "--supports-customer-managed-keys", region=other)
        cli("application", "assign", "Manifest Viewer", "--group", "Halcyon Everyone", region=other)
        listed = {a["name"]: a for a in cli.json("application", "list", region=other)[
            "applications"]}
        check("M13", "it declares its Region and its support of customer managed keys",
              listed["Manifest Viewer"]["region"] == other
              and listed["Manifest Viewer"].get("supportsCustomerManagedKeys"), listed)
        eventually("the primary lists it", lambda: "Manifest Viewer" in cli(
            "application", "list", region=world.primary))
        check("M13", "the primary lists it as well", True)
        for region in world.regions:
            read = read_user(world, region, world.mariner.user_name)
            check("M13", f"a script with only ssl, struct and protobuf reads a user in {region}",
                  world.mariner.user_name in read and world.mariner.department in read, read)


def read_user(world: World, region: str, user_name: str) -> str:
    """Runs Clients/read_user.py against the directory of a Region."""
    operator = world.cluster.pki / "operators" / "alice"
    done = subprocess.run(
        [sys.executable, "Clients/read_user.py", "--address",
         world.cluster.address(region, "directory"), "--region", region, "--user", user_name,
         "--certificate", operator / "certificate.pem", "--key", operator / "key.pem",
         "--ca", world.cluster.pki / "root.pem"],
        capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def key_usage(world: World) -> None:
    with world.verdict.step("Use of keys", "M18"):
        for region in world.regions:
            usage = world.cli.json("key", "usage", world.facts["key"], region=region)
            total = sum(int(u.get("requests", 0)) for u in usage.get("usage", []))
            operations = sorted({u["operation"] for u in usage.get("usage", [])})
            world.verdict.check("M18", f"{region}: {total} requests ({', '.join(operations)})",
                                total > 0, usage)


def closed_by_its_key(world: World) -> None:
    """A Region whose replica is disabled closes; the other one does not; enabled, it opens."""
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step(f"The key's replica in {other} is disabled", "M3"):
        cli("key", "disable", world.facts["key"], region=other)
        began = time.monotonic()
        refusal = eventually("the directory closes", lambda: reading(world, other), 40, 0.5)
        took = time.monotonic() - began
        check("M3", f"{other} closes: {refusal}", "Disabled" in str(refusal), refusal)
        # The demo's dataKeyHoldSeconds, and a second for the look itself.
        check("M3", f"within the bound of 10 s: {took:.1f} s", took <= 11, took)
        check("M3", f"{world.primary} goes on", not reading(world, world.primary))
        cli("key", "enable", world.facts["key"], region=other)
        eventually("the directory opens", lambda: not reading(world, other), 40, 0.5)
        check("M3", f"enabled again, {other} opens by itself", True)


def reading(world: World, region: str) -> str:
    """Why a user cannot be read in a Region; empty when one can."""
    with world.directory(region) as connection:
        directory = Directory(connection)
        request = directory.types.GetUserRequest(user_id=world.engineer.user_id)
        try:
            connection.call("directory.v1.Directory/GetUser", request,
                            directory.types.GetUserResponse())
        except RPCError as refusal:
            return refusal.reason
        return ""


def remove_and_add_again(world: World) -> None:
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step(f"Remove {other} and add it again", "M6"):
        said = cli.refused("region", "remove", world.primary)
        check("M6", "the primary cannot be removed", "primary" in said, said)
        answer = cli.json("region", "remove", other, "--no-wait")
        check("M6", "the answer is REMOVING", answer.get("status") == "REGION_STATUS_REMOVING",
              answer)
        eventually(f"{other} is gone", lambda: [r["name"] for r in cli.json("region", "list")[
            "regions"]] == [world.primary], 60)
        check("M6", "then it is gone", True)
        browser = world.browser()

        def closed() -> bool:
            page = browser.open(f"{world.portal(other)}/start", follow=False)
            return page.status >= 400

        eventually("its portal is closed", closed, 30)
        check("M6", "and its portal no longer signs people in", True)
        cli("region", "add", other, timeout=180)
        eventually("both are ACTIVE", lambda: [r["status"] for r in cli.json("region", "list")[
            "regions"]] == ["REGION_STATUS_ACTIVE"] * 2, 60)
        check("M6", "added again, it is ACTIVE again", True)
