"""The AWS Encryption SDK for Python, a library on top of KMS that knows multi-Region keys."""

from __future__ import annotations

import os

import aws_encryption_sdk
import boto3
from aws_encryption_sdk.key_providers.kms import (
    MRKAwareDiscoveryAwsKmsMasterKeyProvider,
    MRKAwareStrictAwsKmsMasterKeyProvider,
)
from botocore.session import Session
from Scripts.demo.cluster import ADDITIONAL, PRIMARY

from .world import World, expect

CONTEXT = {"document": "7"}


class _Environment:
    """Variables as a person would export them; the library is told nothing else."""

    def __init__(self, world: World, region: str) -> None:
        keys = world.credentials()
        self.values = {
            "AWS_ENDPOINT_URL_KMS": world.portal(region), "AWS_CA_BUNDLE": str(world.trust),
            "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": keys["accessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["secretAccessKey"],
            "AWS_SESSION_TOKEN": keys["sessionToken"],
        }

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.values}
        os.environ.update(self.values)

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def both_regions(world: World) -> str:
    """A message sealed by the primary key is opened by the replica, and the other way round."""
    client = aws_encryption_sdk.EncryptionSDKClient()
    text = b"a whole document " * 1_000
    arns = {region: world.kms(region).describe_key(KeyId=world.facts["key"])["KeyMetadata"]["Arn"]
            for region in (PRIMARY, ADDITIONAL)}
    for here, there in ((PRIMARY, ADDITIONAL), (ADDITIONAL, PRIMARY)):
        with _Environment(world, here):
            provider = MRKAwareStrictAwsKmsMasterKeyProvider(
                key_ids=[arns[here]], botocore_session=Session())
            sealed, _ = client.encrypt(
                source=text, key_provider=provider, encryption_context=CONTEXT)
        with _Environment(world, there):
            strict = MRKAwareStrictAwsKmsMasterKeyProvider(
                key_ids=[arns[there]], botocore_session=Session())
            opened, header = client.decrypt(source=sealed, key_provider=strict)
            expect(opened, text)
            expect(header.encryption_context["document"], "7")
            discovery = MRKAwareDiscoveryAwsKmsMasterKeyProvider(
                discovery_region=there, botocore_session=Session())
            expect(client.decrypt(source=sealed, key_provider=discovery)[0], text)
    return f"boto3 {boto3.__version__}, aws-encryption-sdk {aws_encryption_sdk.__version__}"


ROWS = [("AWS Encryption SDK: messages across Regions", both_regions)]
