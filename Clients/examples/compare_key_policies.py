#!/usr/bin/env python3
"""Compares the policies of a multi-Region key in all Regions; status 1 when they differ."""

from __future__ import annotations

import argparse
import difflib
import json

from common import arguments, run
from portolan_client import Code, Context, PortolanError, services


def policy(context: Context, region: str, key: str) -> list[str]:
    """A Region's policy in one order and layout, as lines; says so when there is no such key."""
    with context.client("keys", region) as client:
        try:
            text = services.KeyManagement(client).GetKeyPolicy(key_id=key).policy
        except PortolanError as failure:
            if failure.code != Code.NOT_FOUND:
                raise
            return [f"no such key in {region}"]
    return json.dumps(json.loads(text), indent=2, sort_keys=True).splitlines()


def main(options: argparse.Namespace, context: Context) -> int:
    first = options.region or context.region
    reference, different = policy(context, first, options.key), False
    for region in options.regions or sorted(context.regions):
        if region == first:
            continue
        for line in difflib.unified_diff(reference, policy(context, region, options.key),
                                         first, region, lineterm=""):
            different = True
            print(line)
    if not different:
        print("The policies are the same.")
    return 1 if different else 0


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("key", help="key ID (mrk-...)")
    parser.add_argument("regions", nargs="*", help="Regions to compare with (all)")
    run(main, parser)
