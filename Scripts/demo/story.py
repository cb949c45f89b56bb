"""The story, in order. Each step says which requirement rows it is about."""

from __future__ import annotations

from . import steps_hostile as hostile
from . import steps_outage as outage
from . import steps_people as people
from . import steps_regions as regions
from . import steps_setup as setup
from .world import World


def tell(world: World) -> None:
    setup.create_instance(world)
    setup.refuse_account_instance(world)
    setup.connect_idp(world)
    setup.push_organization(world)
    setup.permissions(world)
    setup.sign_in_at_the_primary(world)
    regions.refused_until_the_key_is_right(world)
    regions.add_region(world)
    regions.assertion_consumers(world)
    regions.replicated(world)
    people.sign_ins(world)
    hostile.hostile_assertions(world)
    hostile.hostile_connections(world)
    people.bookmarks(world)
    people.portals(world)
    regions.application_elsewhere(world)
    people.console(world)
    people.central_administration(world)
    people.revoke(world)
    people.trail(world)
    outage.outage(world)
    outage.restart(world)
    regions.closed_by_its_key(world)
    regions.key_usage(world)
    regions.remove_and_add_again(world)
