"""Applications of sso-admin by boto3 and the AWS CLI, in both Regions, with what people see of them."""

from __future__ import annotations

import json
import uuid

from botocore.exceptions import ClientError
from Scripts.demo.browser import Browser
from Scripts.demo.cluster import ACCOUNT, ADDITIONAL, PRIMARY, REGIONS
from Scripts.demo.world import eventually

from .world import PEOPLE, TEAM_ACCOUNT, World, expect, refused

CUSTOM = "arn:aws:sso::aws:applicationProvider/custom"
PORTAL = {"SignInOptions": {"Origin": "APPLICATION", "ApplicationUrl": "https://charts.example/"}}
NOBODY = "00000000-0000-0000-0000-000000000000"


def instance_of(world: World) -> dict:
    return world.client("sso-admin").list_instances()["Instances"][0]


def user_id(world: World, person: str) -> str:
    return world.cli.json("user", "show", person)["user"]["userId"]


def applications(world: World) -> str:
    """One application from nothing to its update, and what is refused on the way."""
    admin, arn = world.client("sso-admin"), instance_of(world)["InstanceArn"]
    provider = admin.describe_application_provider(ApplicationProviderArn=CUSTOM)
    assert provider["DisplayData"]["DisplayName"], provider
    listed = list(admin.get_paginator("list_application_providers").paginate(
        PaginationConfig={"PageSize": 1}).search("ApplicationProviders[].ApplicationProviderArn"))
    assert CUSTOM in listed and len(listed) == len(set(listed)), listed
    wanted = {"InstanceArn": arn, "ApplicationProviderArn": CUSTOM, "Name": "Charts",
              "Description": "Sea charts", "PortalOptions": PORTAL,
              "ClientToken": str(uuid.uuid4())}
    made = admin.create_application(**wanted)
    one = {"ApplicationArn": made["ApplicationArn"]}
    world.facts["charts"] = one["ApplicationArn"]
    expect(made["InstanceArn"], arn)
    expect(admin.create_application(**wanted)["ApplicationArn"], one["ApplicationArn"])
    refused("ConflictException", admin.create_application, **{**wanted, "Name": "Other"})
    told = admin.describe_application(**one)
    expect((told["Name"], told["Description"], told["Status"]), ("Charts", "Sea charts", "ENABLED"))
    expect(told["PortalOptions"], {**PORTAL, "Visibility": "ENABLED"})
    expect((told["CreatedFrom"], told["ApplicationAccount"]), (PRIMARY, ACCOUNT))
    expect(told["IdentityStoreArn"], made["IdentityStoreArn"])
    admin.update_application(**one, Description="Charts of the seas", Status="DISABLED")
    told = admin.describe_application(**one)
    expect((told["Name"], told["Description"], told["Status"]),
           ("Charts", "Charts of the seas", "DISABLED"))
    admin.update_application(**one, Status="ENABLED")
    expect(admin.list_tags_for_resource(ResourceArn=one["ApplicationArn"])["Tags"], [])
    return one["ApplicationArn"].rsplit("/", 1)[1]


def misfits(world: World) -> None:
    admin, arn = world.client("sso-admin"), instance_of(world)["InstanceArn"]
    new = {"InstanceArn": arn, "ApplicationProviderArn": CUSTOM, "Name": "Misfit"}
    one = {"ApplicationArn": world.facts["charts"]}
    none = {"ApplicationArn": one["ApplicationArn"][:-4] + "0000"}
    for options in ({"ApplicationProviderArn": CUSTOM[:-6] + "managed"},
                    {"Name": "x" * 101}, {"Description": "x" * 129}, {"ClientToken": "two words"},
                    {"Tags": [{"Key": "a", "Value": "b"}]},
                    {"PortalOptions": {"SignInOptions": {"Origin": "IDENTITY_CENTER"}}},
                    {"PortalOptions": {"SignInOptions": {
                        "Origin": "APPLICATION", "ApplicationUrl": "javascript:alert(1)"}}}):
        refused("ValidationException", admin.create_application, **{**new, **options})
    refused("ResourceNotFoundException", admin.create_application,
            **{**new, "ApplicationProviderArn": CUSTOM + "-saml"})
    refused("ResourceNotFoundException", admin.create_application,
            **{**new, "InstanceArn": "arn:aws:sso:::instance/ssoins-0000000000000000"})
    refused("ValidationException", admin.describe_application, ApplicationArn="arn:aws:sso:::a")
    for call in (admin.describe_application, admin.delete_application,
                 admin.get_application_assignment_configuration, admin.list_application_assignments):
        refused("ResourceNotFoundException", call, **none)
    refused("ValidationException", admin.list_applications, InstanceArn=arn, NextToken="!!!!")
    refused("UnknownOperationException", admin.put_application_session_configuration, **one)
    for options in ({"role": "ReadOnlyAccess"}, {"role": "KeyUser"}, {"account": TEAM_ACCOUNT}):
        refused("AccessDeniedException", world.client("sso-admin", **options).create_application,
                **new)
    expect(world.client("sso-admin", role="ReadOnlyAccess").describe_application(**one)["Name"],
           "Charts")
    refused("AccessDeniedException", world.client(
        "sso-admin", role="KeyUser").describe_application, **one)


