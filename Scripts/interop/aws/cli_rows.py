"""The same by the AWS CLI, as a person types it."""

from __future__ import annotations

import base64
import json

from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY

from .world import World, expect


def version(world: World) -> str:
    done = world.aws("--version")
    return (done.stdout or done.stderr).split()[0]


def role_credentials(world: World) -> None:
    """The access portal API with the person's session token."""
    token = world.tokens.get("cli") or world.sign_in("nadia.osei@example.com")
    world.tokens["cli"] = token
    accounts = world.aws_json("sso", "list-accounts", "--access-token", token)["accountList"]
    assert ACCOUNT in [a["accountId"] for a in accounts], accounts
    told = world.aws_json("sso", "get-role-credentials", "--access-token", token, "--account-id",
                          ACCOUNT, "--role-name", "AdministratorAccess")["roleCredentials"]
    world.facts["cli credentials"] = told
    identity = json.loads(world.aws("sts", "get-caller-identity", credentials=told).stdout)
    expect(identity["Account"], ACCOUNT)


def key_life(world: World) -> str:
    made = world.aws_json("kms", "create-key", "--multi-region", "--description", "By hand",
                          "--tags", "TagKey=made,TagValue=cli")["KeyMetadata"]
    key = made["KeyId"]
    world.aws_json("kms", "create-alias", "--alias-name", "alias/cli", "--target-key-id", key)
    expect(world.aws_json("kms", "describe-key", "--key-id", "alias/cli")["KeyMetadata"]["Arn"],
           made["Arn"])
    expect(world.aws_json("kms", "list-resource-tags", "--key-id", key)["Tags"],
           [{"TagKey": "made", "TagValue": "cli"}])
    policy = world.aws_json("kms", "get-key-policy", "--key-id", key, "--policy-name", "default")
    world.aws_json("kms", "put-key-policy", "--key-id", key, "--policy-name", "default",
                   "--policy", policy["Policy"])
    world.aws_json("kms", "replicate-key", "--key-id", key, "--replica-region", ADDITIONAL)
    world.facts["cli key"] = key
    return key


def seal_and_open(world: World) -> None:
    plain = base64.b64encode(b"by hand").decode()
    sealed = world.aws_json("kms", "encrypt", "--key-id", "alias/cli", "--plaintext", plain,
                            "--cli-binary-format", "base64",
                            "--encryption-context", "a=b") if _has_binary_format(world) else \
        world.aws_json("kms", "encrypt", "--key-id", "alias/cli", "--plaintext", "by hand",
                       "--encryption-context", "a=b")
    blob = world.cluster.directory / "ciphertext"
    blob.write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    opened = world.aws_json("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}",
                            "--encryption-context", "a=b", region=ADDITIONAL)
    expect(base64.b64decode(opened["Plaintext"]), b"by hand")
    wrong = world.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}")
    assert wrong.returncode != 0 and "InvalidCiphertextException" in wrong.stderr, wrong.stderr


def _has_binary_format(world: World) -> bool:
    """Version 2 has binary values in base64 unless told otherwise; version 1 takes text."""
    return "aws-cli/2" in version(world)


def states(world: World) -> None:
    key = world.facts["cli key"]
    world.aws_json("kms", "disable-key", "--key-id", key)
    refusal = world.aws("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    assert "DisabledException" in refusal.stderr, refusal.stderr
    world.aws_json("kms", "enable-key", "--key-id", key)
    world.aws_json("kms", "rotate-key-on-demand", "--key-id", key)
    world.aws_json("kms", "update-primary-region", "--key-id", key,
                   "--primary-region", ADDITIONAL, region=PRIMARY)
    told = world.aws_json("kms", "describe-key", "--key-id", key, region=ADDITIONAL)["KeyMetadata"]
    expect(told["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY")
    gone = world.aws_json("kms", "schedule-key-deletion", "--key-id", key,
                          "--pending-window-in-days", "7")
    expect(gone["KeyState"], "PendingDeletion")
    world.aws_json("kms", "cancel-key-deletion", "--key-id", key)


def operator_credentials(world: World) -> str:
    """`portolan credentials` as credential_process of a profile: no keys are stored anywhere."""
    made = world.cli.json("credentials", "--duration", "900")
    expect(made["Version"], 1)
    keys = {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"],
            "sessionToken": made["SessionToken"]}
    arn = json.loads(world.aws("sts", "get-caller-identity", credentials=keys).stdout)["Arn"]
    expect(arn, f"arn:aws:iam::{ACCOUNT}:user/alice")
    for region in (PRIMARY, ADDITIONAL):
        done = world.aws("kms", "list-keys", region=region, credentials=keys)
        assert done.returncode == 0, done.stderr
    return arn


ROWS = [
    ("AWS CLI: version", version),
    ("AWS CLI: accounts and role credentials with the portal's session", role_credentials),
    ("AWS CLI: a key, its alias, tags, policy and replica", key_life),
    ("AWS CLI: encrypt in one Region, decrypt in the other", seal_and_open),
    ("AWS CLI: disable, rotate, promote, schedule deletion", states),
    ("AWS CLI: an operator's credentials", operator_credentials),
]
