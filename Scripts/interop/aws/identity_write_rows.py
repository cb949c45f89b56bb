"""Writes of the Identity Store by boto3 and the AWS CLI, beside an identity provider's SCIM client."""

from __future__ import annotations

import json
import threading

from botocore.exceptions import ClientError
from Scripts.demo.cluster import ADDITIONAL, PRIMARY
from Scripts.demo.okta import CORE, PATCH
from Scripts.demo.scim import ScimClient, ScimError
from Scripts.demo.world import eventually

from .world import PEOPLE, TEAM_ACCOUNT, World, expect, refused

ENTERPRISE = "aws:identitystore:enterprise"
NOBODY = "00000000-0000-4000-8000-000000000000"

# Everything that CreateUser has a member for.
KIM = {
    "UserName": "kim.roe@example.com", "DisplayName": "Kim Roe",
    "Name": {"GivenName": "Kim", "FamilyName": "Roe", "MiddleName": "Q", "Formatted": "Kim Q. Roe",
             "HonorificPrefix": "Dr", "HonorificSuffix": "II"},
    "NickName": "K", "ProfileUrl": "https://kim.example.com", "UserType": "Employee",
    "Title": "Pilot", "PreferredLanguage": "de", "Locale": "de-DE", "Timezone": "Europe/Berlin",
    "Website": "https://roe.example.com", "Birthdate": "1990-02-28",
    "Emails": [{"Value": "kim@example.com", "Type": "work", "Primary": True}],
    "PhoneNumbers": [{"Value": "+49 1", "Type": "work", "Primary": True}],
    "Addresses": [{"StreetAddress": "Way 1", "Locality": "Ulm", "Region": "BW", "PostalCode": "89073",
                   "Country": "DE", "Formatted": "Way 1, Ulm", "Type": "home", "Primary": True}],
    "Photos": [{"Value": "https://kim.example.com/1.png", "Type": "photo", "Display": "Kim",
                "Primary": True}],
    "Roles": [{"Value": "Researcher", "Type": "Work", "Primary": True}],
    "Extensions": {ENTERPRISE: {"employeeNumber": "7", "costCenter": "9", "organization": "Example",
                                "division": "Flight", "department": "Crew",
                                "manager": {"value": NOBODY}}},
}


def _store(world: World) -> dict:
    return {"IdentityStoreId": world.facts["store"]}


def _conflict(call, **members: object) -> str:  # noqa: ANN001
    return refused("ConflictException", call, **members).response["Reason"]


def _missing(call, **members: object) -> tuple[str, str]:  # noqa: ANN001
    told = refused("ResourceNotFoundException", call, **members).response
    return told["ResourceType"], told["ResourceId"]


def create(world: World) -> str:
    """Every attribute of CreateUser comes back, in both Regions."""
    client, store = world.client("identitystore"), _store(world)
    for without in ("UserName", "DisplayName", "Name"):
        refused("ValidationException", client.create_user, **store,
                **{name: value for name, value in KIM.items() if name != without})
    for odd in ({"Birthdate": "28.02.1990"}, {"Emails": KIM["Emails"] * 2},
                {"Extensions": {ENTERPRISE: {"badge": "1"}}}, {"UserName": "Administrator"}):
        refused("ValidationException", client.create_user, **{**store, **KIM, **odd})
    made = client.create_user(**store, **KIM)
    user = world.facts["kim"] = made["UserId"]
    expect(_conflict(client.create_user, **store, **{**KIM, "UserName": KIM["UserName"].upper()}),
           "UNIQUENESS_CONSTRAINT_VIOLATION")
    for region in (PRIMARY, ADDITIONAL):
        there = world.client("identitystore", region)
        found = eventually("the user has replicated", lambda there=there: [
            u["UserId"] for u in there.list_users(**store)["Users"] if u["UserId"] == user])
        expect(found, [user])
        told = there.describe_user(**store, UserId=made["UserArn"], Extensions=[ENTERPRISE])
        expect({name: told[name] for name in KIM}, KIM)
        expect((told["UserStatus"], told["Revision"]), ("ENABLED", "1"))
    expect(client.get_user_id(**store, AlternateIdentifier={"UniqueAttribute": {
        "AttributePath": "emails.value", "AttributeValue": "KIM@example.com"}})["UserId"], user)
    return f"{len(KIM)} attributes"