def lists(world: World) -> str:
    admin, arn = world.client("sso-admin"), instance_of(world)["InstanceArn"]
    names = [f"Sheet {number}" for number in range(4)]
    made = [admin.create_application(InstanceArn=arn, ApplicationProviderArn=CUSTOM, Name=name)[
        "ApplicationArn"] for name in names]
    pages = admin.get_paginator("list_applications").paginate(
        InstanceArn=arn, Filter={"ApplicationProvider": CUSTOM}, PaginationConfig={"PageSize": 2})
    listed = [entry["Name"] for page in pages for entry in page["Applications"]]
    assert set(names) < set(listed) and len(listed) == len(set(listed)), listed
    for none in ({"ApplicationAccount": "999999999999"},
                 {"ApplicationProvider": CUSTOM[:-6] + "managed"}):
        expect(admin.list_applications(InstanceArn=arn, Filter=none)["Applications"], [])
    for one in made:
        admin.delete_application(ApplicationArn=one)
        refused("ResourceNotFoundException", admin.describe_application, ApplicationArn=one)
    return f"{len(listed)} in pages of 2"


def assignments(world: World) -> None:
    admin, arn = world.client("sso-admin"), instance_of(world)["InstanceArn"]
    one = {"ApplicationArn": world.facts["charts"]}
    user = {"PrincipalType": "USER", "PrincipalId": user_id(world, PEOPLE[0])}
    world.cli("group", "create", "navigators")
    world.cli("group", "add-member", "navigators", PEOPLE[0])
    shown = world.cli.json("group", "show", "navigators")["group"]
    group = {"PrincipalType": "GROUP", "PrincipalId": shown["groupId"]}
    refused("ResourceNotFoundException", admin.describe_application_assignment, **one, **user)
    for principal in (user, group):
        admin.create_application_assignment(**one, **principal)
        refused("ConflictException", admin.create_application_assignment, **one, **principal)
        expect(admin.describe_application_assignment(**one, **principal)["PrincipalId"],
               principal["PrincipalId"])
    refused("ResourceNotFoundException", admin.create_application_assignment, **one,
            PrincipalType="USER", PrincipalId=NOBODY)
    pages = admin.get_paginator("list_application_assignments").paginate(
        **one, PaginationConfig={"PageSize": 1})
    listed = [a["PrincipalId"] for page in pages for a in page["ApplicationAssignments"]]
    expect(sorted(listed), sorted([user["PrincipalId"], group["PrincipalId"]]))
    found = admin.list_application_assignments_for_principal(
        InstanceArn=arn, **user, Filter=one)["ApplicationAssignments"]
    expect({a["PrincipalType"] for a in found}, {"USER", "GROUP"})
    found = admin.list_application_assignments_for_principal(InstanceArn=arn, **group)
    expect([a["ApplicationArn"] for a in found["ApplicationAssignments"]], [one["ApplicationArn"]])
    refused("ResourceNotFoundException", admin.list_application_assignments_for_principal,
            InstanceArn=arn, PrincipalType="USER", PrincipalId=NOBODY)
    for region in REGIONS:
        eventually("who is assigned sees it", lambda region=region: "Charts" in portal_page(
            world, region, PEOPLE[0]))
    for principal in (user, group):
        admin.delete_application_assignment(**one, **principal)
    refused("ResourceNotFoundException", admin.delete_application_assignment, **one, **user)
    for region in REGIONS:
        eventually("who is not assigned does not", lambda region=region: "Charts" not in portal_page(
            world, region, PEOPLE[0]))


