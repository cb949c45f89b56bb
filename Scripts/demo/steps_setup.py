"""First part: identities, processes, the instance, the IdP, the people, what they may reach."""

from __future__ import annotations

import time

import requests

from . import entra, okta
from .cluster import TRUST_DOMAIN, Cli, Cluster, Ports
from .scim import ScimClient, ScimError
from .world import ACCOUNTS, ASSIGNMENTS, PERMISSION_SETS, World

WORKERS = 4


def make_identities(cluster: Cluster, regions: tuple[str, ...]) -> None:
    """Root, an issuer and service identities per Region, an administrator and an auditor."""
    cli = Cli(cluster)
    directory = str(cluster.pki)
    cli("pki", "init", "--directory", directory, "--trust-domain", TRUST_DOMAIN, context=False)
    for region in regions:
        cli("pki", "region", "--directory", directory, "--name", region,
            "--host", "127.0.0.1", "--host", "localhost", "--host", cluster.host(region),
            context=False)
    for name, role in (("alice", "administrator"), ("bob", "auditor")):
        cli("pki", "operator", "--directory", directory, "--name", name, "--role", role,
            context=False)


def create_instance(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("An instance, first with the built-in directory", "M2"):
        cli("instance", "create", "--name", "Meridian and Halcyon",
            "--identity-source", "identity-center-directory")
        again = cli.refused("instance", "create", "--name", "Second")
        check("M2", "a second instance is refused", "INSTANCE_EXISTS" in again, again)
        said = cli.refused("region", "add", world.additional)
        check("M2", "the built-in directory cannot replicate",
              "IDENTITY_SOURCE_NOT_SUPPORTED" in said, said)
        cli("instance", "update", "--identity-source", "active-directory")
        said = cli.refused("region", "add", world.additional)
        check("M2", "an Active Directory source cannot replicate",
              "IDENTITY_SOURCE_NOT_SUPPORTED" in said, said)
        cli("instance", "update", "--identity-source", "external-idp")
        shown = cli.json("instance", "show")["instance"]
        check("M2", "the source is now an external IdP",
              shown["identitySource"] == "IDENTITY_SOURCE_EXTERNAL_IDP", shown)


def refuse_account_instance(world: World) -> None:
    """A throw-away Region with an account instance of its own."""
    with world.verdict.step("An account instance, thrown away again", "M2"):
        region = "eu-north-1"
        cluster = Cluster(world.cluster.binary, world.cluster.directory / "throw-away",
                          Ports(world.cluster.ports.base))
        cluster.directory.mkdir()
        cluster.configure_one(region, pki=world.cluster.pki, base=world.cluster.ports.base + 50)
        Cli(world.cluster)("pki", "region", "--directory", str(world.cluster.pki), "--name", region,
                           "--host", "127.0.0.1", context=False)
        try:
            cluster.start(region, ("keys", "coordinator"))
            cluster.wait_healthy(region, services=("keys", "coordinator"))
            cli = Cli(cluster)
            cli("instance", "create", "--name", "Small", "--kind", "account",
                "--identity-source", "external-idp")
            said = cli.refused("region", "add", world.additional)
            world.verdict.check("M2", "an account instance cannot replicate",
                                "INSTANCE_KIND_NOT_SUPPORTED" in said, said)
        finally:
            cluster.stop()


def connect_idp(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("The external identity provider", "M8"):
        metadata = world.cluster.directory / "idp-metadata.xml"
        metadata.write_text(world.idp.metadata)
        cli("instance", "set-idp", "--metadata", str(metadata))
        shown = cli.json("instance", "show")["identityProvider"]
        check("M8", "its metadata is taken over", shown["entityId"] == world.idp.entity_id, shown)
        own = hand_over_metadata(world)
        check("M7", "the IdP accepts the service provider's metadata",
              world.idp.assertion_consumers(), own)


def hand_over_metadata(world: World) -> str:
    """Gives the IdP the service provider's metadata, which has the ACS URL of every Region."""
    own = requests.get(f"{world.portal(world.primary)}/saml/metadata",
                       verify=str(world.trust), timeout=10)
    own.raise_for_status()
    world.idp.trust(own.text)
    return own.text


def push_organization(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("2,400 people and 180 groups by SCIM, as Okta and Entra ID send them",
                            "M17"):
        token = cli.json("scim-token", "create")
        endpoint, secret = token["endpoint"].rstrip("/"), token["secret"]
        world.facts["scim"] = (endpoint, secret)

        def make(agent: str) -> ScimClient:
            return ScimClient(endpoint, secret, str(world.trust), agent)

        for name, shape in (("Okta", okta), ("Entra ID", entra)):
            began = time.monotonic()
            counts = shape.push(world.organization, make, WORKERS)
            took = time.monotonic() - began
            total = sum(counts.values())
            check("M17", f"{name}: {total} requests in {took:.1f} s "
                         f"({total / took:.0f} a second), none refused", total)
        _look_at_people(world, make("Story/1.0"))
        _refusals(world, make("Story/1.0"))


def _look_at_people(world: World, client: ScimClient) -> None:
    check = world.verdict.check
    people = world.organization.people
    total = client.send("GET", "/Users", startIndex=1, count=1)["totalResults"]
    check("M17", f"all {len(people)} people are there", total == len(people), total)
    groups = client.send("GET", "/Groups", startIndex=1, count=1)["totalResults"]
    check("M17", f"all {len(world.organization.groups)} groups are there",
          groups == len(world.organization.groups), groups)
    person = next(p for p in people if p.idp == "entra" and not p.active)
    user = client.send("GET", f"/Users/{person.user_id}")
    work = [e["value"] for e in user.get("emails", []) if e.get("type") == "work"]
    check("M17", "Entra's PATCH replaced the address and disabled the person",
          work == [person.user_name] and user["active"] is False, user)
    largest = max(world.organization.groups, key=lambda g: len(g.members))
    members = client.send("GET", f"/Groups/{largest.group_id}").get("members", [])
    check("M17", f"the largest group has its {len(largest.members)} members",
          {m["value"] for m in members} == {people[i].user_id for i in largest.members},
          len(members))


def _refusals(world: World, client: ScimClient) -> None:
    check = world.verdict.check
    person = world.engineer

    def refused(row: str, what: str, status: int, method: str, path: str, **request) -> None:
        answer = client.session.request(method, client.base + path, timeout=15, **request)
        body = {}
        if "json" in answer.headers.get("content-type", ""):
            body = answer.json()
        check(row, what, answer.status_code == status and str(status) == str(body.get("status")),
              f"{answer.status_code} {answer.text}")

    refused("M17", "a duplicate userName is 409", 409, "POST", "/Users",
            json=okta.user_body(person))
    refused("M17", "a body that is not JSON is 400", 400, "POST", "/Users", data=b"{",
            headers={"Content-Type": "application/scim+json"})
    refused("M17", "a filter that does not parse is 400", 400, "GET", "/Users",
            params={"filter": 'emails[type eq "work"] eq "x"'})
    refused("M17", "a wrong token is 401", 401, "GET", "/Users",
            headers={"Authorization": "Bearer nothing"})
    try:
        client.send("PATCH", f"/Users/{person.user_id}", {
            "schemas": [okta.PATCH], "Operations": [{"op": "explode", "path": "title"}]})
        check("M17", "an unknown operation is refused", False)
    except ScimError as refusal:
        check("M17", "an unknown operation is refused", refusal.status == 400, refusal)


def permissions(world: World) -> None:
    cli, check = world.cli, world.verdict.check
    with world.verdict.step("Accounts, permission sets, assignments, applications", "M1", "M10"):
        for number, name in ACCOUNTS.items():
            cli("account", "put", number, "--name", name,
                "--email", f"{name.lower().replace(' ', '-')}@meridian.example")
        for name, (description, policy, seconds) in PERMISSION_SETS.items():
            cli("permission-set", "create", name, "--description", description,
                "--session-duration", str(seconds),
                "--managed-policy", f"arn:aws:iam::aws:policy/{policy}")
        for group, account, permission_set in ASSIGNMENTS:
            for idp in ("okta", "entra"):
                cli("assignment", "create", "--account", account,
                    "--permission-set", permission_set,
                    "--group", world.group_name(idp, group))
        cli("application", "create", "--name", "Shipment Tracker",
            "--start-url", "https://tracker.meridian.example/")
        for company in ("Meridian Everyone", "Halcyon Everyone"):
            cli("application", "assign", "Shipment Tracker", "--group", company)
        cli("instance", "update", "--administrators",
            world.group_name("okta", "aws-platform-administrators"))
        sets = cli.json("permission-set", "list")["permissionSets"]
        check("M1", f"{len(PERMISSION_SETS)} permission sets are there",
              {s["name"] for s in sets} == set(PERMISSION_SETS), sets)


def sign_in_at_the_primary(world: World) -> None:
    with world.verdict.step("A first sign-in, at the primary", "M8", "M10"):
        browser, page = world.sign_in(world.primary, world.engineer)
        world.verdict.check("M8", "a person signs in at the primary",
                            world.landed(page, world.primary, world.engineer),
                            f"{page.url} {page.status} {page.text}")
        world.verdict.check("M10", "and sees an account there",
                            "Platform Production" in page.text, page.text)
        world.facts["first browser"] = browser
