"""Microsoft Entra ID's provisioning service: the requests that it sends, with its habits.

Shapes from Microsoft's "Develop and plan provisioning for a SCIM endpoint": a probe for a user that
does not exist, a filter on the matching attribute, POST, and PATCH with capitalised operations,
string booleans, filtered e-mail paths and attributes of the enterprise URN; members one PATCH per
page.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from .okta import CORE, ENTERPRISE, GROUP, PATCH
from .organization import Group, Organization, Person
from .scim import ScimClient, in_parallel

MEMBERS_PER_PATCH = 100


def user_body(person: Person) -> dict:
    """The user as Entra posts it. Details that its mapping sends later are left to the PATCH."""
    return {
        "schemas": [CORE, ENTERPRISE],
        "externalId": person.external_id,
        "userName": person.user_name,
        "active": True,
        "displayName": person.display_name,
        "emails": [{"primary": True, "type": "work", "value": f"provisional.{person.user_name}"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": person.display_name, "familyName": person.family_name,
                 "givenName": person.given_name},
        "roles": [],
        "title": person.title,
        "preferredLanguage": person.locale,
    }


def user_patch(person: Person, manager_id: str | None) -> dict:
    """The first update after the create."""
    operations = [
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": person.user_name},
        {"op": "Add", "path": 'addresses[type eq "work"].country', "value": person.country},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": person.department},
        {"op": "Add", "path": f"{ENTERPRISE}:employeeNumber", "value": person.employee_number},
        {"op": "Replace", "value": {"name.familyName": person.family_name,
                                    f"{ENTERPRISE}:costCenter": person.cost_center}},
    ]
    if manager_id:
        operations.append({"op": "Add", "path": f"{ENTERPRISE}:manager", "value": manager_id})
    if not person.active:
        operations.append({"op": "Replace", "path": "active", "value": "False"})
    return {"schemas": [PATCH], "Operations": operations}


def group_body(group: Group) -> dict:
    return {"schemas": [GROUP], "externalId": group.external_id, "displayName": group.name,
            "meta": {"resourceType": "Group"}}


def member_patches(group: Group, people: list[Person]) -> list[dict]:
    members = [people[index] for index in group.members]
    return [
        {
            "schemas": [PATCH],
            "Operations": [{
                "op": "Add", "path": "members",
                "value": [{"$ref": None, "value": person.user_id}
                          for person in members[start:start + MEMBERS_PER_PATCH]],
            }],
        }
        for start in range(0, len(members), MEMBERS_PER_PATCH)
    ]


def push_person(client: ScimClient, person: Person, people: list[Person]) -> None:
    # Entra's matching filter; the double space is its own.
    found = client.send("GET", "/Users", filter=f'externalId eq  "{person.external_id}"')
    if found.get("totalResults"):
        person.user_id = found["Resources"][0]["id"]
    else:
        person.user_id = client.send("POST", "/Users", user_body(person))["id"]
    manager = people[person.manager].user_id if person.manager is not None else None
    client.send("PATCH", f"/Users/{person.user_id}", user_patch(person, manager))


def push_group(client: ScimClient, group: Group, people: list[Person]) -> None:
    found = client.send("GET", "/Groups", filter=f'displayName eq "{group.name}"',
                        excludedAttributes="members")
    if found.get("totalResults"):
        group.group_id = found["Resources"][0]["id"]
    else:
        group.group_id = client.send("POST", "/Groups", group_body(group))["id"]
    for body in member_patches(group, people):
        client.send("PATCH", f"/Groups/{group.group_id}", body)


def push(organization: Organization, make: Callable[[str], ScimClient], workers: int,
         progress: Callable[[int], None] | None = None) -> dict[str, int]:
    """Pushes Entra's half of the organisation; answers with requests by kind."""
    people, groups = organization.of("entra")

    def client() -> ScimClient:
        return make("Microsoft.Azure.SyncFabric.Scim/1.0")

    # "Test connection": a user that cannot exist gives 200 and an empty list.
    probe = client().send("GET", "/Users", filter=f'userName eq "{uuid.uuid4()}"')
    if probe.get("totalResults") != 0:
        raise AssertionError(f"an unknown user must give an empty list: {probe}")
    # Managers exist before the people that name them.
    heads, others = people[:12], people[12:]
    counts = in_parallel(heads, 1, client, lambda c, p: push_person(c, p, organization.people))
    counts += in_parallel(
        others, workers, client, lambda c, p: push_person(c, p, organization.people), progress)
    counts += in_parallel(
        groups, workers, client, lambda c, g: push_group(c, g, organization.people), progress)
    return dict(counts)