def update(world: World) -> None:
    """Operations on attributes: all of them or none, null removes."""
    client, one = world.client("identitystore"), {**_store(world), "UserId": world.facts["kim"]}

    def change(*operations: tuple[str, object], **more: str) -> dict:
        return client.update_user(**one, **more, Operations=[
            {"AttributePath": path, "AttributeValue": value} for path, value in operations])

    for path, value in (("shoeSize", "44"), ("emails[0].value", "x@example.com"), ("title", ""),
                        ("userName", None), ("name.givenName", None), ("emails", []),
                        ("externalIds", None), ("birthdate", "soon")):
        refused("ValidationException", change, ("nickName", "Never"), (path, value))
    refused("ValidationException", change, *[("title", str(n)) for n in range(101)])
    expect(client.describe_user(**one)["NickName"], "K")
    expect(change(("title", "Captain"), ("name.middleName", None), ("photos", None),
                  ("emails", [{"value": "roe@example.com", "type": "work", "primary": True}]),
                  (f"{ENTERPRISE}.department", "Bridge"), ("roles", None))["Revision"], "2")
    told = client.describe_user(**one, Extensions=[ENTERPRISE])
    expect((told["Title"], told["Emails"]), ("Captain", [
        {"Value": "roe@example.com", "Type": "work", "Primary": True}]))
    assert "MiddleName" not in told["Name"] and "Photos" not in told and "Roles" not in told, told
    expect(told["Extensions"][ENTERPRISE]["department"], "Bridge")
    expect(told["Extensions"][ENTERPRISE]["division"], "Flight")
    stale = refused("ConflictException", change, ("title", "Never"), Revision="1")
    expect(stale.response["Reason"], "CONCURRENT_MODIFICATION")
    change(("userName", "kim.two@example.com"))
    expect(_missing(client.update_user, **{**one, "UserId": NOBODY}, Operations=[
        {"AttributePath": "title"}]), ("USER", NOBODY))
    taken = refused("ConflictException", change, ("userName", PEOPLE[0]))
    expect(taken.response["Reason"], "UNIQUENESS_CONSTRAINT_VIOLATION")


def together(world: World) -> str:
    """Four clients change attributes of one person: nothing that was answered is lost."""
    names = ("title", "nickName", "locale", "timezone")
    told: dict[str, str] = {}
    conflicts: list[str] = []

    def write(name: str) -> None:
        client = world.client("identitystore")
        for n in range(12):
            try:
                client.update_user(**_store(world), UserId=world.facts["kim"], Operations=[
                    {"AttributePath": name, "AttributeValue": f"{name} {n}"}])
                told[name] = f"{name} {n}"
            except ClientError as error:
                expect(error.response["Reason"], "CONCURRENT_MODIFICATION")
                conflicts.append(name)

    world.credentials()
    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    user = world.client("identitystore").describe_user(**_store(world), UserId=world.facts["kim"])
    expect({name: user[name[0].upper() + name[1:]] for name in names}, told)
    return f"{len(names) * 12} changes, {len(conflicts)} told that they were too slow"


def groups(world: World) -> None:
    client, store = world.client("identitystore"), _store(world)
    refused("ValidationException", client.create_group, **store, Description="no name")
    made = client.create_group(**store, DisplayName="Crew", Description="Who flies")
    one = {**store, "GroupId": made["GroupId"]}
    world.facts["crew"] = made["GroupId"]
    expect(_conflict(client.create_group, **store, DisplayName="CREW"),
           "UNIQUENESS_CONSTRAINT_VIOLATION")
    client.update_group(**one, Operations=[
        {"AttributePath": "displayName", "AttributeValue": "Flight crew"},
        {"AttributePath": "description", "AttributeValue": None}])
    told = client.describe_group(**one)
    expect((told["DisplayName"], told.get("Description")), ("Flight crew", None))
    for path in ("displayName", "members"):
        refused("ValidationException", client.update_group, **one, Operations=[
            {"AttributePath": path}])
    expect(_missing(client.update_group, **{**one, "GroupId": NOBODY}, Operations=[
        {"AttributePath": "description"}]), ("GROUP", NOBODY))


