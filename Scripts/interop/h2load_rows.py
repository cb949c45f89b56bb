"""Load on the gRPC side of the port by a tool that knows HTTP/2 only.

h2load cannot show a client certificate. nghttpx of the same package can: h2load speaks cleartext
HTTP/2 to it on loopback, and it speaks TLS with the operator's certificate to the port.
"""

from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from .region import Region

REQUESTS = 20_000


def load(region: Region) -> str:
    for tool in ("h2load", "nghttpx"):
        if not shutil.which(tool):
            raise AssertionError(f"{tool} is not installed (nghttp2-client, nghttp2-proxy)")
    port = region.cluster.ports.base + 80
    identity = region.cluster.pki / "operators" / "alice"
    host, backend = region.address("directory").split(":")
    proxy = subprocess.Popen(
        ["nghttpx", "--conf=/dev/null", f"--frontend=127.0.0.1,{port};no-tls",
         f"--backend={host},{backend};;proto=h2;tls;sni=localhost", "--workers=1", "--no-ocsp",
         f"--cacert={region.cluster.pki / 'root.pem'}", "--no-via", f"--errorlog-file={_errors(region)}",
         f"--client-cert-file={identity / 'certificate.pem'}",
         f"--client-private-key-file={identity / 'key.pem'}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port, proxy)
        return _load(region, port)
    finally:
        proxy.terminate()
        proxy.wait(timeout=10)


def _errors(region: Region) -> Path:
    return region.directory / "nghttpx.log"


def _wait(port: int, proxy: subprocess.Popen) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert proxy.poll() is None, f"nghttpx ended with status {proxy.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nghttpx does not listen")


def _calls(region: Region) -> int:
    """Successful GetUser calls so far, as the server counts them."""
    figures = region.cli.json("rpc", "call", "GetFigures", "--service", "directory")
    return sum(int(row["byStatus"][0]) for row in figures["calls"]
               if row["method"].endswith("/GetUser"))


def _load(region: Region, port: int) -> str:
    message = b"\x0a" + bytes([len(region.user_id)]) + region.user_id.encode()
    body = region.directory / "get-user.bin"
    body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    before = _calls(region)
    done = subprocess.run(
        ["h2load", "-n", str(REQUESTS), "-c", "4", "-m", "32", "-d", body,
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://127.0.0.1:{port}/portolan.directory.v1.Directory/GetUser"],
        capture_output=True, text=True, timeout=120, check=False)
    text = done.stdout + done.stderr
    wrong = text[-800:] + _errors(region).read_text()[-800:]
    assert f"{REQUESTS} succeeded" in text and f"{REQUESTS} 2xx" in text, wrong
    served = _calls(region) - before
    assert served == REQUESTS, f"the server has answered {served} of {REQUESTS}"
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", text)
    return f"{served} calls answered with status 0, {rate.group(1) if rate else '?'}/s"
