"""The story, in order. Each step says which requirement rows it is about."""

from __future__ import annotations

import os

from . import steps_cli as cli
from . import steps_credentials as credentials
from . import steps_emergency as emergency
from . import steps_hostile as hostile
from . import steps_interop as interop
from . import steps_keys as keys
from . import steps_outage as outage
from . import steps_people as people
from . import steps_promotion as promotion
from . import steps_regions as regions
from . import steps_setup as setup
from . import steps_trail as trail
from .world import World

STEPS = (
    setup.create_instance,
    setup.refuse_account_instance,
    setup.connect_idp,
    setup.push_organization,
    setup.permissions,
    setup.sign_in_at_the_primary,
    regions.refused_until_the_key_is_right,
    regions.add_region,
    regions.assertion_consumers,
    regions.replicated,
    people.sign_ins,
    hostile.hostile_assertions,
    hostile.hostile_connections,
    interop.standard_grpc,
    people.bookmarks,
    people.portals,
    credentials.credential_process,
    cli.sign_in,
    regions.application_elsewhere,
    people.console,
    people.central_administration,
    people.revoke,
    trail.trail,
    trail.tampered,
    emergency.prepare,
    people.pictures,
    outage.outage,
    emergency.in_the_dark,
    outage.restart,
    emergency.afterwards,
    regions.closed_by_its_key,
    regions.key_usage,
    keys.policies_drift,
    keys.rotate_and_promote,
    keys.another_instance_key,
    keys.import_material,
    keys.report_and_backup,
    regions.remove_and_add_again,
)
PROMOTION_STEPS = (
    promotion.third_region,
    promotion.lag_and_tokens,
    promotion.planned,
    promotion.forced,
    promotion.returning,
    promotion.back,
)


def tell(world: World) -> None:
    """All steps, or those up to the one that UNTIL names."""
    last = os.environ.get("UNTIL", "")
    for step in STEPS + (() if os.environ.get("REGIONS") == "2" else PROMOTION_STEPS):
        step(world)
        if step.__name__ == last:
            return