def portal_page(world: World, region: str, person: str) -> str:
    """The access portal's page as a person's browser gets it."""
    browsers = world.facts.setdefault("browsers", {})
    url = world.portal(region) + "/start"
    if (region, person) not in browsers:
        browsers[region, person] = Browser(str(world.trust))
        page = browsers[region, person].sign_in(url, person)
    else:
        page = browsers[region, person].open(url)
    assert person in page.text, f"{page.url} {page.status}"
    return page.text


def everybody(world: World) -> str:
    """AssignmentRequired=false: everybody reaches it in every Region; true again: nobody."""
    admin, one = world.client("sso-admin"), {"ApplicationArn": world.facts["charts"]}
    person = PEOPLE[1]
    expect(admin.get_application_assignment_configuration(**one)["AssignmentRequired"], True)
    _reached_by(world, person, False)
    admin.put_application_assignment_configuration(**one, AssignmentRequired=False)
    expect(admin.get_application_assignment_configuration(**one)["AssignmentRequired"], False)
    _reached_by(world, person, True)
    admin.put_application_assignment_configuration(**one, AssignmentRequired=True)
    _reached_by(world, person, False)
    return "portal pages and GetAccess of " + " and ".join(REGIONS)


def _reached_by(world: World, person: str, is_reached: bool) -> None:
    """What the portal shows, and what an application that asks for a person's access is told."""
    for region in REGIONS:
        eventually(f"{region} has heard it", lambda region=region: is_reached == any(
            a["name"] == "Charts" for a in world.cli.json("access", person, region=region).get(
                "applications", [])))
        expect("Charts" in portal_page(world, region, person), is_reached)


def hidden(world: World) -> None:
    """Without visibility it is reached and not shown."""
    admin, arn = world.client("sso-admin"), instance_of(world)["InstanceArn"]
    one = {"ApplicationArn": admin.create_application(
        InstanceArn=arn, ApplicationProviderArn=CUSTOM, Name="Bilge Pump",
        PortalOptions={**PORTAL, "Visibility": "DISABLED"})["ApplicationArn"]}
    admin.put_application_assignment_configuration(**one, AssignmentRequired=False)
    reached = world.cli.json("access", PEOPLE[0])["applications"]
    assert "Bilge Pump" in [a["name"] for a in reached], reached
    assert "Bilge Pump" not in portal_page(world, PRIMARY, PEOPLE[0])
    admin.delete_application(**one)


def elsewhere(world: World) -> str:
    """An application of the additional Region: changed there only, seen in the primary."""
    arn = instance_of(world)["InstanceArn"]
    here, there = (world.client("sso-admin", region) for region in (PRIMARY, ADDITIONAL))
    one = {"ApplicationArn": there.create_application(
        InstanceArn=arn, ApplicationProviderArn=CUSTOM, Name="Harbour",
        PortalOptions=PORTAL)["ApplicationArn"]}
    told = eventually("the primary knows it", lambda: _described(here, one))
    expect((told["Name"], told["CreatedFrom"]), ("Harbour", ADDITIONAL))
    user = {"PrincipalType": "USER", "PrincipalId": user_id(world, PEOPLE[0])}
    for call, options in (
            (here.update_application, {"Name": "Haven"}), (here.delete_application, {}),
            (here.create_application_assignment, user),
            (here.put_application_assignment_configuration, {"AssignmentRequired": False})):
        assert ADDITIONAL in str(refused("AccessDeniedException", call, **one, **options))
    there.update_application(**one, Name="Haven")
    there.create_application_assignment(**one, **user)
    eventually("the primary knows the change", lambda: _described(here, one)["Name"] == "Haven")
    eventually("the primary's portal has it", lambda: "Haven" in portal_page(
        world, PRIMARY, PEOPLE[0]))
    there.delete_application(**one)
    eventually("the primary forgets it", lambda: not _described(here, one))
    return ADDITIONAL


def _described(client, one: dict) -> dict | None:  # noqa: ANN001
    try:
        return client.describe_application(**one)
    except ClientError as error:
        expect(error.response["Error"]["Code"], "ResourceNotFoundException")
        return None


