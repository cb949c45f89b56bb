"""Terraform's AWS provider as it comes: people, groups and memberships from apply to destroy.

Not tried without `terraform` on the PATH, or where `terraform init` cannot get the provider.
TF_CLI_ARGS_init=-plugin-dir=DIRECTORY names a directory that has it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from Scripts.demo.cluster import ADDITIONAL, PRIMARY

from .world import PEOPLE, World, expect, refused

CONFIGURATION = Path(__file__).with_name("identities.tf")
NOT_TRIED = "not tried: there is no terraform with the AWS provider"
KIM = "aws_identitystore_user.kim"
CREW = "aws_identitystore_group.crew"
MEMBERSHIP = 'aws_identitystore_group_membership.crew["kim"]'
RESOURCES = 5


def _folder(world: World) -> Path:
    return world.cluster.directory / "terraform-identities"


def _run(world: World, *arguments: str, region: str = PRIMARY, role: str = "AdministratorAccess",
         statuses: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    keys = world.credentials(role)
    environment = {
        **{name: value for name, value in os.environ.items()
           if name in ("PATH", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS_init", "TF_PLUGIN_CACHE_DIR")},
        "HOME": str(world.cluster.directory), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(world.trust),
        "AWS_ENDPOINT_URL": f"https://localhost:{world.cluster.ports.https(region)}",
        "AWS_REGION": region, "AWS_ACCESS_KEY_ID": keys["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["secretAccessKey"],
        "AWS_SESSION_TOKEN": keys["sessionToken"],
    }
    done = subprocess.run(
        ["terraform", f"-chdir={_folder(world)}", *arguments], env=environment, check=False,
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode in statuses, \
        f"terraform {' '.join(arguments)}: {done.returncode}: {done.stderr or done.stdout}"
    return done


def _apply(world: World) -> str:
    done = _run(world, "apply", "-auto-approve", "-no-color")
    return next(line for line in done.stdout.splitlines() if line.startswith("Apply complete"))


def _unchanged(world: World) -> None:
    """A plan finds nothing to do: what was written is what is read."""
    done = _run(world, "plan", "-detailed-exitcode", "-no-color", statuses=(0, 2))
    assert done.returncode == 0, done.stdout


def _outputs(world: World) -> dict:
    told = json.loads(_run(world, "output", "-json").stdout)
    return {name: output["value"] for name, output in told.items()}


def _ids(world: World) -> dict[str, str]:
    """Resources of the state and their IDs, which imports take."""
    root = json.loads(_run(world, "show", "-json").stdout)["values"]["root_module"]
    return {r["address"]: r["values"]["id"] for r in root["resources"] if r["mode"] == "managed"}


def applied(world: World) -> str:
    if not shutil.which("terraform"):
        return NOT_TRIED
    _folder(world).mkdir()
    shutil.copy(CONFIGURATION, _folder(world))
    if _run(world, "init", "-input=false", "-no-color", statuses=(0, 1)).returncode != 0:
        return NOT_TRIED
    world.facts["terraform identities"] = True
    said = _apply(world)
    assert f"{RESOURCES} added" in said, said
    _unchanged(world)
    told = _outputs(world)
    client, store = world.client("identitystore"), {"IdentityStoreId": world.facts["store"]}
    user = client.describe_user(**store, UserId=told["kim"])
    expect((user["Title"], user["Addresses"][0]["PostalCode"]), ("Pilot", "89073"))
    assert {PEOPLE[0], "kim.terraform@example.com"} <= set(told["user_names"]), told
    assert told["crew"] in told["groups"], told
    assert told["kim"] in told["members"] and len(told["members"]) == 2, told
    return said


def updated(world: World) -> str:
    """Attributes changed and removed, also an address; the person stays the same."""
    if not _is_tried(world):
        return NOT_TRIED
    before = _outputs(world)["kim"]
    (_folder(world) / "changed.auto.tfvars.json").write_text(json.dumps(
        {"title": "Captain", "nickname": None, "email": None, "description": "Who flew"}))
    said = _apply(world)
    assert "0 added" in said and "0 destroyed" in said, said
    _unchanged(world)
    told = world.client("identitystore").describe_user(
        IdentityStoreId=world.facts["store"], UserId=before)
    expect((told["Title"], told.get("NickName"), told.get("Emails")), ("Captain", None, None))
    expect(_outputs(world)["title"], "Captain")
    return said


def drifted(world: World) -> str:
    """What somebody else has changed or deleted is found and put right."""
    if not _is_tried(world):
        return NOT_TRIED
    client, store = world.client("identitystore"), {"IdentityStoreId": world.facts["store"]}
    ids = _ids(world)
    client.update_user(**store, UserId=ids[KIM].split("/")[1], Operations=[
        {"AttributePath": "title", "AttributeValue": "Somebody's"}])
    client.delete_group_membership(**store, MembershipId=ids[MEMBERSHIP].split("/")[1])
    _run(world, "plan", "-detailed-exitcode", "-no-color", statuses=(2,))
    said = _apply(world)
    assert "1 added, 1 changed, 0 destroyed" in said, said
    _unchanged(world)
    return said


def imported(world: World) -> str:
    """What exists is taken over, one of each kind."""
    if not _is_tried(world):
        return NOT_TRIED
    ids = _ids(world)
    for address in (KIM, CREW, MEMBERSHIP):
        _run(world, "state", "rm", "-no-color", address)
        _run(world, "import", "-no-color", address, ids[address])
    expect(_ids(world), ids)
    _unchanged(world)
    return "a user, a group, a membership"


def refusals(world: World) -> str:
    """A Region that is not the primary, and a role that may only read: nothing is changed."""
    if not _is_tried(world):
        return NOT_TRIED
    for options, word in (({"region": ADDITIONAL}, "primary Region"),
                          ({"role": "ReadOnlyAccess"}, "may not perform identitystore:")):
        done = _run(world, "apply", "-auto-approve", "-no-color", "-var=title=Nowhere",
                    statuses=(0, 1), **options)
        said = " ".join(done.stderr.replace("│", " ").split())
        assert done.returncode == 1 and word in said, said
    return "outside the primary, and a role that may only read"


def destroyed(world: World) -> str:
    if not _is_tried(world):
        return NOT_TRIED
    kim = _outputs(world)["kim"]
    done = _run(world, "destroy", "-auto-approve", "-no-color")
    assert f"{RESOURCES} destroyed" in done.stdout, done.stdout
    refused("ResourceNotFoundException", world.client("identitystore").describe_user,
            IdentityStoreId=world.facts["store"], UserId=kim)
    return next(line for line in done.stdout.splitlines() if line.startswith("Destroy complete"))


def _is_tried(world: World) -> bool:
    return "terraform identities" in world.facts


ROWS = [
    ("Terraform: people and groups applied", applied),
    ("Terraform: people and groups updated", updated),
    ("Terraform: drift of people and groups", drifted),
    ("Terraform: people and groups imported", imported),
    ("Terraform: people and groups refused", refusals),
    ("Terraform: people and groups destroyed", destroyed),
]
