"""Terraform's AWS provider as it comes: applications applied, unchanged, updated, imported, destroyed.

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
from Scripts.demo.world import eventually

from .application_rows import instance_of, user_id
from .world import PEOPLE, World, expect

CONFIGURATION = Path(__file__).with_name("applications.tf")
GROUP = "pilots"
NOT_TRIED = "not tried: there is no terraform with the AWS provider"
# resource of the configuration: what names it for an import
IMPORTS = {
    "aws_ssoadmin_application.charts": "{charts}",
    "aws_ssoadmin_application.plain": "{plain}",
    "aws_ssoadmin_application.elsewhere": "{elsewhere}",
    "aws_ssoadmin_application_assignment.user": "{charts},{user},USER",
    "aws_ssoadmin_application_assignment.group": "{charts},{group},GROUP",
    "aws_ssoadmin_application_assignment_configuration.charts": "{charts}",
}


def init(world: World) -> str:
    if not shutil.which("terraform"):
        return NOT_TRIED
    world.cli("group", "create", GROUP)
    directory = world.facts["terraform directory"] = world.cluster.directory / "terraform"
    directory.mkdir()
    shutil.copy(CONFIGURATION, directory / "main.tf")
    done = _run(world, "init", "-input=false")
    if done.returncode != 0:
        return NOT_TRIED
    world.facts["terraform"] = True
    return _terraform(world, "version").splitlines()[0]


def _run(world: World, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    keys = world.credentials()
    local = {region: f"https://localhost:{world.cluster.ports.https(region)}"
             for region in (PRIMARY, ADDITIONAL)}
    environment = {
        **{name: value for name, value in os.environ.items()
           if name in ("PATH", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS_init", "TF_PLUGIN_CACHE_DIR")},
        "HOME": str(world.cluster.directory), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
        "AWS_CA_BUNDLE": str(world.trust), "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": local[PRIMARY], "AWS_REGION": PRIMARY,
        "AWS_ACCESS_KEY_ID": keys["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["secretAccessKey"],
        "AWS_SESSION_TOKEN": keys["sessionToken"],
        "TF_VAR_user": PEOPLE[0], "TF_VAR_group": GROUP, "TF_VAR_additional_region": ADDITIONAL,
        "TF_VAR_additional_endpoint": local[ADDITIONAL],
        **{f"TF_VAR_{name}": value for name, value in variables.items()},
    }
    return subprocess.run(
        ["terraform", *arguments], capture_output=True, text=True, timeout=180, check=False,
        env=environment, cwd=world.facts["terraform directory"])


def _terraform(world: World, *arguments: str, **variables: str) -> str:
    done = _run(world, *arguments, **variables)
    assert done.returncode == 0, f"terraform {arguments[0]}: {done.stdout[-1500:]} {done.stderr}"
    return done.stdout


def _apply(world: World, said: str, **variables: str) -> None:
    told = _terraform(world, "apply", "-auto-approve", "-input=false", "-no-color", **variables)
    assert said in told, told[-1500:]


def _unchanged(world: World, **variables: str) -> None:
    """Status 0 of a plan that tells changes from none: nothing to do."""
    _terraform(world, "plan", "-detailed-exitcode", "-input=false", "-no-color", **variables)


def _outputs(world: World) -> dict:
    told = json.loads(_terraform(world, "output", "-json"))
    return {name: output["value"] for name, output in told.items()}


def _assigned(world: World, source: str) -> set[str]:
    """Whom a data source has found, from the state: outputs of its blocks are a plan behind."""
    told = json.loads(_terraform(world, "show", "-json"))["values"]["root_module"]["resources"]
    found = next(r["values"] for r in told if r["mode"] == "data" and r["type"] == source)
    return {a["principal_id"] for a in found["application_assignments"]}


def apply(world: World) -> str:
    if not world.facts.get("terraform"):
        return NOT_TRIED
    _apply(world, "6 added, 0 changed, 0 destroyed")
    arns = world.facts["terraform outputs"] = _outputs(world)
    told = world.client("sso-admin").describe_application(ApplicationArn=arns["charts"])
    expect(told["PortalOptions"]["SignInOptions"]["ApplicationUrl"], "https://soundings.example/")
    expect(arns["user"], user_id(world, PEOPLE[0]))
    expect(_assigned(world, "aws_ssoadmin_application_assignments"), {arns["user"], arns["group"]})
    expect(_assigned(world, "aws_ssoadmin_principal_application_assignments"), {arns["user"]})
    seen = eventually("the primary lists the additional Region's", lambda: [
        a for a in world.client("sso-admin").list_applications(
            InstanceArn=instance_of(world)["InstanceArn"])["Applications"]
        if a["ApplicationArn"] == arns["elsewhere"]])
    expect(seen[0]["CreatedFrom"], ADDITIONAL)
    _unchanged(world)
    return "6 resources in two Regions; a plan right after has nothing to do"


def update(world: World) -> str:
    if not world.facts.get("terraform"):
        return NOT_TRIED
    changed = {"description": "Depths", "assignment_required": "false", "status": "DISABLED"}
    _apply(world, "0 added, 2 changed, 0 destroyed", **changed)
    admin, arns = world.client("sso-admin"), world.facts["terraform outputs"]
    told = admin.describe_application(ApplicationArn=arns["charts"])
    expect((told["Description"], told["Status"]), ("Depths", "DISABLED"))
    expect(admin.get_application_assignment_configuration(
        ApplicationArn=arns["charts"])["AssignmentRequired"], False)
    _unchanged(world, **changed)
    _apply(world, "0 added, 2 changed, 0 destroyed")
    return "description, status and assignment configuration, there and back"


def imported(world: World) -> str:
    """The state is lost; import blocks find everything again, and nothing is to change."""
    if not world.facts.get("terraform"):
        return NOT_TRIED
    directory = world.facts["terraform directory"]
    for state in directory.glob("terraform.tfstate*"):
        state.unlink()
    blocks = [f'import {{\n  to = {to}\n  id = "{form.format(**world.facts["terraform outputs"])}"\n'
              + ("  provider = aws.additional\n" if to.endswith(".elsewhere") else "") + "}\n"
              for to, form in IMPORTS.items()]
    (directory / "imports.tf").write_text("\n".join(blocks))
    _apply(world, "6 imported, 0 added, 0 changed, 0 destroyed")
    (directory / "imports.tf").unlink()
    _unchanged(world)
    return f"{len(IMPORTS)} resources"


def destroy(world: World) -> str:
    if not world.facts.get("terraform"):
        return NOT_TRIED
    told = _terraform(world, "destroy", "-auto-approve", "-input=false", "-no-color")
    assert "6 destroyed" in told, told[-1500:]
    arns = world.facts["terraform outputs"]
    for region, names in ((PRIMARY, ("charts", "plain")), (ADDITIONAL, ("elsewhere",))):
        left = world.client("sso-admin", region).list_applications(
            InstanceArn=instance_of(world)["InstanceArn"])["Applications"]
        assert not {a["ApplicationArn"] for a in left} & {arns[name] for name in names}, left
    return "6 resources"


ROWS = [
    ("Terraform: init", init),
    ("Terraform: applications applied", apply),
    ("Terraform: applications updated", update),
    ("Terraform: applications imported", imported),
    ("Terraform: applications destroyed", destroy),
]
