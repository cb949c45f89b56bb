"""What a team does with KMS, with boto3 as it comes. Later rows use what earlier ones made."""

from __future__ import annotations

import datetime
import json

from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY
from Scripts.demo.world import eventually

from .world import World, expect, refused

CONTEXT = {"purpose": "interop", "tenant": "42"}


def _policy() -> str:
    """The account decides by its own policies, as in KMS' default key policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "Account", "Effect": "Allow", "Resource": "*", "Action": "kms:*",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}]})


def who(world: World) -> str:
    """GetCallerIdentity with the same credentials."""
    arn = world.client("sts").get_caller_identity()["Arn"]
    assert ":assumed-role/AWSReservedSSO_AdministratorAccess_" in arn, arn
    return arn


def create(world: World) -> str:
    kms = world.kms()
    made = kms.create_key(
        MultiRegion=True, Description="Ledger", Policy=_policy(),
        Tags=[{"TagKey": "team", "TagValue": "ledger"}])["KeyMetadata"]
    key = made["KeyId"]
    assert key.startswith("mrk-") and made["Enabled"] and made["KeyState"] == "Enabled", made
    expect(made["AWSAccountId"], ACCOUNT)
    expect(made["EncryptionAlgorithms"], ["SYMMETRIC_DEFAULT"])
    expect(made["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY")
    age = datetime.datetime.now(datetime.UTC) - made["CreationDate"]
    assert abs(age.total_seconds()) < 60, made["CreationDate"]
    expect(kms.describe_key(KeyId=made["Arn"])["KeyMetadata"]["Arn"], made["Arn"])
    world.facts["key"], world.facts["arn"] = key, made["Arn"]
    return key


def aliases(world: World) -> None:
    kms, key = world.kms(), world.facts["key"]
    kms.create_alias(AliasName="alias/ledger", TargetKeyId=key)
    expect(kms.describe_key(KeyId="alias/ledger")["KeyMetadata"]["KeyId"], key)
    refused("AlreadyExistsException", kms.create_alias, AliasName="alias/ledger", TargetKeyId=key)
    found = [a for a in kms.get_paginator("list_aliases").paginate(
        PaginationConfig={"PageSize": 1}).search("Aliases[]") if a["AliasName"] == "alias/ledger"]
    expect(found[0]["AliasArn"], f"arn:aws:kms:{PRIMARY}:{ACCOUNT}:alias/ledger")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/ledger", TargetKeyId=other)
    expect(kms.describe_key(KeyId="alias/ledger")["KeyMetadata"]["KeyId"], other)
    kms.update_alias(AliasName="alias/ledger", TargetKeyId=key)
    kms.delete_alias(AliasName="alias/ledger")
    refused("NotFoundException", kms.describe_key, KeyId="alias/ledger")
    kms.create_alias(AliasName="alias/ledger", TargetKeyId=key)


def tags_and_description(world: World) -> None:
    kms, key = world.kms(), world.facts["key"]
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "stage", "TagValue": "test"},
                                      {"TagKey": "team", "TagValue": "books"}])
    kms.untag_resource(KeyId=key, TagKeys=["stage"])
    expect(kms.list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "team", "TagValue": "books"}])
    kms.update_key_description(KeyId=key, Description="Books")
    expect(kms.describe_key(KeyId=key)["KeyMetadata"]["Description"], "Books")


def policies(world: World) -> None:
    kms, key = world.kms(), world.facts["key"]
    expect(kms.list_key_policies(KeyId=key)["PolicyNames"], ["default"])
    refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, PolicyName="default",
            Policy="{}")
    locked = json.loads(_policy())
    locked["Statement"][0]["Action"] = "kms:Encrypt"
    refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key,
            Policy=json.dumps(locked))
    kms.put_key_policy(KeyId=key, Policy=_policy())
    got = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    expect(got, json.loads(_policy()))


def lists(world: World) -> str:
    kms = world.kms()
    keys = [k["KeyArn"] for k in kms.get_paginator("list_keys").paginate(
        PaginationConfig={"PageSize": 1}).search("Keys[]")]
    assert world.facts["arn"] in keys, keys
    expect(len(keys), len(set(keys)))
    refused("InvalidMarkerException", kms.list_keys, Marker="nowhere")
    refused("ValidationException", kms.list_keys, Limit=1001)
    return f"{len(keys)} keys, one to a page"


def replicate(world: World) -> str:
    key = world.facts["key"]
    made = world.kms().replicate_key(
        KeyId=key, ReplicaRegion=ADDITIONAL, Policy=_policy(), Description="Replica",
        Tags=[{"TagKey": "team", "TagValue": "replica"}])
    expect(made["ReplicaTags"], [{"TagKey": "team", "TagValue": "replica"}])
    expect(json.loads(made["ReplicaPolicy"]), json.loads(_policy()))
    arn = made["ReplicaKeyMetadata"]["Arn"]
    there = world.kms(ADDITIONAL)
    eventually("the replica is enabled", lambda: there.describe_key(
        KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled")
    told = there.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
    expect(told["PrimaryKey"], {"Arn": world.facts["arn"], "Region": PRIMARY})
    expect(told["ReplicaKeys"], [{"Arn": arn, "Region": ADDITIONAL}])
    refused("AlreadyExistsException", world.kms().replicate_key, KeyId=key,
            ReplicaRegion=ADDITIONAL)
    refused("UnsupportedOperationException", there.replicate_key, KeyId=key,
            ReplicaRegion="us-east-1")
    return arn


def across_regions(world: World) -> None:
    kms, there, key = world.kms(), world.kms(ADDITIONAL), world.facts["key"]
    sealed = kms.encrypt(KeyId="alias/ledger", Plaintext=b"\x00ledger\xff",
                         EncryptionContext=CONTEXT)
    expect(sealed["KeyId"], world.facts["arn"])
    opened = there.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT,
                           KeyId=key)
    expect(opened["Plaintext"], b"\x00ledger\xff")
    assert f":{ADDITIONAL}:" in opened["KeyId"], opened
    refused("InvalidCiphertextException", there.decrypt, EncryptionContext={"tenant": "43"},
            CiphertextBlob=sealed["CiphertextBlob"])
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=b"nothing of the kind")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"],
            EncryptionContext=CONTEXT, KeyId=other)
    moved = kms.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other, DestinationEncryptionContext={"moved": "yes"})
    expect(kms.decrypt(CiphertextBlob=moved["CiphertextBlob"],
                       EncryptionContext={"moved": "yes"})["Plaintext"], b"\x00ledger\xff")


def data_keys(world: World) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    kms, key = world.kms(), world.facts["key"]
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    expect(len(made["Plaintext"]), 32)
    expect(world.kms(ADDITIONAL).decrypt(
        CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"],
           made["Plaintext"])
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=16)
    refused("ValidationException", kms.generate_data_key, KeyId=key)
    pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], password=None)
    expect(private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
           pair["PublicKey"])
    without = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="RSA_2048")
    assert "PrivateKeyPlaintext" not in without
    expect(len(kms.generate_random(NumberOfBytes=64)["Plaintext"]), 64)


def codes(world: World) -> None:
    import hashlib  # noqa: PLC0415
    kms = world.kms()
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    mac = kms.generate_mac(KeyId=key, Message=b"text", MacAlgorithm="HMAC_SHA_256")["Mac"]
    expect(len(mac), hashlib.sha256().digest_size)
    assert kms.verify_mac(KeyId=key, Message=b"text", MacAlgorithm="HMAC_SHA_256",
                          Mac=mac)["MacValid"]
    refused("KMSInvalidMacException", kms.verify_mac, KeyId=key, Message=b"other",
            MacAlgorithm="HMAC_SHA_256", Mac=mac)
    refused("InvalidKeyUsageException", kms.encrypt, KeyId=key, Plaintext=b"x")


def signatures(world: World) -> str:
    """What KMS signs, `cryptography` verifies with GetPublicKey, for each kind of key."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415
    kms = world.kms()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    for spec, algorithm, how in (
            ("ECC_NIST_P256", "ECDSA_SHA_256", (ec.ECDSA(hashes.SHA256()),)),
            ("ECC_NIST_P384", "ECDSA_SHA_384", (ec.ECDSA(hashes.SHA384()),)),
            ("RSA_2048", "RSASSA_PSS_SHA_256", (pss, hashes.SHA256())),
            ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", (padding.PKCS1v15(), hashes.SHA256()))):
        key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        told = kms.get_public_key(KeyId=key)
        assert algorithm in told["SigningAlgorithms"], told
        signature = kms.sign(KeyId=key, Message=b"contract", SigningAlgorithm=algorithm)[
            "Signature"]
        serialization.load_der_public_key(told["PublicKey"]).verify(signature, b"contract", *how)
        assert kms.verify(KeyId=key, Message=b"contract", Signature=signature,
                          SigningAlgorithm=algorithm)["SignatureValid"]
        refused("KMSInvalidSignatureException", kms.verify, KeyId=key, Message=b"forged",
                Signature=signature, SigningAlgorithm=algorithm)
    return "P-256, P-384, RSA with PSS and PKCS #1"


def grants(world: World) -> None:
    """A grant lets a role do what neither its policies nor the key's let it."""
    kms, key = world.kms(), world.facts["key"]
    reader = world.kms(role="ReadOnlyAccess")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"granted", EncryptionContext=CONTEXT)
    given = {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": CONTEXT}
    refused("AccessDeniedException", reader.decrypt, **given)
    arn = world.client("sts", role="ReadOnlyAccess").get_caller_identity()["Arn"]
    grant = kms.create_grant(
        KeyId=key, GranteePrincipal=arn, Operations=["Decrypt", "RetireGrant"], Name="reader",
        Constraints={"EncryptionContextSubset": {"tenant": "42"}})
    expect(reader.decrypt(**given, GrantTokens=[grant["GrantToken"]])["Plaintext"], b"granted")
    listed = kms.list_grants(KeyId=key)["Grants"]
    expect([g["GrantId"] for g in listed], [grant["GrantId"]])
    expect(listed[0]["Constraints"], {"EncryptionContextSubset": {"tenant": "42"}})
    reader.retire_grant(KeyId=world.facts["arn"], GrantId=grant["GrantId"])
    refused("AccessDeniedException", reader.decrypt, **given)
    again = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])
    kms.revoke_grant(KeyId=key, GrantId=again["GrantId"])
    expect(kms.list_grants(KeyId=key)["Grants"], [])


