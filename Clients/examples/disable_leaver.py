#!/usr/bin/env python3
"""Disables a person who leaves, in the primary, and revokes their sessions in every Region."""

from __future__ import annotations

import argparse

from common import arguments, run
from portolan_client import Code, Context, PortolanError, services

ATTEMPTS = 5


def disable(directory: services.Directory, user_name: str) -> str:
    """Disables the user, again when somebody else changed them meanwhile; answers with the ID."""
    for attempt in range(1, ATTEMPTS + 1):
        user = directory.FindUser(user_name=user_name).user
        if not user.enabled:
            return user.user_id
        version = user.version
        user.enabled = False
        try:
            directory.UpdateUser(user=user, expected_version=version)
            return user.user_id
        except PortolanError as failure:
            if failure.code != Code.ABORTED or attempt == ATTEMPTS:
                raise
    raise AssertionError("not reached")


def main(options: argparse.Namespace, context: Context) -> int:
    with (context.client("directory", options.region) as directory,
          context.client("portal", options.region) as portal):
        user_id = disable(services.Directory(directory), options.user)
        revoked = services.Sessions(portal).RevokeSession(user_id=user_id).revoked
    print(f"{options.user} is disabled; {revoked} sessions revoked.")
    return 0


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("user", help="user name")
    run(main, parser)
