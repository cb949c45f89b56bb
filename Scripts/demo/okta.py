"""Okta's provisioning client: the requests that its SCIM 2.0 connector sends, in its order.

Shapes from Okta's SCIM protocol reference: a filter on userName before each create, POST of the
whole user with the core and enterprise schemas, POST of each group, then PATCHes that add members
in batches, and a profile change by PUT of the whole user.
"""

from __future__ import annotations

from collections.abc import Callable

from .organization import Group, Organization, Person
from .scim import ScimClient, in_parallel

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MEMBERS_PER_PATCH = 1000


def user_body(person: Person) -> dict:
    """The user as Okta posts it: unset values are empty strings, one primary work address."""
    return {
        "schemas": [CORE, ENTERPRISE],
        "externalId": person.external_id,
        "userName": person.user_name,
        "name": {"givenName": person.given_name, "familyName": person.family_name,
                 "middleName": ""},
        "emails": [{"primary": True, "value": person.user_name, "type": "work"}],
        "phoneNumbers": [],
        "displayName": person.display_name,
        "nickName": "",
        "title": person.title,
        "locale": person.locale,
        "timezone": person.timezone,
        "userType": "Employee",
        "addresses": [{"type": "work", "primary": True, "locality": person.site,
                       "country": person.country}],
        ENTERPRISE: {
            "employeeNumber": person.employee_number,
            "costCenter": person.cost_center,
            "organization": person.organization,
            "division": person.team,
            "department": person.department,
        },
        "groups": [],
        "active": person.active,
    }


def group_body(group: Group) -> dict:
    """Okta makes the group empty and adds its members afterwards."""
    return {"schemas": [GROUP], "displayName": group.name, "members": []}


def member_patches(group: Group, people: list[Person]) -> list[dict]:
    """The PATCH bodies that add the members, in batches."""
    members = [people[index] for index in group.members]
    return [
        {
            "schemas": [PATCH],
            "Operations": [{
                "op": "add", "path": "members",
                "value": [{"value": person.user_id, "display": person.user_name}
                          for person in members[start:start + MEMBERS_PER_PATCH]],
            }],
        }
        for start in range(0, len(members), MEMBERS_PER_PATCH)
    ]


def push_person(client: ScimClient, person: Person) -> None:
    found = client.send("GET", "/Users", filter=f'userName eq "{person.user_name}"',
                        startIndex=1, count=100)
    if not isinstance(found.get("totalResults"), int):
        raise AssertionError(f"Okta needs an integer totalResults: {found}")
    if found["totalResults"]:
        person.user_id = found["Resources"][0]["id"]
        client.send("PUT", f"/Users/{person.user_id}",
                    {**user_body(person), "id": person.user_id})
    else:
        person.user_id = client.send("POST", "/Users", user_body(person))["id"]


def push_group(client: ScimClient, group: Group, people: list[Person]) -> None:
    group.group_id = client.send("POST", "/Groups", group_body(group))["id"]
    for body in member_patches(group, people):
        client.send("PATCH", f"/Groups/{group.group_id}", body)


def push(organization: Organization, make: Callable[[str], ScimClient], workers: int,
         progress: Callable[[int], None] | None = None) -> dict[str, int]:
    """Pushes Okta's half of the organisation; answers with requests by kind."""
    people, groups = organization.of("okta")

    def client() -> ScimClient:
        return make("Okta SCIM Client 1.0.0")

    client().send("GET", "/ServiceProviderConfig")
    client().send("GET", "/Users", startIndex=1, count=2)
    counts = in_parallel(people, workers, client, push_person, progress)
    counts += in_parallel(
        groups, workers, client,
        lambda connection, group: push_group(connection, group, organization.people), progress)
    return dict(counts)
