"""One TLS connection with any number of calls under way, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Mapping

from portolan.rpc.v1.frame_pb2 import Call, Cancel, Credit, End, Frame, Message, Ping

from .errors import Code, PortolanError
from .framing import FrameDecoder, encode, garbage
from .identity import ALPN, Identity, ServiceName

CREDIT_BYTES = 1 << 20  # What each streamed answer starts with, by default.
MESSAGE_COST = 16
PING_SECONDS = 10.0
STREAMS_DEFAULT = 100
# How long a cancelled call is taken to count on the server, which says nothing when it stops.
CANCELLED_SECONDS = 1.0


class Stream:
    """A call under way: what has arrived and was not yet taken.

    Bounded by the credit: 1 MiB and one message. A server that sends more ends the connection.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.messages: deque[bytes] = deque()
        self.end: End | None = None
        self.failure: PortolanError | None = None
        self.credit = CREDIT_BYTES
        self.consumed = 0
        self.news = asyncio.Event()
        # Of streamed requests: what may still be sent; None once the last was, or for one request.
        self.allowance: int | None = None
        self.granted = asyncio.Event()

    @property
    def over(self) -> bool:
        return self.end is not None or self.failure is not None

    def finish(self, end: End | None = None, failure: PortolanError | None = None) -> None:
        if not self.over:
            self.end, self.failure = end, failure
        self.news.set()
        self.granted.set()


