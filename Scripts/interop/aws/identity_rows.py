"""Identity Store reads and CloudTrail look-ups, by boto3 and the AWS CLI, in both Regions."""

from __future__ import annotations

import datetime
import json

from Scripts.demo.cluster import ADDITIONAL, PRIMARY
from Scripts.demo.world import eventually

from .world import PEOPLE, TEAM_ACCOUNT, World, expect, refused


def users(world: World) -> str:
    store = world.cli.json("instance", "show")["instance"]["identityStoreId"]
    world.facts["store"] = store
    for region in (PRIMARY, ADDITIONAL):
        client = world.client("identitystore", region)
        listed = list(client.get_paginator("list_users").paginate(
            IdentityStoreId=store, PaginationConfig={"PageSize": 1}).search("Users[].UserName"))
        expect(sorted(listed), sorted(PEOPLE))
        found = client.get_user_id(IdentityStoreId=store, AlternateIdentifier={
            "UniqueAttribute": {"AttributePath": "userName", "AttributeValue": PEOPLE[0]}})
        told = client.describe_user(IdentityStoreId=store, UserId=found["UserId"])
        expect(told["UserName"], PEOPLE[0])
        filtered = client.list_users(IdentityStoreId=store, Filters=[
            {"AttributePath": "UserName", "AttributeValue": PEOPLE[1]}])["Users"]
        expect([u["UserName"] for u in filtered], [PEOPLE[1]])
    world.facts["user"] = told["UserId"]
    missing = refused("ResourceNotFoundException", client.describe_user, IdentityStoreId=store,
                      UserId="00000000-0000-0000-0000-000000000000")
    expect(missing.response["ResourceType"], "USER")
    refused("ResourceNotFoundException", client.list_users, IdentityStoreId="d-0000000000")
    refused("ValidationException", client.list_users, IdentityStoreId=store, Filters=[
        {"AttributePath": "Title", "AttributeValue": "x"}])
    return store


def groups(world: World) -> None:
    world.cli("group", "create", "auditors")
    world.cli("group", "add-member", "auditors", PEOPLE[0])
    store, user = world.facts["store"], world.facts["user"]
    client = world.client("identitystore", ADDITIONAL)
    found = eventually("the group has replicated", lambda: client.list_groups(
        IdentityStoreId=store)["Groups"])
    group = found[0]["GroupId"]
    expect(client.describe_group(IdentityStoreId=store, GroupId=group)["DisplayName"], "auditors")
    expect(client.get_group_id(IdentityStoreId=store, AlternateIdentifier={
        "UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": "auditors"}})[
            "GroupId"], group)
    members = eventually("the member has replicated", lambda: client.list_group_memberships(
        IdentityStoreId=store, GroupId=group)["GroupMemberships"])
    expect(members[0]["MemberId"], {"UserId": user})
    own = client.list_group_memberships_for_member(
        IdentityStoreId=store, MemberId={"UserId": user})["GroupMemberships"]
    expect([m["GroupId"] for m in own], [group])
    expect(client.get_group_membership_id(
        IdentityStoreId=store, GroupId=group, MemberId={"UserId": user})["MembershipId"],
           members[0]["MembershipId"])
    asked = client.is_member_in_groups(
        IdentityStoreId=store, MemberId={"UserId": user}, GroupIds=[group])["Results"]
    expect([r["MembershipExists"] for r in asked], [True])


def trail(world: World) -> str:
    client = world.client("cloudtrail")
    page = client.lookup_events(MaxResults=1, LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "CreateKey"}])
    event = page["Events"][0]
    expect(event["EventSource"], "kms.amazonaws.com")
    record = json.loads(event["CloudTrailEvent"])
    expect(record["eventID"], event["EventId"])
    age = datetime.datetime.now(datetime.UTC) - event["EventTime"]
    assert age.total_seconds() < 3_600, event
    more = client.lookup_events(MaxResults=1, NextToken=page["NextToken"], LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "CreateKey"}])["Events"]
    assert more[0]["EventTime"] <= event["EventTime"] and more[0]["EventId"] != event["EventId"]
    refused("InvalidNextTokenException", client.lookup_events, NextToken=page["NextToken"])
    refused("InvalidLookupAttributesException", client.lookup_events, LookupAttributes=[
        {"AttributeKey": "ResourceType", "AttributeValue": "x"}])
    mine = world.aws_json("cloudtrail", "lookup-events", "--lookup-attributes",
                          f"AttributeKey=Username,AttributeValue={PEOPLE[0]}")["Events"]
    assert {e["Username"] for e in mine} == {PEOPLE[0]}, mine
    return f"{len(mine)} events of {PEOPLE[0]}"


def denied(world: World) -> None:
    store = world.facts["store"]
    for options in ({"role": "KeyUser"}, {"role": "Unmodelled"}, {"account": TEAM_ACCOUNT}):
        refused("AccessDeniedException", world.client("identitystore", **options).list_users,
                IdentityStoreId=store)
        refused("AccessDeniedException", world.client("cloudtrail", **options).lookup_events)
    reader = world.client("identitystore", role="ReadOnlyAccess")
    assert reader.list_users(IdentityStoreId=store)["Users"]


ROWS = [
    ("identitystore: users, in both Regions", users),
    ("identitystore: groups and memberships, in the additional Region", groups),
    ("cloudtrail: look-ups", trail),
    ("identitystore, cloudtrail: without permission", denied),
]
