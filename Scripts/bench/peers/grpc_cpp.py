"""gRPC C++ of Debian's libgrpc++: a server that gives fixed bytes, and the client for all of them."""

from __future__ import annotations

from pathlib import Path

from .tools import HERE, ask, build, flags_of, running


class GrpcCpp:
    """Compiled when first needed. Raises Unavailable where the library is not there."""

    def __init__(self, identity: Path, roots: Path, server_identity: Path) -> None:
        self.program = build("grpc_peer", HERE / "grpc_peer.cc", ["g++", "-O2", "-std=c++17"],
                             flags_of("grpc++"))
        self.identity, self.roots, self.server_identity = identity, roots, server_identity

    def server(self, port: int, answer_bytes: int):  # noqa: ANN201 - a context manager
        return running([
            self.program, "server", f"127.0.0.1:{port}", self.server_identity / "certificate.pem",
            self.server_identity / "key.pem", self.roots, answer_bytes])

    def load(self, port: int, method: str, request: Path, connections: int, in_flight: int,
             seconds: int) -> dict:
        """Unary calls of any gRPC server on loopback."""
        return ask([
            self.program, "client", f"127.0.0.1:{port}", self.identity / "certificate.pem",
            self.identity / "key.pem", self.roots, method, request, connections, in_flight,
            seconds, "localhost"])
