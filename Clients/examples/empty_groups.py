#!/usr/bin/env python3
"""Lists groups without members, asking about many groups at once on one connection."""

from __future__ import annotations

import argparse
import asyncio

from common import arguments, run
from portolan_client import Context, services


async def find(options: argparse.Namespace, context: Context) -> int:
    found = 0
    async with context.async_client("directory", options.region) as client:
        directory, token = services.AsyncDirectory(client), ""
        while True:
            page = await directory.ListGroups(page_size=1000, page_token=token)
            answers = await asyncio.gather(
                *(directory.GetGroup(group_id=group.group_id) for group in page.groups))
            for answer in answers:
                if answer.member_count == 0:
                    found += 1
                    print(f"{answer.group.group_id}\t{answer.group.display_name}")
            token = page.next_page_token
            if not token:
                break
    return 1 if found else 0


def main(options: argparse.Namespace, context: Context) -> int:
    return asyncio.run(find(options, context))


if __name__ == "__main__":
    run(main, arguments(__doc__))