def dry_run(world: World) -> None:
    kms, key = world.kms(), world.facts["key"]
    refused("DryRunOperationException", kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)
    refused("DryRunOperationException", kms.generate_data_key, KeyId=key, KeySpec="AES_128",
            DryRun=True)
    refused("AccessDeniedException", world.kms(role="ReadOnlyAccess").encrypt, KeyId=key,
            Plaintext=b"x", DryRun=True)


def rotation(world: World) -> str:
    kms, there, key = world.kms(), world.kms(ADDITIONAL), world.facts["key"]
    before = kms.encrypt(KeyId=key, Plaintext=b"before")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 180, status
    refused("UnsupportedOperationException", there.enable_key_rotation, KeyId=key)
    kms.rotate_key_on_demand(KeyId=key)
    rotations = eventually("the rotation is complete", lambda: [
        r for r in kms.list_key_rotations(KeyId=key)["Rotations"]
        if r["RotationType"] == "ON_DEMAND" and r.get("KeyMaterialState") == "CURRENT"])
    after = kms.encrypt(KeyId=key, Plaintext=b"after")["CiphertextBlob"]
    for blob, text in ((before, b"before"), (after, b"after")):
        expect(there.decrypt(CiphertextBlob=blob)["Plaintext"], text)
    kms.disable_key_rotation(KeyId=key)
    return f"{len(rotations)} rotation on demand, old and new open in both Regions"


