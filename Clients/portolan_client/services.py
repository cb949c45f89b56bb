"""A stub for each service of the contracts, made by reflection over their descriptors.

`services.Directory(client)` has a method per RPC of portolan.directory.v1.Directory, for a blocking
client; `services.AsyncDirectory(client)` is for asyncio. A method takes a request message, or the
request's fields by name, and `timeout` (seconds) and `metadata`. It answers with the answer's
message, or an iterator of messages. services.pyi, which generate.py makes, tells editors the types.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import portolan
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from .aio import AsyncClient
from .blocking import Client
from .errors import Code, PortolanError
from .framing import request_bytes


def _services() -> dict[str, ServiceDescriptor]:
    found: dict[str, ServiceDescriptor] = {}
    for root in map(Path, portolan.__path__):
        for file in sorted(root.rglob("*_pb2.py")):
            path = file.relative_to(root).with_suffix("")
            module = importlib.import_module(".".join(("portolan", *path.parts)))
            found.update(module.DESCRIPTOR.services_by_name)
    return found


def _request(method: MethodDescriptor, request: Message | None, fields: dict[str, Any]) -> bytes:
    kind = GetMessageClass(method.input_type)
    if request is None:
        request = kind(**fields)
    elif fields or not isinstance(request, kind):
        raise TypeError(f"{method.name} takes a {method.input_type.name} or its fields")
    return request_bytes(request)


def _answer(method: MethodDescriptor, data: bytes) -> Message:
    try:
        return GetMessageClass(method.output_type).FromString(data)
    except DecodeError:
        raise PortolanError(Code.INTERNAL, "MALFORMED_MESSAGE",
                            f"the answer is not a {method.output_type.name}") from None


def _idempotent(method: MethodDescriptor) -> bool:
    return method.GetOptions().idempotency_level != 0


def _blocking(method: MethodDescriptor, path: str) -> Any:
    def unary(self: Any, request: Message | None = None, /, *, timeout: float | None = None,
              metadata: Mapping[str, str] | None = None, **fields: Any) -> Message:
        return _answer(method, self.client.call(
            path, _request(method, request, fields), timeout=timeout, metadata=metadata,
            idempotent=_idempotent(method)))

    def streamed(self: Any, request: Message | None = None, /, *, timeout: float | None = None,
                 metadata: Mapping[str, str] | None = None, **fields: Any) -> Iterator[Message]:
        for data in self.client.stream(path, _request(method, request, fields), timeout=timeout,
                                       metadata=metadata):
            yield _answer(method, data)

    return streamed if method.server_streaming else unary


def _asynchronous(method: MethodDescriptor, path: str) -> Any:
    async def unary(self: Any, request: Message | None = None, /, *,
                    timeout: float | None = None, metadata: Mapping[str, str] | None = None,
                    **fields: Any) -> Message:
        return _answer(method, await self.client.call(
            path, _request(method, request, fields), timeout=timeout, metadata=metadata,
            idempotent=_idempotent(method)))

    async def streamed(self: Any, request: Message | None = None, /, *,
                       timeout: float | None = None, metadata: Mapping[str, str] | None = None,
                       **fields: Any) -> AsyncIterator[Message]:
        source = self.client.stream(path, _request(method, request, fields), timeout=timeout,
                                    metadata=metadata)
        try:
            async for data in source:
                yield _answer(method, data)
        finally:
            await source.aclose()

    return streamed if method.server_streaming else unary


def _stub(service: ServiceDescriptor, asynchronous: bool) -> type:
    name = ("Async" if asynchronous else "") + service.name
    make = _asynchronous if asynchronous else _blocking

    def initialize(self: Any, client: Client | AsyncClient) -> None:
        if not isinstance(client, AsyncClient if asynchronous else Client):
            raise TypeError(f"{name} takes {'an AsyncClient' if asynchronous else 'a Client'}")
        self.client = client

    members: dict[str, Any] = {"__init__": initialize, "__module__": __name__,
                               "__doc__": f"The stub of {service.full_name}."}
    for method in service.methods:
        if method.client_streaming:
            continue  # No contract has one so far.
        function = make(method, f"{service.full_name}/{method.name}")
        function.__name__ = method.name
        function.__qualname__ = f"{name}.{method.name}"
        function.__doc__ = f"{method.input_type.full_name} -> {method.output_type.full_name}"
        members[method.name] = function
    return type(name, (), members)


__all__: list[str] = []
for _name, _service in sorted(_services().items()):
    for _kind in (False, True):
        _made = _stub(_service, _kind)
        globals()[_made.__name__] = _made
        __all__.append(_made.__name__)
