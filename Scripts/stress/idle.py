"""Many connections that do nothing."""

from __future__ import annotations

import resource
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Scripts.demo.cluster import PRIMARY, Cli, Cluster

WANTED = 10_000
BYTES_EACH_MAX = 40 * 1024
PAGE = resource.getpagesize()


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _tls(cluster: Cluster) -> ssl.SSLContext:
    identity = cluster.pki / "operators" / "alice"
    context = ssl.create_default_context(cafile=str(cluster.pki / "root.pem"))
    context.check_hostname = False
    context.load_cert_chain(identity / "certificate.pem", identity / "key.pem")
    context.set_alpn_protocols(["portolan-rpc/1"])
    return context


def connections(cluster: Cluster) -> str:
    """Opens them, looks at the service's memory, and calls a method over a fresh one meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(WANTED, hard - 200) if hard != resource.RLIM_INFINITY else WANTED
    pid = cluster.processes[PRIMARY, "directory"].pid
    port, context = cluster.port(PRIMARY, "directory"), _tls(cluster)

    def connect(_: int) -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))

    warm = [connect(0) for _ in range(50)]
    time.sleep(1)
    before, began = _resident(pid), time.monotonic()
    held: list[ssl.SSLSocket] = []
    try:
        with ThreadPoolExecutor(8) as pool:
            held += pool.map(connect, range(count))
        took = time.monotonic() - began
        time.sleep(2)
        each = (_resident(pid) - before) / count
        answered = Cli(cluster).json("rpc", "call", "Directory/GetStatus")
    finally:
        for connection in warm + held:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answered, "no answer while they were open"
    assert each <= BYTES_EACH_MAX, f"{each:.0f} bytes each, not {BYTES_EACH_MAX}"
    limited = "" if count == WANTED else f" (the limit of open files allows {count} here)"
    return f"{count} in {took:.0f} s, {each / 1000:.1f} kB each{limited}"
