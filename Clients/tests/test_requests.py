"""Streamed requests, against a server that is scripted frame by frame."""

import asyncio
import contextlib
import threading
import unittest
from collections.abc import AsyncIterator, Iterator

from portolan.rpc.v1.frame_pb2 import Credit, End, Frame, GoAway, Message, Settings
from portolan_client import AsyncClient, Code, PortolanError, ServiceName
from portolan_client.blocking import Client
from portolan_client.connection import MESSAGE_COST
from portolan_client.framing import MESSAGE_BYTES_MAX, encode

from .test_connection import connected, read

NAME = ServiceName("portolan.demo", "eu-central-1", "directory")
CREDIT = 1000


def settings(credit: int = CREDIT) -> bytes:
    return encode(Frame(settings=Settings(streams_max=10, stream_credit_bytes=credit)))


@contextlib.asynccontextmanager
async def client(script):  # noqa: ANN001, ANN201
    async with connected(script) as connection:
        made = AsyncClient("127.0.0.1:1", NAME, None)
        made._connection = connection  # noqa: SLF001 - it is there already
        async with asyncio.timeout(10):
            yield made


class RequestStreamTests(unittest.IsolatedAsyncioTestCase):
    async def test_nothing_is_sent_before_the_settings_or_beyond_the_credit(self) -> None:
        early: list[bytes] = []
        spent: list[int] = []

        async def script(reader, writer) -> None:  # noqa: ANN001
            with contextlib.suppress(TimeoutError):
                early.append(await asyncio.wait_for(reader.readexactly(1), 0.1))
            writer.write(settings())
            first = await read(reader)
            assert not first.call.end_of_requests
            left, last = CREDIT, False
            while not last:
                if left <= 0:
                    with contextlib.suppress(TimeoutError):
                        early.append(await asyncio.wait_for(reader.readexactly(1), 0.05))
                    writer.write(encode(Frame(stream_id=1, credit=Credit(bytes=CREDIT))))
                    left += CREDIT
                message = (await read(reader)).message
                last = message.end_of_requests
                if not last:
                    spent.append(len(message.payload))
                    left -= len(message.payload) + MESSAGE_COST
            writer.write(encode(Frame(stream_id=1, end=End(payload=b"all"))))
            await reader.read()

        async with client(script) as calls:
            self.assertEqual(await calls.call_streaming("a/B", [bytes(300)] * 20), b"all")
        self.assertEqual(early, [])
        self.assertEqual(spent, [300] * 20)

    async def test_an_answer_before_the_last_request_ends_the_asking_for_requests(self) -> None:
        asked = 0

        async def requests() -> AsyncIterator[bytes]:
            nonlocal asked
            while True:
                asked += 1
                yield bytes(100)

        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings())
            await read(reader)
            await read(reader)
            writer.write(encode(Frame(stream_id=1, end=End(
                status=10, reason="STOPPED", message="enough"))))
            await reader.read()

        async with client(script) as calls:
            with self.assertRaises(PortolanError) as caught:
                await calls.call_streaming("a/B", requests())
        self.assertEqual(caught.exception.reason, "STOPPED")
        self.assertLess(asked, 20)

    async def test_what_the_requests_raise_cancels_the_call_and_is_raised(self) -> None:
        seen: list[str] = []
        told = asyncio.Event()

        async def requests() -> AsyncIterator[bytes]:
            yield b"one"
            raise ValueError("no more")

        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings())
            for _ in range(3):
                seen.append((await read(reader)).WhichOneof("body"))
            told.set()
            await reader.read()

        async with client(script) as calls:
            with self.assertRaisesRegex(ValueError, "no more"):
                await calls.call_streaming("a/B", requests())
            await told.wait()
        self.assertEqual(seen, ["call", "message", "cancel"])

    async def test_a_request_that_is_too_large_is_not_sent(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings())
            await reader.read()

        async with client(script) as calls:
            with self.assertRaises(PortolanError) as caught:
                await calls.call_streaming("a/B", [bytes(MESSAGE_BYTES_MAX + 1)])
        self.assertEqual(caught.exception.code, Code.RESOURCE_EXHAUSTED)

    async def test_a_deadline_ends_a_call_whose_requests_wait_for_credit(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings(1))
            await reader.read()

        async with client(script) as calls:
            with self.assertRaises(PortolanError) as caught:
                await calls.call_streaming("a/B", [b"one", b"two"], timeout=0.2)
        self.assertEqual(caught.exception.code, Code.DEADLINE_EXCEEDED)

    async def test_a_server_that_drains_before_its_settings_is_not_waited_for(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(encode(Frame(go_away=GoAway(last_stream_id=0))))
            await reader.read()

        async with connected(script) as connection, asyncio.timeout(10):
            with self.assertRaises(PortolanError) as caught:
                await connection.start_requests("a/B", 5, {})
        self.assertTrue(caught.exception.unprocessed)

    async def test_requests_and_answers_go_at_their_own_pace(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings())
            await read(reader)
            while not (message := (await read(reader)).message).end_of_requests:
                writer.write(encode(Frame(stream_id=1, message=Message(payload=message.payload))))
                writer.write(encode(Frame(stream_id=1, credit=Credit(bytes=100))))
            writer.write(encode(Frame(stream_id=1, end=End())))
            await reader.read()

        answered = asyncio.Queue[bytes]()

        async def requests() -> AsyncIterator[bytes]:
            yield b"0"
            for number in range(1, 100):  # Each only after the answer to the one before.
                self.assertEqual(await answered.get(), b"%d" % (number - 1))
                yield b"%d" % number

        async with client(script) as calls:
            got = []
            async for answer in calls.stream_streaming("a/B", requests()):
                got.append(answer)
                answered.put_nowait(answer)
        self.assertEqual(got, [b"%d" % number for number in range(100)])

    async def test_the_blocking_client_asks_for_requests_in_another_thread(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(settings())
            await read(reader)
            while not (message := (await read(reader)).message).end_of_requests:
                writer.write(encode(Frame(stream_id=1, message=Message(payload=message.payload))))
            writer.write(encode(Frame(stream_id=1, end=End())))
            await reader.read()
            writer.close()

        threads: set[threading.Thread] = set()

        def requests() -> Iterator[bytes]:
            for number in range(3):
                threads.add(threading.current_thread())
                yield b"%d" % number

        server = await asyncio.start_server(script, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()[:2]
            got = await asyncio.to_thread(_ask, host, port, requests())
        self.assertEqual(got, [b"0", b"1", b"2"])
        self.assertTrue(threads and all("portolan" not in thread.name for thread in threads))


def _ask(host: str, port: int, requests: Iterator[bytes]) -> list[bytes]:
    from portolan_client.connection import Connection

    async def connect() -> Connection:
        return Connection(*await asyncio.open_connection(host, port))

    with Client("127.0.0.1:1", NAME, None) as blocking:
        blocking._async._connection = blocking._wait(connect())  # noqa: SLF001
        return list(blocking.stream_streaming("a/B", requests))


if __name__ == "__main__":
    unittest.main()
