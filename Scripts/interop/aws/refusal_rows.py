"""What must not work, and how it is recorded."""

from __future__ import annotations

import datetime
import json

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from Scripts.demo.cluster import ACCOUNT, PRIMARY
from Scripts.demo.world import eventually

from .world import PEOPLE, TEAM_ACCOUNT, World, expect, refused

TYPE = "application/x-amz-json-1.1"


def _signed(world: World, body: str = "{}", target: str = "TrentService.ListKeys",
            secret: str | None = None, service: str = "kms", region: str = PRIMARY,
            ) -> tuple[str, dict[str, str], str]:
    """A request signed by botocore, to be changed before it is sent."""
    keys = world.credentials()
    request = AWSRequest("POST", world.portal(PRIMARY) + "/", data=body, headers={
        "Content-Type": TYPE, "X-Amz-Target": target})
    SigV4Auth(Credentials(keys["accessKeyId"], secret or keys["secretAccessKey"],
                          keys["sessionToken"]), service, region).add_auth(request)
    return request.url, dict(request.headers.items()), body


def _send(world: World, url: str, headers: dict[str, str], body: str) -> requests.Response:
    return requests.post(url, headers=headers, data=body, verify=str(world.trust), timeout=15)


def _refused(answer: requests.Response, kind: str, status: int = 400) -> None:
    expect((answer.status_code, answer.json().get("__type")), (status, kind))
    assert answer.headers["x-amzn-RequestId"], answer.headers
    expect(answer.headers["content-type"], TYPE)


def good_as_sent(world: World) -> None:
    """The same request unchanged works, so that the rows after it show what they say."""
    answer = _send(world, *_signed(world))
    expect(answer.status_code, 200)
    assert "Keys" in answer.json(), answer.text


def wrong_secret(world: World) -> None:
    _refused(_send(world, *_signed(world, secret="0" * 40)), "InvalidSignatureException")


def tampered(world: World) -> None:
    url, headers, _ = _signed(world)
    _refused(_send(world, url, headers, '{"Limit": 1}'), "InvalidSignatureException")
    other = {**headers, "X-Amz-Target": "TrentService.CreateKey"}
    _refused(_send(world, url, other, "{}"), "InvalidSignatureException")
    added = {**headers, "X-Amz-Meta": "unsigned"}
    _refused(_send(world, url, added, "{}"), "IncompleteSignatureException")


def skewed_clock(world: World) -> None:
    """Ten minutes behind and ahead, signed correctly for that time."""
    import botocore.auth  # noqa: PLC0415
    real = botocore.auth.get_current_datetime
    for minutes in (-10, 10):
        botocore.auth.get_current_datetime = lambda *a, m=minutes, **o: real(
            *a, **o) + datetime.timedelta(minutes=m)
        try:
            signed = _signed(world)
        finally:
            botocore.auth.get_current_datetime = real
        answer = _send(world, *signed)
        _refused(answer, "InvalidSignatureException")
        assert "Signature" in answer.json()["message"], answer.text


def wrong_scope(world: World) -> None:
    _refused(_send(world, *_signed(world, service="s3")), "InvalidSignatureException")
    _refused(_send(world, *_signed(world, region="us-east-1")), "InvalidSignatureException")


def not_signed(world: World) -> None:
    url = world.portal(PRIMARY) + "/"
    headers = {"Content-Type": TYPE, "X-Amz-Target": "TrentService.ListKeys"}
    _refused(_send(world, url, headers, "{}"), "MissingAuthenticationTokenException")
    garbage = boto3.client(
        "kms", region_name=PRIMARY, endpoint_url=world.portal(PRIMARY), verify=str(world.trust),
        aws_access_key_id="ASIAAAAAAAAAAAAAAAAA", aws_secret_access_key="x" * 40,
        aws_session_token="eyJhbGciOiJub25lIn0.e30.")
    refused("UnrecognizedClientException", garbage.list_keys)


def unknown_operation(world: World) -> None:
    _refused(_send(world, *_signed(world, target="TrentService.MakeCoffee")),
             "UnknownOperationException")
    _refused(_send(world, *_signed(world, target="Elsewhere.ListKeys")),
             "UnknownOperationException")


def malformed(world: World) -> None:
    _refused(_send(world, *_signed(world, body="{")), "SerializationException")
    _refused(_send(world, *_signed(world, body='{"Limit": "many"}')), "SerializationException")
    _refused(_send(world, *_signed(world, target="TrentService.DescribeKey")),
             "ValidationException")
    _refused(_send(world, *_signed(world, body='{"Marker": "' + "x" * 300_000 + '"}')),
             "RequestEntityTooLargeException", 413)