class Connection:
    """Made by `open`; used from one event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self._held = 0  # Slots of cancelled calls that may still count on the server.
        self._streams_max = STREAMS_DEFAULT
        self._request_credit = CREDIT_BYTES
        self._settled = asyncio.Event()  # The server's settings have arrived.
        self._room = asyncio.Event()
        self._room.set()
        self._failure: PortolanError | None = None
        self._draining = False
        self._task = asyncio.create_task(self._run())

    @classmethod
    async def open(cls, addresses: str, target: ServiceName, identity: Identity) -> Connection:
        """Connects to the first address that answers and checks who it is.

        Raises UNAVAILABLE CANNOT_CONNECT or TLS_HANDSHAKE, UNAUTHENTICATED WRONG_SERVER.
        """
        *others, last = addresses.split(",")
        for address in others:
            try:
                return await cls._open(address.strip(), target, identity)
            except PortolanError as failure:
                if failure.code != Code.UNAVAILABLE:
                    raise
        return await cls._open(last.strip(), target, identity)

    @classmethod
    async def _open(cls, address: str, target: ServiceName, identity: Identity) -> Connection:
        host, _, port = address.rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), ssl=identity.tls(), server_hostname="",
                ssl_handshake_timeout=10)
        except ssl.SSLError as problem:
            raise PortolanError(Code.UNAVAILABLE, "TLS_HANDSHAKE",
                                f"{address}: {problem.reason}", unprocessed=True) from problem
        except OSError as problem:
            raise PortolanError(Code.UNAVAILABLE, "CANNOT_CONNECT", f"{address}: {problem}",
                                unprocessed=True) from problem
        try:
            target.check(writer.get_extra_info("peercert"))
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
                raise PortolanError(Code.UNAVAILABLE, "TLS_HANDSHAKE",
                                    f"{address} does not speak {ALPN}", unprocessed=True)
        except PortolanError:
            writer.transport.abort()
            raise
        return cls(reader, writer)

    @property
    def usable(self) -> bool:
        """Whether new calls may be opened on it."""
        return self._failure is None and not self._draining

    @property
    def idle(self) -> bool:
        return not self._streams

    async def start(self, method: str, payload: bytes, seconds: float | None,
                    metadata: Mapping[str, str]) -> Stream:
        """Opens a stream, waiting for room when the server's limit of calls is reached.

        No seconds: no end for a streamed answer.
        """
        return await self._start(
            Call(method=method, payload=payload, end_of_requests=True, metadata=dict(metadata)),
            seconds)

    async def start_requests(self, method: str, seconds: float | None,
                             metadata: Mapping[str, str]) -> Stream:
        """Opens a stream whose requests follow by `send`, up to `end_requests`."""
        while self.usable and not self._settled.is_set():
            await self._settled.wait()  # How much may be sent is among the settings.
        return await self._start(Call(method=method, metadata=dict(metadata)), seconds)

    async def send(self, stream: Stream, payload: bytes) -> bool:
        """Sends one more request, once there is credit for it. False: nobody wants it any more."""
        while not stream.over and stream.allowance is not None and stream.allowance <= 0:
            stream.granted.clear()
            await stream.granted.wait()
        if stream.over or stream.allowance is None:
            return False
        stream.allowance -= len(payload) + MESSAGE_COST
        self._send(Frame(stream_id=stream.number, message=Message(payload=payload)))
        with contextlib.suppress(OSError):  # The reading side tells what happened.
            await self._writer.drain()
        return True

    def end_requests(self, stream: Stream) -> None:
        """Says that the last request has been sent. Harmless when the stream is over."""
        if not stream.over and stream.allowance is not None:
            stream.allowance = None
            self._send(Frame(stream_id=stream.number, message=Message(end_of_requests=True)))

    async def _start(self, call: Call, seconds: float | None) -> Stream:
        while True:
            if not self.usable:
                why = self._failure.message if self._failure else "the server is draining"
                raise PortolanError(Code.UNAVAILABLE, "CONNECTION_LOST", why, unprocessed=True)
            if len(self._streams) + self._held < self._streams_max:
                break
            self._room.clear()
            await self._room.wait()
        call.timeout_microseconds = 0 if seconds is None else max(1, int(seconds * 1e6))
        data = encode(Frame(stream_id=self._last + 1, call=call))
        self._last += 1
        stream = self._streams[self._last] = Stream(self._last)
        if not call.end_of_requests:
            stream.allowance = self._request_credit
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError:
            pass  # The reading side tells what happened, with the streams it touched.
        except asyncio.CancelledError:
            self.cancel(stream)
            raise
        return stream

    async def answer(self, stream: Stream) -> bytes:
        """The answer of a unary call. Raises what the server refused with."""
        while not stream.over:
            stream.news.clear()
            await stream.news.wait()
        return self._closed(stream).payload

    async def next(self, stream: Stream) -> bytes | None:
        """The next message of a streamed answer, None after the last; gives credit back."""
        while not stream.messages:
            if stream.over:
                self._closed(stream)
                return None
            stream.news.clear()
            await stream.news.wait()
        message = stream.messages.popleft()
        stream.consumed += len(message) + MESSAGE_COST
        if stream.consumed >= CREDIT_BYTES // 4 and not stream.over:
            self._send(Frame(stream_id=stream.number, credit=Credit(bytes=stream.consumed)))
            stream.credit += stream.consumed
            stream.consumed = 0
        return message

    def cancel(self, stream: Stream) -> None:
        """Tells the server that the answer is no longer wanted. Harmless when it is over."""
        if self._streams.pop(stream.number, None) is None:
            return
        stream.finish(failure=PortolanError(Code.CANCELLED, "CANCELLED", "cancelled here"))
        if self._failure is None:
            self._send(Frame(stream_id=stream.number, cancel=Cancel()))
            self._held += 1
            asyncio.get_running_loop().call_later(CANCELLED_SECONDS, self._release)

    async def close(self) -> None:
        """Ends the connection; calls under way fail with CANCELLED CHANNEL_CLOSED."""
        self._fail(PortolanError(Code.CANCELLED, "CHANNEL_CLOSED", "the client was closed"))
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _release(self) -> None:
        self._held -= 1
        self._room.set()

    @staticmethod
    def _closed(stream: Stream) -> End:
        if stream.failure is not None:
            raise stream.failure
        end = stream.end
        if end is None:
            raise garbage("the stream has no end")
        if end.status:
            raise PortolanError(Code(end.status), end.reason, end.message, end.metadata)
        return end

    def _send(self, frame: Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(frame))

    def _fail(self, failure: PortolanError) -> None:
        if self._failure is None:
            self._failure = failure
        for stream in list(self._streams.values()):
            stream.finish(failure=failure)
        self._streams.clear()
        self._room.set()
        self._settled.set()
        self._writer.transport.abort()

    async def _run(self) -> None:
        decoder, silent = FrameDecoder(), False
        try:
            while True:
                try:
                    data = await asyncio.wait_for(self._reader.read(1 << 18), PING_SECONDS)
                except TimeoutError:
                    if silent and self._streams:
                        raise ConnectionError("the server has gone silent") from None
                    if self._streams:
                        self._send(Frame(ping=Ping(data=self._last)))
                    silent = bool(self._streams)
                    continue
                silent = False
                if not data:
                    raise ConnectionError("the server closed the connection")
                for frame in decoder.feed(data):
                    self._receive(frame)
                if self._draining and not self._streams:
                    break
        except PortolanError as failure:
            self._fail(failure)
        except OSError as problem:
            self._fail(PortolanError(Code.UNAVAILABLE, "CONNECTION_LOST", str(problem)))
        finally:
            self._fail(PortolanError(Code.UNAVAILABLE, "CONNECTION_LOST", "connection closed",
                                     unprocessed=True))

    def _receive(self, frame: Frame) -> None:
        body = frame.WhichOneof("body")
        if body == "settings":
            self._streams_max = frame.settings.streams_max or STREAMS_DEFAULT
            self._request_credit = frame.settings.stream_credit_bytes or CREDIT_BYTES
            self._room.set()
            self._settled.set()
        elif body == "ping":
            if not frame.ping.acknowledgement:
                self._send(Frame(ping=Ping(data=frame.ping.data, acknowledgement=True)))
        elif body == "go_away":
            self._go_away(frame)
        elif stream := self._streams.get(frame.stream_id):
            if body == "message":
                self._message(stream, frame.message.payload)
            elif body == "credit":
                if stream.allowance is not None:
                    stream.allowance += frame.credit.bytes
                    stream.granted.set()
            elif body == "end":
                del self._streams[stream.number]
                self._room.set()
                stream.finish(end=frame.end)

    def _message(self, stream: Stream, payload: bytes) -> None:
        if stream.credit <= 0:
            raise garbage("the server sent without credit")
        stream.credit -= len(payload) + MESSAGE_COST
        stream.messages.append(payload)
        stream.news.set()

    def _go_away(self, frame: Frame) -> None:
        said = frame.go_away
        if said.status:
            raise PortolanError(Code(said.status), said.reason, said.message)
        self._draining = True
        self._settled.set()
        lost = PortolanError(Code.UNAVAILABLE, "CONNECTION_LOST", "the server is draining",
                             unprocessed=True)
        for number in [n for n in self._streams if n > said.last_stream_id]:
            self._streams.pop(number).finish(failure=lost)
        self._room.set()
