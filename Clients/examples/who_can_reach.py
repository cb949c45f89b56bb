#!/usr/bin/env python3
"""Lists who can reach an account: person, role, and the groups that the access comes from."""

from __future__ import annotations

import argparse
from collections import defaultdict

from common import arguments, pages, run
from portolan.permission.v1.permission_pb2 import PRINCIPAL_TYPE_GROUP
from portolan_client import Code, Context, PortolanError, services


def main(options: argparse.Namespace, context: Context) -> int:
    with (context.client("directory", options.region) as directory_client,
          context.client("permission", options.region) as permission_client):
        directory = services.Directory(directory_client)
        permissions = services.Permissions(permission_client)
        roles = {s.permission_set_arn: s.name
                 for s in pages(permissions.ListPermissionSets, "permission_sets")}
        reached: dict[tuple[str, str], set[str]] = defaultdict(set)
        for assignment in pages(permissions.ListAccountAssignments, "assignments",
                                account_id=options.account):
            role = roles.get(assignment.permission_set_arn, assignment.permission_set_arn)
            try:
                if assignment.principal_type == PRINCIPAL_TYPE_GROUP:
                    group = directory.GetGroup(group_id=assignment.principal_id).group
                    for member in pages(directory.ListMembers, "members",
                                        group_id=group.group_id):
                        reached[member.user_name, role].add(group.display_name)
                else:
                    user = directory.GetUser(user_id=assignment.principal_id).user
                    reached[user.user_name, role].add("(directly)")
            except PortolanError as failure:
                if failure.code != Code.NOT_FOUND:
                    raise
                reached[f"(deleted) {assignment.principal_id}", role].add("?")
        for (person, role), ways in sorted(reached.items()):
            print(f"{person}\t{role}\t{', '.join(sorted(ways))}")
    return 0 if reached else 1


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("account", help="12 digits")
    run(main, parser)