def by_hand(world: World) -> str:
    """The AWS CLI, as a person types it."""
    arn = instance_of(world)["InstanceArn"]
    made = world.aws_json("sso-admin", "create-application", "--instance-arn", arn,
                          "--application-provider-arn", CUSTOM, "--name", "Logbook",
                          "--portal-options", json.dumps(PORTAL))
    one = ("--application-arn", made["ApplicationArn"])
    told = world.aws_json("sso-admin", "describe-application", *one)
    expect(told["Name"], "Logbook")
    world.aws_json("sso-admin", "put-application-assignment-configuration", *one,
                   "--no-assignment-required")
    expect(world.aws_json("sso-admin", "get-application-assignment-configuration", *one),
           {"AssignmentRequired": False})
    names = world.aws_json("sso-admin", "list-applications", "--instance-arn", arn,
                           "--query", "Applications[].Name", "--page-size", "1")
    assert "Logbook" in names, names
    world.aws_json("sso-admin", "delete-application", *one)
    gone = world.aws("sso-admin", "describe-application", *one)
    assert "ResourceNotFoundException" in gone.stderr, gone.stderr
    return made["ApplicationArn"].rsplit("/", 1)[1]


def recorded(world: World) -> str:
    """Each change is in the trail of the Region where it was made, with whose it was."""
    for region, name, error in (
            (PRIMARY, "CreateApplication", None), (PRIMARY, "UpdateApplication", None),
            (PRIMARY, "CreateApplicationAssignment", None),
            (PRIMARY, "PutApplicationAssignmentConfiguration", None),
            (PRIMARY, "DeleteApplicationAssignment", None), (ADDITIONAL, "CreateApplication", None),
            (ADDITIONAL, "DeleteApplication", None),
            (PRIMARY, "CreateApplication", "AccessDeniedException"),
            (PRIMARY, "DeleteApplication", "WRONG_REGION")):
        event = next(e for e in world.events(region, name) if e.get("errorCode") == error)
        expect(event["eventSource"], "sso.amazonaws.com")
        expect(event["userIdentity"]["type"], "AssumedRole")
        expect(event["userIdentity"]["arn"].split("/")[-1], PEOPLE[0])
        expect(event["awsRegion"], region)
    opened = next(e for e in world.events(PRIMARY, "PutApplicationAssignmentConfiguration")
                  if e["requestParameters"]["assignmentRequired"] is False)
    return opened["requestParameters"]["applicationArn"].rsplit("/", 1)[1]


def primary_lost(world: World) -> str:
    """With every process of the primary killed, an application of the other Region is made there."""
    arn, there = instance_of(world)["InstanceArn"], world.client("sso-admin", ADDITIONAL)
    user = {"PrincipalType": "USER", "PrincipalId": user_id(world, PEOPLE[0])}
    world.cluster.kill(PRIMARY)
    try:
        one = {"ApplicationArn": there.create_application(
            InstanceArn=arn, ApplicationProviderArn=CUSTOM, Name="Lifeboat",
            PortalOptions=PORTAL)["ApplicationArn"]}
        there.create_application_assignment(**one, **user)
        assert "Lifeboat" in portal_page(world, ADDITIONAL, PEOPLE[0])
    finally:
        world.cluster.start(PRIMARY)
        world.cluster.wait_healthy(PRIMARY)
    here = world.client("sso-admin")
    eventually("the primary knows it", lambda: _described(here, one), seconds=30)
    there.delete_application(**one)
    return "assigned and seen there, known to the primary when it is back"


ROWS = [
    ("sso-admin applications: create, client token, describe, update", applications),
    ("sso-admin applications: what does not fit, or is not allowed", misfits),
    ("sso-admin applications: lists in pages, filtered", lists),
    ("sso-admin applications: assignments, and the portals of both Regions", assignments),
    ("sso-admin applications: AssignmentRequired=false, in both Regions", everybody),
    ("sso-admin applications: hidden ones", hidden),
    ("sso-admin applications: one of the additional Region", elsewhere),
    ("sso-admin applications: the AWS CLI", by_hand),
    ("sso-admin applications: the trail", recorded),
]

LAST_ROWS = [("sso-admin applications: while the primary is dead", primary_lost)]
