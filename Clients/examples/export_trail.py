#!/usr/bin/env python3
"""Writes a Region's trail since an event as CloudTrail JSON, one line each, and checks the chain.

The last sequence number goes to standard error, for --after of the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import sys

from common import arguments, run
from portolan_client import Context, services


def main(options: argparse.Namespace, context: Context) -> int:
    last, previous = options.after, None
    with context.client("coordinator", options.region) as client:
        for answer in services.Trail(client).Export(after_sequence=options.after,
                                                    timeout=options.seconds):
            for event in answer.events:
                if event.sequence != last + 1:
                    raise ValueError(f"event {last + 1} is missing")
                if previous is not None and event.previous_hash != previous:
                    raise ValueError(f"event {event.sequence} does not follow the one before")
                digest = hashlib.sha256(event.previous_hash + event.sequence.to_bytes(8, "big")
                                        + event.cloudtrail_json.encode())
                if digest.digest() != event.hash:
                    raise ValueError(f"event {event.sequence} is not what was recorded")
                print(event.cloudtrail_json)
                last, previous = event.sequence, event.hash
    print(last, file=sys.stderr)
    return 0


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--after", type=int, default=0, help="the last sequence number you have")
    parser.add_argument("--seconds", type=float, default=600, help="give up after")
    run(main, parser)
