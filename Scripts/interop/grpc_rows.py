"""What standard gRPC clients do, with grpcio as it comes."""

from __future__ import annotations

import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message
from Scripts.demo.rpc import messages

from .region import Region

DIRECTORY = "portolan.directory.v1.Directory"
INSTANCES = "portolan.coordinator.v1.InstanceAdministration"
DEADLINE = 20


def call(channel: grpc.Channel, method: str, request: Message, answer: type[Message],
         timeout: float = DEADLINE) -> Message:
    return channel.unary_unary(
        f"/{method}", request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=answer.FromString)(request, timeout=timeout)


def refused(channel: grpc.Channel, method: str, request: Message, answer: type[Message],
            timeout: float = DEADLINE) -> grpc.RpcError:
    try:
        call(channel, method, request, answer, timeout)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"{method} was not refused")


def reason(error: grpc.RpcError) -> str:
    """The reason in the status details, read with google.rpc's own shapes."""
    for name, value in error.trailing_metadata():
        if name == "grpc-status-details-bin":
            types = messages("rpc.v1.status")
            status = types.Status.FromString(value)
            assert status.code == error.code().value[0], status
            info = types.ErrorInfo.FromString(status.details[0].value)
            assert info.domain == "portolan", info
            return info.reason
    raise AssertionError(f"no status details: {error.trailing_metadata()}")


def expect(actual: object, wanted: object) -> None:
    assert actual == wanted, f"{actual}, not {wanted}"


def unary(region: Region) -> str:
    types = messages("directory.v1.directory")
    with region.channel("directory") as channel:
        answer = call(channel, f"{DIRECTORY}/GetUser", types.GetUserRequest(user_id=region.user_id),
                      types.GetUserResponse)
    expect(answer.user.user_name, region.user_name)
    return f"GetUser says {answer.user.user_name}"


def details(region: Region) -> str:
    types = messages("directory.v1.directory")
    with region.channel("directory") as channel:
        error = refused(channel, f"{DIRECTORY}/GetUser", types.GetUserRequest(user_id="nobody"),
                        types.GetUserResponse)
    return f"GetUser: {error.code().name} {reason(error)}"


def streaming(region: Region) -> str:
    types = messages("coordinator.v1.instance")
    with region.channel("coordinator") as channel:
        stream = channel.unary_stream(
            f"/{INSTANCES}/WatchInstance", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=types.GetInstanceResponse.FromString,
        )(types.WatchInstanceRequest(), timeout=DEADLINE)
        first = next(iter(stream))
        stream.cancel()
        expect(stream.code(), grpc.StatusCode.CANCELLED)
    return f"{len(first.SerializeToString())} bytes of WatchInstance"


def deadline(region: Region) -> None:
    """A watch with a deadline: the server ends it."""
    types = messages("coordinator.v1.instance")
    with region.channel("coordinator") as channel:
        stream = channel.unary_stream(
            f"/{INSTANCES}/WatchInstance", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=types.GetInstanceResponse.FromString,
        )(types.WatchInstanceRequest(), timeout=1)
        began = time.monotonic()
        try:
            for _ in stream:
                pass
        except grpc.RpcError as error:
            expect(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        else:
            raise AssertionError("the stream ended without a deadline")
        assert time.monotonic() - began < 5


def denied(region: Region) -> str:
    types = messages("coordinator.v1.local_log")
    with region.channel("coordinator") as channel:
        error = refused(channel, "portolan.coordinator.v1.Log/Append", types.AppendRequest(),
                        types.AppendResponse)
    expect(error.code(), grpc.StatusCode.PERMISSION_DENIED)
    expect(reason(error), "METHOD_NOT_ALLOWED")
    return error.details()


def unknown(region: Region) -> None:
    types = messages("directory.v1.directory")
    with region.channel("directory") as channel:
        error = refused(channel, f"{DIRECTORY}/None", types.GetUserRequest(),
                        types.GetUserResponse)
    expect(error.code(), grpc.StatusCode.UNIMPLEMENTED)


def health(region: Region) -> None:
    """grpc.health.v1 has one field each way; field 1 of the answer is 1 for SERVING."""
    with region.channel("directory") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        answer = check(b"", timeout=DEADLINE)
    expect(answer[:2], b"\x08\x01")


def gzip(region: Region) -> str:
    """Requests and answers compressed: a page of users, which is large enough to be worth it."""
    types = messages("directory.v1.directory")
    description = "All who work at the harbour of Meridian. " * 200
    made = types.CreateGroupRequest(
        group=types.Group(display_name="Harbour", description=description[:1000]))
    with region.channel("directory") as channel:
        create = channel.unary_unary(
            f"/{DIRECTORY}/CreateGroup", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=types.CreateGroupResponse.FromString)
        answer, call_made = create.with_call(
            made, timeout=DEADLINE, compression=grpc.Compression.Gzip)
    expect(answer.group.description, made.group.description)
    sent = dict(call_made.initial_metadata()).get("grpc-encoding", "gzip")
    return f"{len(made.SerializeToString())} bytes each way, {sent}"


def reflection(region: Region) -> str:
    """Lists, describes and calls a method with nothing generated."""
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # noqa: PLC0415
        ProtoReflectionDescriptorDatabase,
    )
    with region.channel("coordinator") as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = list(database.get_services())
        assert INSTANCES in services, services
        pool = descriptor_pool.DescriptorPool(database)
        method = pool.FindServiceByName(INSTANCES).FindMethodByName("GetInstance")
        request = message_factory.GetMessageClass(method.input_type)()
        answer = call(channel, f"{INSTANCES}/GetInstance", request,
                      message_factory.GetMessageClass(method.output_type))
    expect(answer.instance.name, "Interop")
    return f"{len(services)} services"


def no_certificate(region: Region) -> str:
    types = messages("directory.v1.directory")
    with region.channel("directory", certificate=False) as channel:
        error = refused(channel, f"{DIRECTORY}/GetUser", types.GetUserRequest(user_id="x"),
                        types.GetUserResponse, timeout=5)
    assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), error
    return error.code().name
