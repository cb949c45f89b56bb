"""Identity Center's administration API by boto3: Regions, the instance, permission sets."""

from __future__ import annotations

import json

from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY
from Scripts.demo.world import eventually

from .world import MANAGED, World, expect, refused


def instance(world: World) -> str:
    admin = world.client("sso-admin")
    found = admin.list_instances()["Instances"][0]
    arn = world.facts["instance"] = found["InstanceArn"]
    told = admin.describe_instance(InstanceArn=arn)
    expect(told["Status"], "ACTIVE")
    expect(told["OwnerAccountId"], ACCOUNT)
    details = told["EncryptionConfigurationDetails"]
    expect((details["KeyType"], details["EncryptionStatus"]), ("CUSTOMER_MANAGED_KEY", "ENABLED"))
    refused("AccessDeniedException", world.client("sso-admin", role="KeyUser").describe_instance,
            InstanceArn=arn)
    refused("ResourceNotFoundException", admin.describe_instance,
            InstanceArn="arn:aws:sso:::instance/ssoins-0000000000000000")
    return arn


def permission_sets(world: World) -> None:
    """A permission set from nothing to an assignment that gives credentials, and away again."""
    admin, arn = world.client("sso-admin"), world.facts["instance"]
    made = admin.create_permission_set(
        InstanceArn=arn, Name="Auditors", Description="Look", SessionDuration="PT2H")
    one = {"InstanceArn": arn, "PermissionSetArn": made["PermissionSet"]["PermissionSetArn"]}
    expect(made["PermissionSet"]["SessionDuration"], "PT2H")
    refused("ConflictException", admin.create_permission_set, InstanceArn=arn, Name="Auditors")
    admin.attach_managed_policy_to_permission_set(
        **one, ManagedPolicyArn=MANAGED + "ReadOnlyAccess")
    expect(admin.list_managed_policies_in_permission_set(**one)["AttachedManagedPolicies"],
           [{"Name": "ReadOnlyAccess", "Arn": MANAGED + "ReadOnlyAccess"}])
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "kms:ListAliases", "Resource": "*"}]})
    admin.put_inline_policy_to_permission_set(**one, InlinePolicy=policy)
    expect(admin.get_inline_policy_for_permission_set(**one)["InlinePolicy"], policy)
    refused("ValidationException", admin.put_inline_policy_to_permission_set, **one,
            InlinePolicy='{"Statement": 1}')
    admin.update_permission_set(**one, SessionDuration="PT1H30M")
    expect(admin.describe_permission_set(**one)["PermissionSet"]["SessionDuration"], "PT1H30M")
    assert one["PermissionSetArn"] in list(admin.get_paginator("list_permission_sets").paginate(
        InstanceArn=arn, PaginationConfig={"PageSize": 2}).search("PermissionSets[]"))
    whom = {**one, "TargetId": ACCOUNT, "TargetType": "AWS_ACCOUNT", "PrincipalType": "USER",
            "PrincipalId": world.facts["user"]}
    status = admin.create_account_assignment(**whom)["AccountAssignmentCreationStatus"]
    again = admin.describe_account_assignment_creation_status(
        InstanceArn=arn, AccountAssignmentCreationRequestId=status["RequestId"])
    expect(again["AccountAssignmentCreationStatus"]["Status"], "SUCCEEDED")
    expect([a["PrincipalId"] for a in admin.list_account_assignments(
        **one, AccountId=ACCOUNT)["AccountAssignments"]], [world.facts["user"]])
    kms = world.kms(role="Auditors")
    kms.list_keys()
    refused("AccessDeniedException", kms.list_aliases)
    refused("ConflictException", admin.delete_permission_set, **one)
    admin.delete_account_assignment(**whom)
    admin.delete_permission_set(**one)
    refused("ResourceNotFoundException", admin.describe_permission_set, **one)
    there = world.client("sso-admin", ADDITIONAL)
    refused("AccessDeniedException", there.create_permission_set, InstanceArn=arn, Name="Elsewhere")
    assert there.list_permission_sets(InstanceArn=arn)["PermissionSets"]


def regions(world: World) -> str:
    """RemoveRegion and AddRegion, as the feature's announcement has them."""
    admin, arn = world.client("sso-admin"), world.facts["instance"]
    listed = {r["RegionName"]: r for r in admin.list_regions(InstanceArn=arn)["Regions"]}
    assert listed[PRIMARY]["IsPrimaryRegion"] and listed[ADDITIONAL]["Status"] == "ACTIVE", listed
    one = {"InstanceArn": arn, "RegionName": ADDITIONAL}
    refused("ConflictException", admin.add_region, **one)
    missing = refused("ValidationException", admin.add_region, InstanceArn=arn,
                      RegionName="us-east-1")
    assert "us-east-1" in str(missing), missing
    expect(admin.remove_region(**one)["Status"], "REMOVING")
    eventually("the Region is gone", lambda: bool(refused(
        "ResourceNotFoundException", admin.describe_region, **one)), seconds=60)
    expect(admin.add_region(**one)["Status"], "ADDING")
    eventually("the Region is active", lambda: admin.describe_region(**one)["Status"] == "ACTIVE",
               seconds=60)
    there = world.client("sso-admin", ADDITIONAL)
    eventually("it answers", lambda: _answers(there, one), seconds=30)
    return "removed and added again"


def _answers(client, one: dict) -> bool:  # noqa: ANN001
    from botocore.exceptions import ClientError  # noqa: PLC0415
    try:
        return client.describe_region(**one)["Status"] == "ACTIVE"
    except ClientError:
        return False


ROWS = [
    ("sso-admin: the instance", instance),
    ("sso-admin: permission sets and assignments", permission_sets),
    ("sso-admin: RemoveRegion and AddRegion", regions),
]
