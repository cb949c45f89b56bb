"""What an administrator of keys does: compare policies, import, rotate, promote, back up, count."""

from __future__ import annotations

import json
import subprocess

from .cluster import ACCOUNT
from .steps_regions import reading
from .world import World, eventually


def policies_drift(world: World) -> None:
    """A policy that differs is shown, warned of and copied."""
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step("Key policies that drift are seen and copied", "B10"):
        key = cli.json("key", "create", "--multi-region", "--baseline-policy")["keyMetadata"][
            "keyId"]
        cli("key", "replicate", key, "--to", other, "--baseline-policy")
        text = cli("key", "policy", "diff", key, "--to", other)
        check("B10", "a copy says the same", "say the same" in text, text)
        policy = world.cluster.directory / "drifted.json"
        policy.write_text(json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Sid": "Own", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
                           "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}]}))
        cli("key", "policy", "put", key, "--policy", str(policy), region=other)
        said = cli.refused("key", "policy", "diff", key, "--to", other)
        check("B10", "a changed one is told apart, statement by statement", "+ Own" in said, said)
        said = eventually(
            "the primary hears of it",
            lambda: (lambda done: done.returncode == 1 and done.stderr)(
                cli.run("key", "related", key)), 90, 2)
        check("B10", "the primary's Region warns of it by itself",
              f"{other}: the key policy differs" in str(said), said)
        text = cli("key", "policy", "copy", key, "--from", world.primary, "--to", other)
        check("B10", "copy shows the difference first", "- Own" in text, text)
        cli("key", "policy", "diff", key, "--to", other)
        check("B10", "then they say the same again", True)
        world.facts["spare"] = key


def rotate_and_promote(world: World) -> None:
    """New material in every Region, and the primary key moves there and back."""
    cli, check, other = world.cli, world.verdict.check, world.additional
    with world.verdict.step("Rotate a key, move its primary", "M3"):
        key = world.facts["spare"]
        cli("key", "rotation", "now", key)

        def versions(region: str) -> list[tuple[str, bool]]:
            rotations = cli.json("key", "rotation", "show", key, region=region)["rotations"]
            return [(r["keyMaterialId"], r.get("current", False)) for r in rotations]

        eventually("both Regions use the new material",
                   lambda: len(versions(other)) == 2 and versions(other)[1][1]
                   and versions(world.primary) == versions(other), 30, 0.5)
        check("M3", "both Regions use the same new material", True)
        cli("key", "update-primary", key, "--to", other)
        shown = cli.json("key", "show", key, region=other)["keyMetadata"]
        check("M3", f"{other} has the primary key now",
              shown["multiRegionKeyType"].endswith("PRIMARY"), shown)
        cli("key", "update-primary", key, "--to", world.primary, region=other)


def another_instance_key(world: World) -> None:
    """The instance gets another key; existing records are sealed anew while everybody reads."""
    cli, check, key = world.cli, world.verdict.check, world.facts["spare"]
    with world.verdict.step("Another key for the instance", "M3"):
        refusals: list[str] = []

        def is_done() -> bool:
            refusals.extend(filter(None, (reading(world, region) for region in world.regions)))
            shown = cli.json("instance", "show")["instance"]["encryption"]
            return (key in shown["kmsKeyArn"] and shown["status"].endswith("ENABLED")
                    and "resealing" not in shown)

        cli("instance", "update", "--kms-key", key)
        eventually("all records are sealed under new data keys", is_done, 120, 0.2)
        check("M3", "all records are sealed anew, and nobody was refused meanwhile", not refusals,
              refusals)
        for region in world.regions:
            cli("key", "disable", world.facts["key"], region=region)
        world.facts["key"] = key
        shown = cli.json("instance", "rotate-data-keys")["instance"]["encryption"]
        check("M3", "data keys can be rotated", shown["dataKeyGeneration"] > 1, shown)
        eventually("all records are sealed anew again", is_done, 120, 0.2)


def import_material(world: World) -> None:
    """Material of one's own, wrapped with openssl."""
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("Import key material", "M3"):
        directory = world.cluster.directory
        key = cli.json("key", "create", "--origin", "external")["keyMetadata"]["keyId"]
        public, token, plain, wrapped = (
            directory / name for name in ("wrap.der", "import.token", "plain", "wrapped"))
        cli("key", "import", "parameters", key, "--public-key", public, "--token", token,
            "--algorithm", "RSAES_OAEP_SHA_256")
        plain.write_bytes(bytes(range(32)))
        subprocess.run(
            ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-keyform", "DER",
             "-in", plain, "-out", wrapped, "-pkeyopt", "rsa_padding_mode:oaep",
             "-pkeyopt", "rsa_oaep_md:sha256"], check=True, capture_output=True, timeout=30)
        cli("key", "import", "material", key, "--token", token, "--encrypted", wrapped,
            "--expires-in-days", "30")
        shown = cli.json("key", "show", key)["keyMetadata"]
        check("M3", "the key is enabled and knows when its material expires",
              shown["keyState"].endswith("ENABLED") and int(shown["validToUs"]) > 0, shown)
        cli("key", "import", "delete", key)
        shown = cli.json("key", "show", key)["keyMetadata"]
        check("M3", "without it the key waits for import again",
              shown["keyState"].endswith("PENDING_IMPORT"), shown)


def report_and_backup(world: World) -> None:
    """The monthly report over all Regions, and a backup that holds no root key."""
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("Report of use, backup of keys", "M18"):
        usage = [line for region in world.regions
                 for line in cli.json("key", "usage", "--summary", region=region)["usage"]]
        regions = {line["region"] for line in usage}
        check("M18", f"one report for {len(regions)} Regions, {len(usage)} lines",
              regions == set(world.regions), usage[:3])
        config = world.cluster.config_file(world.primary)
        backup = world.cluster.directory / "keys.backup"
        cli("key", "store", "backup", "--config", config, "--output", backup, context=False)
        root = world.cluster.directory / "data" / world.primary / "keys" / "root.key"
        secret = root.read_bytes()[5:]
        check("M18", "a backup of the running service does not hold the root key",
              backup.stat().st_size > 0 and secret not in backup.read_bytes())
