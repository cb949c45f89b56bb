"""grpc-swift 2 with its NIO transport, as a package of its own that the product does not know."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .tools import BUILT, HERE, Unavailable, running

PACKAGE = HERE / "grpc-swift"


class GrpcSwift:
    """Built when first needed, which takes minutes. Raises Unavailable when it cannot be."""

    def __init__(self, roots: Path, server_identity: Path) -> None:
        scratch = BUILT / "grpc-swift"
        self.program = scratch / "release" / "GRPCSwiftPeer"
        source = PACKAGE / "Sources/GRPCSwiftPeer/Peer.swift"
        if not self.program.exists() or (
                self.program.stat().st_mtime < source.stat().st_mtime):
            print("Building grpc-swift 2, which takes some minutes", flush=True)
            done = subprocess.run(
                ["swift", "build", "-c", "release", "--package-path", str(PACKAGE),
                 "--scratch-path", str(scratch)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unavailable(f"grpc-swift 2 cannot be built: {done.stdout.strip()[-300:]}")
        self.roots, self.server_identity = roots, server_identity

    def server(self, port: int, method: str, answer_bytes: int):  # noqa: ANN201
        service, name = method.strip("/").split("/")
        return running([
            self.program, port, self.server_identity / "certificate.pem",
            self.server_identity / "key.pem", self.roots, service, name, answer_bytes])
