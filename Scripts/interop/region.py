"""A Region of its own, with one user, for tools to talk to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
from Scripts.demo.cluster import PRIMARY, Cli, Cluster
from Scripts.demo.rpc import generate


@dataclass
class Region:
    cluster: Cluster
    cli: Cli
    user_name: str = "mara.lindqvist"
    user_id: str = ""

    @property
    def name(self) -> str:
        return PRIMARY

    @property
    def directory(self) -> Path:
        return self.cluster.directory

    def prepare(self) -> None:
        """Generates the messages and makes an instance with one user."""
        generate(self.directory / "python")
        self.cli("instance", "create", "--name", "Interop", "--identity-source", "external-idp")
        created = self.cli.json("user", "create", "--user-name", self.user_name)
        self.user_id = created["user"]["userId"]

    def address(self, service: str) -> str:
        return self.cluster.address(PRIMARY, service)

    def channel(self, service: str, certificate: bool = True) -> grpc.Channel:
        """A channel of grpcio to a service, with the operator's certificate."""
        identity = self.cluster.pki / "operators" / "alice"
        credentials = grpc.ssl_channel_credentials(
            root_certificates=(self.cluster.pki / "root.pem").read_bytes(),
            private_key=(identity / "key.pem").read_bytes() if certificate else None,
            certificate_chain=(
                (identity / "certificate.pem").read_bytes() if certificate else None))
        return grpc.secure_channel(self.address(service), credentials)
