"""Makes *.localhost names resolve to loopback, as browsers do and as Debian's resolver does not."""

from __future__ import annotations

import socket

_system = socket.getaddrinfo


def _getaddrinfo(host, port, *arguments, **options):  # noqa: ANN001, ANN002, ANN003, ANN202
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.rstrip(".").endswith(".localhost"):
        host = "127.0.0.1"
    return _system(host, port, *arguments, **options)


def install() -> None:
    """Idempotent; for this process only."""
    socket.getaddrinfo = _getaddrinfo
