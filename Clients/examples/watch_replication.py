#!/usr/bin/env python3
"""Prints how far each Region is behind; status 1 when one is over --max-lag or not connected."""

from __future__ import annotations

import argparse
import asyncio

from common import arguments, run
from portolan_client import Context, services


async def watch(options: argparse.Namespace, context: Context) -> int:
    late = False
    async with context.async_client("coordinator", options.region, timeout=10) as client:
        administration = services.AsyncInstanceAdministration(client)
        for turn in range(options.count):
            if turn:
                await asyncio.sleep(options.every)
            status = await administration.GetReplicationStatus()
            late = False
            for replica in status.replicas:
                lag = f"{replica.lag_us / 1000:.1f} ms" if replica.lag_us >= 0 else "unknown"
                state = "connected" if replica.connected else f"NOT CONNECTED {replica.problem}"
                late |= not replica.connected or replica.lag_us > options.max_lag * 1000
                print(f"{replica.region}\t{state}\t{replica.entries_behind} entries behind\t"
                      f"lag {lag}", flush=True)
    return 1 if late else 0


def main(options: argparse.Namespace, context: Context) -> int:
    return asyncio.run(watch(options, context))


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=1, help="how often to ask")
    parser.add_argument("--every", type=float, default=2, help="seconds between")
    parser.add_argument("--max-lag", type=float, default=1000, help="milliseconds")
    run(main, parser)