def no_permission(world: World) -> str:
    """Permission sets decide: what none of their policies allows is denied."""
    key = world.facts["arn"]
    reader = world.kms(role="ReadOnlyAccess")
    reader.describe_key(KeyId=key)
    refused("AccessDeniedException", reader.encrypt, KeyId=key, Plaintext=b"x")
    refused("AccessDeniedException", reader.create_key)
    power = world.kms(role="KeyPowerUser")
    made = power.create_key()["KeyMetadata"]["KeyId"]
    refused("AccessDeniedException", power.encrypt, KeyId=made, Plaintext=b"x")
    user = world.kms(role="KeyUser")
    sealed = user.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    expect(user.decrypt(CiphertextBlob=sealed)["Plaintext"], b"x")
    refused("AccessDeniedException", user.encrypt, KeyId=key, Plaintext=b"x",
            EncryptionContext={"stage": "secret"})
    refused("AccessDeniedException", user.disable_key, KeyId=key)
    nothing = world.kms(role="Unmodelled")
    refused("AccessDeniedException", nothing.describe_key, KeyId=key)
    refused("AccessDeniedException", nothing.list_keys)
    return "ReadOnlyAccess, power user, an inline policy with a deny, an unknown managed policy"


def other_account(world: World) -> None:
    """An administrator of another account has no keys here and may not use these."""
    team = world.kms(account=TEAM_ACCOUNT)
    refused("AccessDeniedException", team.create_key)
    refused("AccessDeniedException", team.list_keys)
    refused("AccessDeniedException", team.encrypt, KeyId=world.facts["arn"], Plaintext=b"x")


def ended(world: World) -> str:
    """Revoked, unassigned: the credentials end at once, in both Regions."""
    person = PEOPLE[1]
    clients = [world.kms(region, person=person) for region in (PRIMARY, "eu-west-1")]
    for kms in clients:
        kms.list_keys()
    shown = world.cli.json("user", "show", person)["user"]
    world.cli("session", "revoke", "--user", person)
    for kms in clients:
        eventually("the credentials have ended", lambda kms=kms: bool(
            refused("ExpiredTokenException", kms.list_keys)), seconds=5)
    del world.tokens[person]
    world.sets = {k: v for k, v in world.sets.items() if k[0] != person}
    kms = world.kms(role="KeyPowerUser", person=person)
    kms.list_keys()
    world.cli("assignment", "delete", "--account", ACCOUNT, "--permission-set", "KeyPowerUser",
              "--user", person)
    eventually("the credentials have ended", lambda: bool(
        refused("ExpiredTokenException", kms.list_keys)), seconds=5)
    return shown["userName"]


def recorded(world: World) -> str:
    """Events have the person as identity; nothing secret is in them."""
    key = world.facts["arn"]
    created = world.events(PRIMARY, "CreateKey")
    mine = next(e for e in created if e["userIdentity"]["type"] == "AssumedRole"
                and key in json.dumps(e))
    identity = mine["userIdentity"]
    expect(identity["arn"].split("/")[-1], PEOPLE[0])
    assert identity["accessKeyId"].startswith("ASIA"), identity
    assert identity["onBehalfOf"]["userId"], identity
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["arn"].startswith(f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/"), issuer
    expect(mine["eventSource"], "kms.amazonaws.com")
    used = next(e for e in world.events(PRIMARY, "Encrypt") if "errorCode" not in e
                and e["userIdentity"]["type"] == "AssumedRole"
                and e["requestParameters"].get("encryptionContext"))
    expect(used["readOnly"], True)
    assert "plaintext" not in json.dumps(used).lower(), used
    denied = next(e for e in world.events(PRIMARY, "Encrypt") if e.get("errorCode"))
    assert denied["userIdentity"]["arn"], denied
    strangers = [e for e in world.events(PRIMARY, "ListKeys")
                 if e.get("errorCode") == "InvalidSignatureException"]
    assert strangers and strangers[0]["userIdentity"]["type"] == "Unknown", strangers[:1]
    return f"{denied['errorCode']}, {strangers[0]['errorCode']}"


ROWS = [
    ("signed and unchanged", good_as_sent),
    ("wrong secret", wrong_secret),
    ("changed body, changed operation, an AWS header that is not signed", tampered),
    ("skewed clock", skewed_clock),
    ("signed for another service or Region", wrong_scope),
    ("not signed, made-up token", not_signed),
    ("unknown operation", unknown_operation),
    ("malformed and oversized bodies", malformed),
    ("what permission sets do not allow", no_permission),
    ("an administrator of another account", other_account),
    ("session revoked, role unassigned", ended),
    ("the trail", recorded),
]
