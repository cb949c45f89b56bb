"""The asyncio client: one connection at a time, made when needed, replaced when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping

from .connection import Connection, Stream
from .errors import Code, PortolanError
from .framing import MESSAGE_BYTES_MAX
from .identity import Identity, ServiceName

_ATTEMPTS = 3
UNARY_SECONDS_MAX = 120.0


Requests = AsyncIterable[bytes] | Iterable[bytes]


def late(seconds: float) -> PortolanError:
    return PortolanError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED",
                         f"no answer within {seconds:g} s")


class AsyncClient:
    """Calls one service. Any number of tasks of one event loop may use it at once.

    `address` is "host:port"; several of the same service, with commas between, are tried in turn.
    `timeout` is the deadline of a call that names none, in seconds, connecting included.
    """

    def __init__(self, address: str, target: ServiceName, identity: Identity, *,
                 timeout: float = 30) -> None:
        self._address, self._target, self._identity = address, target, identity
        self.timeout = timeout
        self._connection: Connection | None = None
        self._draining: list[Connection] = []
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection; calls under way fail with CANCELLED CHANNEL_CLOSED."""
        connections = [*self._draining, *filter(None, [self._connection])]
        self._connection, self._draining = None, []
        for connection in connections:
            await connection.close()

    async def call(self, method: str, payload: bytes, *, timeout: float | None = None,
                   metadata: Mapping[str, str] | None = None, idempotent: bool = False) -> bytes:
        """A unary call with an encoded request; answers with the encoded answer.

        Raises PortolanError. A call that reached no handler is sent again by itself; one lost with
        its connection only when it is idempotent.
        """
        seconds = min(self.timeout if timeout is None else timeout, UNARY_SECONDS_MAX)
        deadline = asyncio.get_running_loop().time() + seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._attempt(method, payload, deadline, metadata or {})
            except TimeoutError:
                raise late(seconds) from None
            except PortolanError as failure:
                again = failure.unprocessed or (idempotent and failure.reason == "CONNECTION_LOST")
                # Who cannot be reached now is not reached by asking at once again.
                hopeless = failure.reason in ("CANNOT_CONNECT", "TLS_HANDSHAKE",
                                              "MESSAGE_TOO_LARGE")
                if attempt == _ATTEMPTS or not again or hopeless:
                    raise
        raise AssertionError("not reached")

    async def _attempt(self, method: str, payload: bytes, deadline: float,
                       metadata: Mapping[str, str]) -> bytes:
        connection = await self._ready()
        left = deadline - asyncio.get_running_loop().time()
        stream = await connection.start(method, payload, left, metadata)
        try:
            return await connection.answer(stream)
        finally:
            connection.cancel(stream)

    async def stream(self, method: str, payload: bytes, *, timeout: float | None = None,
                     metadata: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        """A streamed answer, message by message; no deadline unless one is named.

        Closing the iterator cancels the call. Nothing is sent again.
        """
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        opening = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(opening):
                connection = await self._ready()
                stream = await connection.start(method, payload, timeout, metadata or {})
        except TimeoutError:
            raise late(opening) from None
        try:
            while (message := await _next(connection, stream, deadline, timeout)) is not None:
                yield message
        finally:
            connection.cancel(stream)

    async def call_streaming(self, method: str, requests: Requests, *,
                             timeout: float | None = None,
                             metadata: Mapping[str, str] | None = None) -> bytes:
        """A call with a stream of encoded requests; answers with the one encoded answer.

        What `requests` raises ends the call and is raised. The server may answer before the last
        request; what is left is then not asked for. Nothing is sent again.
        """
        seconds = min(self.timeout if timeout is None else timeout, UNARY_SECONDS_MAX)
        try:
            async with asyncio.timeout(seconds):
                connection = await self._ready()
                stream = await connection.start_requests(method, seconds, metadata or {})
                async with _sending(connection, stream, requests):
                    return await connection.answer(stream)
        except TimeoutError:
            raise late(seconds) from None

    async def stream_streaming(self, method: str, requests: Requests, *,
                               timeout: float | None = None,
                               metadata: Mapping[str, str] | None = None) -> AsyncIterator[bytes]:
        """A stream of encoded requests and a streamed answer, each at its own pace.

        As `stream` and `call_streaming`: no deadline unless one is named.
        """
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        opening = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(opening):
                connection = await self._ready()
                stream = await connection.start_requests(method, timeout, metadata or {})
        except TimeoutError:
            raise late(opening) from None
        async with _sending(connection, stream, requests):
            while (message := await _next(connection, stream, deadline, timeout)) is not None:
                yield message

    async def _ready(self) -> Connection:
        async with self._connecting:
            current = self._connection
            if current is not None and current.usable:
                return current
            self._draining = [c for c in self._draining if not c.idle]
            if current is not None and not current.idle:
                self._draining.append(current)
            self._connection = None
            self._connection = await Connection.open(self._address, self._target, self._identity)
            return self._connection


async def _next(connection: Connection, stream: Stream, deadline: float | None,
                timeout: float | None) -> bytes | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await connection.next(stream)
    except TimeoutError:
        raise late(timeout or 0) from None


@contextlib.asynccontextmanager
async def _sending(connection: Connection, stream: Stream,
                   requests: Requests) -> AsyncIterator[None]:
    """Sends requests meanwhile, and ends the stream afterwards, whoever is the first to be done."""
    sender = asyncio.create_task(_send(connection, stream, requests))
    try:
        yield
    except PortolanError as failure:
        # What the requests raised has ended the stream.
        if sender.done() and not sender.cancelled() and (problem := sender.exception()):
            raise problem from failure
        raise
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        connection.cancel(stream)


async def _send(connection: Connection, stream: Stream, requests: Requests) -> None:
    try:
        if isinstance(requests, AsyncIterable):
            async for payload in requests:
                if not await _send_one(connection, stream, payload):
                    return
        else:
            for payload in requests:
                if not await _send_one(connection, stream, payload):
                    return
        connection.end_requests(stream)
    except BaseException:
        connection.cancel(stream)
        raise


async def _send_one(connection: Connection, stream: Stream, payload: bytes) -> bool:
    if len(payload) > MESSAGE_BYTES_MAX:
        raise PortolanError(Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE",
                            f"the request has {len(payload)} bytes")
    return await connection.send(stream, payload)