def memberships(world: World) -> str:
    client, store = world.client("identitystore"), _store(world)
    both = {**store, "GroupId": world.facts["crew"], "MemberId": {"UserId": world.facts["kim"]}}
    expect(_missing(client.create_group_membership, **{**both, "GroupId": NOBODY}),
           ("GROUP", NOBODY))
    expect(_missing(client.create_group_membership, **{**both, "MemberId": {"UserId": NOBODY}}),
           ("USER", NOBODY))
    made = client.create_group_membership(**both)["MembershipId"]
    expect(_conflict(client.create_group_membership, **both), "UNIQUENESS_CONSTRAINT_VIOLATION")
    expect(client.get_group_membership_id(**both)["MembershipId"], made)
    there = world.client("identitystore", ADDITIONAL)
    eventually("the membership has replicated", lambda: there.list_group_memberships(
        **store, GroupId=world.facts["crew"])["GroupMemberships"])
    for reader in (client, there):
        told = reader.describe_group_membership(**store, MembershipId=made)
        expect((told["GroupId"], told["MemberId"]), (both["GroupId"], both["MemberId"]))
        assert told["CreatedAt"], told
    for _ in range(2):
        client.delete_group_membership(**store, MembershipId=made)
    expect(_missing(client.describe_group_membership, **store, MembershipId=made),
           ("GROUP_MEMBERSHIP", made))
    again = client.create_group_membership(**both)["MembershipId"]
    assert again != made
    client.delete_user(**store, UserId=world.facts["kim"])
    expect(_missing(client.describe_group_membership, **store, MembershipId=again),
           ("GROUP_MEMBERSHIP", again))
    for _ in range(2):
        client.delete_group(**store, GroupId=world.facts["crew"])
        client.delete_user(**store, UserId=world.facts["kim"])
    refused("ValidationException", client.delete_user, **store, UserId="kim")
    return made


