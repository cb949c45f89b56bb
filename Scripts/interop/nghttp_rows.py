"""A plain HTTP/2 client, which knows nothing of gRPC."""

from __future__ import annotations

import shutil
import subprocess

from .region import Region


def health(region: Region) -> str:
    """Health/Check by hand: five bytes of prefix and no message."""
    if not shutil.which("nghttp"):
        raise AssertionError("nghttp is not installed (package nghttp2-client)")
    request = region.directory / "empty-message.bin"
    request.write_bytes(bytes(5))
    identity = region.cluster.pki / "operators" / "alice"
    done = subprocess.run(
        ["nghttp", "--verbose", "--cert", identity / "certificate.pem",
         "--key", identity / "key.pem", "--data", request,
         "-H", ":method: POST", "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"https://{region.address('directory')}/grpc.health.v1.Health/Check"],
        capture_output=True, text=True, errors="replace", timeout=30, check=False)
    for wanted in (":status: 200", "content-type: application/grpc", "grpc-status: 0"):
        assert wanted in done.stdout, f"no {wanted}: {(done.stdout + done.stderr)[-500:]}"
    return "grpc-status: 0"