def disable(world: World) -> None:
    kms, there, key = world.kms(), world.kms(ADDITIONAL), world.facts["key"]
    kms.disable_key(KeyId=key)
    refused("DisabledException", kms.encrypt, KeyId=key, Plaintext=b"x")
    there.encrypt(KeyId=key, Plaintext=b"the replica's state is its own")
    kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


def deletion(world: World) -> None:
    kms = world.kms()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    planned = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    expect(planned["KeyState"], "PendingDeletion")
    days = (planned["DeletionDate"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 86_400
    assert 6.9 < days < 7.1, planned
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")
    refused("KMSInvalidStateException", kms.schedule_key_deletion, KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    expect(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled")
    refused("KMSInvalidStateException", kms.cancel_key_deletion, KeyId=key)


def promote(world: World) -> None:
    """The replica becomes the primary, and back."""
    key = world.facts["key"]
    for source, target in ((PRIMARY, ADDITIONAL), (ADDITIONAL, PRIMARY)):
        world.kms(source).update_primary_region(KeyId=key, PrimaryRegion=target)
        for region in (source, target):
            kms = world.kms(region)
            eventually("the primary has moved", lambda kms=kms, target=target: kms.describe_key(
                KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]["PrimaryKey"][
                    "Region"] == target)


def import_material(world: World) -> str:
    """Material of one's own, wrapped with `cryptography`, deleted, and brought back."""
    import os  # noqa: PLC0415

    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415
    kms, material = world.kms(), os.urandom(32)
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    expect((key["KeyState"], key["Origin"]), ("PendingImport", "EXTERNAL"))

    def bring() -> None:
        told = kms.get_parameters_for_import(
            KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096")
        wrapping = serialization.load_der_public_key(told["PublicKey"])
        wrapped = wrapping.encrypt(material, padding.OAEP(
            padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        kms.import_key_material(
            KeyId=key["KeyId"], ImportToken=told["ImportToken"], EncryptedKeyMaterial=wrapped,
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")

    refused("KMSInvalidStateException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    bring()
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"mine")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    expect(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "PendingImport")
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
    bring()
    expect(kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"mine")
    return "imported, deleted, imported again"


def other_region_lost(world: World) -> str:
    """With every process of the primary killed, the replica opens what the primary sealed."""
    key = world.facts["key"]
    sealed = world.kms().encrypt(KeyId=key, Plaintext=b"still there")["CiphertextBlob"]
    there = world.kms(ADDITIONAL)
    world.cluster.kill(PRIMARY)
    try:
        expect(there.decrypt(CiphertextBlob=sealed)["Plaintext"], b"still there")
        return "with credentials that the lost Region had issued"
    finally:
        world.cluster.start(PRIMARY)
        world.cluster.wait_healthy(PRIMARY)


ROWS = [
    ("STS: who the role's credentials are", who),
    ("boto3: create a multi-Region key", create),
    ("boto3: aliases", aliases),
    ("boto3: tags and description", tags_and_description),
    ("boto3: key policy, with the lock-out check", policies),
    ("boto3: lists by page", lists),
    ("boto3: replicate", replicate),
    ("boto3: encrypt in one Region, decrypt in the other, re-encrypt", across_regions),
    ("boto3: data keys, key pairs, random bytes", data_keys),
    ("boto3: message authentication codes", codes),
    ("boto3: signatures, verified with cryptography", signatures),
    ("boto3: grants", grants),
    ("boto3: dry runs", dry_run),
    ("boto3: rotation", rotation),
    ("boto3: disable and enable", disable),
    ("boto3: schedule and cancel deletion", deletion),
    ("boto3: promote the replica, and back", promote),
    ("boto3: import material", import_material),
]

LAST_ROWS = [("boto3: the other Region while the primary is dead", other_region_lost)]