def beside_scim(world: World) -> str:
    """One person written by the identity provider's SCIM client and by the API."""
    token = world.cli.json("scim-token", "create")
    scim = ScimClient(token["endpoint"], token["secret"], str(world.trust), "Interop/1.0")
    client, store = world.client("identitystore"), _store(world)
    body = {"schemas": [CORE], "userName": "sam@example.com", "externalId": "00u-sam",
            "displayName": "Sam Ode", "name": {"givenName": "Sam", "familyName": "Ode"},
            "title": "Clerk", "active": True}
    made = client.create_user(**store, UserName="sam@example.com", DisplayName="Sam",
                              Name={"GivenName": "Sam", "FamilyName": "O"},
                              Website="https://sam.example.com")["UserId"]
    try:
        scim.send("POST", "/Users", body)
        raise AssertionError("two people of one user name")
    except ScimError as error:
        expect(error.status, 409)
    found = scim.send("GET", "/Users", filter='userName eq "sam@example.com"')
    expect([user["id"] for user in found["Resources"]], [made])
    scim.send("PUT", f"/Users/{made}", body)
    told = client.describe_user(**store, UserId=made)
    expect((told["DisplayName"], told["ExternalIds"][0]["Id"], told["Website"]),
           ("Sam Ode", "00u-sam", "https://sam.example.com"))
    client.update_user(**store, UserId=made, Operations=[
        {"AttributePath": "title", "AttributeValue": "Chief"},
        {"AttributePath": "nickName", "AttributeValue": "S"}])
    scim.send("PATCH", f"/Users/{made}", {"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "active", "value": False}]})
    told = client.describe_user(**store, UserId=made)
    expect((told["Title"], told["NickName"], told["UserStatus"]), ("Chief", "S", "DISABLED"))
    scim.send("PUT", f"/Users/{made}", body)
    told = client.describe_user(**store, UserId=made)
    expect((told["Title"], told.get("NickName"), told["UserStatus"]), ("Clerk", None, "ENABLED"))
    client.delete_user(**store, UserId=made)
    try:
        scim.send("PUT", f"/Users/{made}", body)
        raise AssertionError("somebody who was deleted was replaced")
    except ScimError as error:
        expect(error.status, 404)
    world.cli("scim-token", "delete", token["token"]["tokenId"])
    return "adopted by userName, replaced by PUT, kept by PATCH"


def not_here(world: World) -> None:
    """Without permission, in another account, outside the primary."""
    store = _store(world)
    new = {**store, "DisplayName": "Nowhere"}
    for options in ({"role": "ReadOnlyAccess"}, {"role": "KeyUser"}, {"account": TEAM_ACCOUNT}):
        refused("AccessDeniedException", world.client("identitystore", **options).create_group, **new)
    there = world.client("identitystore", ADDITIONAL)
    for call, members in (
            (there.create_group, new), (there.delete_user, {**store, "UserId": NOBODY}),
            (there.update_group, {**store, "GroupId": NOBODY, "Operations": [
                {"AttributePath": "description"}]}),
            (there.delete_group_membership, {**store, "MembershipId": NOBODY})):
        assert world.portal(PRIMARY) in str(refused("AccessDeniedException", call, **members))
    assert not [g for g in there.list_groups(**store)["Groups"] if g["DisplayName"] == "Nowhere"]
    refused("ResourceNotFoundException", world.client("identitystore").create_group,
            IdentityStoreId="d-0000000000", DisplayName="Nowhere")


def recorded(world: World) -> str:
    """Each change is in the trail with the person; personal data is not."""
    count = 0
    for name in ("CreateUser", "UpdateUser", "DeleteUser", "CreateGroup", "UpdateGroup",
                 "DeleteGroup", "CreateGroupMembership", "DeleteGroupMembership"):
        mine = [e for e in world.events(PRIMARY, name) if e["userIdentity"]["type"] == "AssumedRole"
                and e["eventSource"] == "identitystore.amazonaws.com"]
        done = [e for e in mine if "errorCode" not in e]
        assert done, f"no {name}"
        expect(done[0]["userIdentity"]["arn"].split("/")[-1], PEOPLE[0])
        assert not any("kim" in json.dumps(e).lower() for e in mine), mine
        count += len(mine)
    denied = [e for e in world.events(ADDITIONAL, "CreateGroup")
              if e.get("errorCode") == "AccessDeniedException"]
    assert denied, "the refusal in the additional Region was not recorded"
    return f"{count} events"


def by_cli(world: World) -> None:
    """The same as a person types it."""
    store = ("--identity-store-id", world.facts["store"])
    user = world.aws_json(
        "identitystore", "create-user", *store, "--user-name", "lee@example.com", "--display-name",
        "Lee", "--name", "GivenName=Lee,FamilyName=Ode", "--emails",
        "Value=lee@example.com,Type=work,Primary=true")["UserId"]
    world.aws_json("identitystore", "update-user", *store, "--user-id", user, "--operations",
                   json.dumps([{"AttributePath": "title", "AttributeValue": "Cook"},
                               {"AttributePath": "emails", "AttributeValue": None}]))
    told = world.aws_json("identitystore", "describe-user", *store, "--user-id", user)
    expect((told["Title"], told.get("Emails")), ("Cook", None))
    group = world.aws_json("identitystore", "create-group", *store, "--display-name",
                           "Kitchen")["GroupId"]
    membership = world.aws_json(
        "identitystore", "create-group-membership", *store, "--group-id", group, "--member-id",
        f"UserId={user}")["MembershipId"]
    again = world.aws("identitystore", "create-group-membership", *store, "--group-id", group,
                      "--member-id", f"UserId={user}")
    assert "ConflictException" in again.stderr, again.stderr
    world.aws_json("identitystore", "delete-group-membership", *store, "--membership-id", membership)
    world.aws_json("identitystore", "delete-group", *store, "--group-id", group)
    world.aws_json("identitystore", "delete-user", *store, "--user-id", user)
    gone = world.aws("identitystore", "describe-user", *store, "--user-id", user)
    assert "ResourceNotFoundException" in gone.stderr, gone.stderr


ROWS = [
    ("identitystore: CreateUser with every attribute", create),
    ("identitystore: UpdateUser", update),
    ("identitystore: several clients change one person", together),
    ("identitystore: CreateGroup, UpdateGroup", groups),
    ("identitystore: memberships by their IDs, deletions", memberships),
    ("identitystore: beside SCIM", beside_scim),
    ("identitystore: writes without permission and outside the primary", not_here),
    ("identitystore: writes in the trail", recorded),
    ("AWS CLI: a user, a group, a membership", by_cli),
]
