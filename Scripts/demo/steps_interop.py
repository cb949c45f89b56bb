"""Tools that know nothing of this system: a standard gRPC client on the same ports."""

from __future__ import annotations

import grpc

from .rpc import messages
from .world import World


def standard_grpc(world: World) -> None:
    """grpcio with the operator's certificate, against the port of the native protocol."""
    with world.verdict.step("Standard gRPC on the same port", "B8"):
        check, person = world.verdict.check, world.mariner
        types = messages("directory.v1.directory")
        for region in world.regions:
            with grpc.secure_channel(
                    world.cluster.address(region, "directory"), _credentials(world)) as channel:
                find = channel.unary_unary(
                    "/portolan.directory.v1.Directory/FindUser",
                    request_serializer=types.FindUserRequest.SerializeToString,
                    response_deserializer=types.FindUserResponse.FromString)
                user = find(types.FindUserRequest(user_name=person.user_name), timeout=15).user
                check("B8", f"grpcio reads a user in {region}", user.user_id == person.user_id,
                      user)
                try:
                    find(types.FindUserRequest(user_name="nobody@meridian.example"), timeout=15)
                    check("B8", "an unknown user is NOT_FOUND", False)
                except grpc.RpcError as refusal:
                    check("B8", "an unknown user is NOT_FOUND",
                          refusal.code() == grpc.StatusCode.NOT_FOUND, refusal)


def _credentials(world: World) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        (world.cluster.pki / "root.pem").read_bytes(),
        (world.operator / "key.pem").read_bytes(),
        (world.operator / "certificate.pem").read_bytes())
