"""Clients against a running Region: grpcio, nghttp and h2load; the Python and C clients.

`make interop` runs it. Prints a line per row and ends with status 1 when one fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from Scripts.demo.cluster import PRIMARY, Cli, Cluster, Ports
from Scripts.demo.steps_setup import make_identities

from . import client_rows, grpc_rows, h2load_rows, nghttp_rows
from .region import Region

ROOT = Path(__file__).parents[2]
BINARY = ROOT / ".build" / "debug" / "portolan"


def rows() -> list[tuple[str, object]]:
    return [
        ("unary call with a client certificate", grpc_rows.unary),
        ("status details of a refusal", grpc_rows.details),
        ("server streaming, cancelled by the client", grpc_rows.streaming),
        ("deadline", grpc_rows.deadline),
        ("a method the peer may not call", grpc_rows.denied),
        ("an unknown method", grpc_rows.unknown),
        ("health", grpc_rows.health),
        ("gzip both ways", grpc_rows.gzip),
        ("reflection: list, describe, call by descriptors", grpc_rows.reflection),
        ("no client certificate", grpc_rows.no_certificate),
        ("nghttp, headers and trailers as they are", nghttp_rows.health),
        ("h2load through nghttpx", h2load_rows.load),
        ("the C client", client_rows.c_client),
        ("portolan-credentials without a session", client_rows.credentials_helper),
        ("portolan-credentials for an operator", client_rows.operator_keys),
        ("the Python client, threads and asyncio", client_rows.python_calls),
        ("the Python client's examples", client_rows.python_examples),
    ]


def main() -> int:
    failed = 0
    client_rows.build_python()
    client_rows.build_c()
    with tempfile.TemporaryDirectory(prefix="portolan-interop-") as directory:
        binary = Path(sys.argv[1]) if len(sys.argv) > 1 else BINARY
        cluster = Cluster(binary, Path(directory), Ports(int(os.environ.get("PORT_BASE", "27400"))))
        cluster.ports.require_free()
        make_identities(cluster, (PRIMARY,))
        cluster.configure((PRIMARY,))
        try:
            cluster.start(PRIMARY)
            cluster.wait_healthy(PRIMARY)
            region = Region(cluster, Cli(cluster))
            region.prepare()
            for name, row in rows():
                try:
                    said = row(region)
                    print(f"ok    {name}" + (f": {said}" if said else ""), flush=True)
                except Exception as error:  # noqa: BLE001 - a row that fails must not end the rest
                    failed += 1
                    print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
        finally:
            cluster.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
