"""Calls against a server that misbehaves: plain TCP, scripted frame by frame."""

import asyncio
import contextlib
import struct
import unittest
from collections.abc import Awaitable, Callable

from portolan.rpc.v1.frame_pb2 import End, Frame, GoAway, Message, Ping, Settings
from portolan_client import Code, PortolanError, ServiceName
from portolan_client.connection import CREDIT_BYTES, Connection
from portolan_client.framing import encode

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read(reader: asyncio.StreamReader) -> Frame:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return Frame.FromString(await reader.readexactly(length))


@contextlib.asynccontextmanager
async def connected(script: Script):  # noqa: ANN201
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = Connection(*await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2]))
        try:
            yield connection
        finally:
            await connection.close()


class ConnectionTests(unittest.IsolatedAsyncioTestCase):
    async def call(self, connection: Connection) -> bytes:
        async with asyncio.timeout(10):
            return await connection.answer(await connection.start("a/B", b"ask", 5, {}))

    async def refused(self, connection: Connection) -> PortolanError:
        with self.assertRaises(PortolanError) as caught:
            await self.call(connection)
        return caught.exception

    async def test_garbage_fails_the_calls_under_way(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            writer.write(b"\x00\x00\x00\x01\xff")
            await reader.read()

        async with connected(script) as connection:
            self.assertEqual((await self.refused(connection)).reason, "CONNECTION_FAILED")
            self.assertFalse(connection.usable)

    async def test_a_connection_cut_within_a_frame_is_lost_and_may_have_been_processed(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            writer.write(encode(Frame(stream_id=1, end=End(payload=b"yes")))[:-1])

        async with connected(script) as connection:
            said = await self.refused(connection)
            self.assertEqual(said.reason, "CONNECTION_LOST")
            self.assertFalse(said.unprocessed)

    async def test_a_refusal_comes_with_its_reason_and_facts(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            writer.write(encode(Frame(stream_id=1, end=End(
                status=9, reason="NOT_PRIMARY", message="no", metadata={"primary-region": "x"}))))
            await reader.read()

        async with connected(script) as connection:
            said = await self.refused(connection)
            self.assertEqual((said.code, said.reason, said.metadata), (
                Code.FAILED_PRECONDITION, "NOT_PRIMARY", {"primary-region": "x"}))

    async def test_calls_above_the_last_stream_of_a_go_away_may_be_sent_again(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            await read(reader)
            writer.write(encode(Frame(go_away=GoAway(last_stream_id=1))))
            writer.write(encode(Frame(stream_id=1, end=End(payload=b"served"))))
            await reader.read()

        async with connected(script) as connection:
            first = await connection.start("a/B", b"", 5, {})
            said = await self.refused(connection)
            self.assertTrue(said.unprocessed)
            async with asyncio.timeout(10):
                self.assertEqual(await connection.answer(first), b"served")
            self.assertFalse(connection.usable)

    async def test_answers_come_in_any_order_and_strangers_are_skipped(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            got = [await read(reader) for _ in range(3)]
            writer.write(encode(Frame(stream_id=77, end=End(payload=b"stranger"))))
            for frame in reversed(got):
                writer.write(encode(Frame(stream_id=frame.stream_id, end=End(
                    payload=b"%d" % frame.stream_id))))
            await reader.read()

        async with connected(script) as connection:
            got = await asyncio.gather(*(self.call(connection) for _ in range(3)))
            self.assertEqual(sorted(got), [b"1", b"2", b"3"])

    async def test_a_ping_is_answered(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(encode(Frame(ping=Ping(data=42))))
            await read(reader)
            got = await read(reader)
            writer.write(encode(Frame(stream_id=1, end=End(
                payload=b"%d %d" % (got.ping.data, got.ping.acknowledgement)))))
            await reader.read()

        async with connected(script) as connection:
            stream = await connection.start("a/B", b"", 5, {})
            async with asyncio.timeout(10):
                self.assertEqual(await connection.answer(stream), b"42 1")

    async def test_calls_wait_for_room_under_the_servers_limit(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            writer.write(encode(Frame(settings=Settings(streams_max=1))))
            writer.write(encode(Frame(stream_id=1, end=End())))
            for _ in range(3):
                number = (await read(reader)).stream_id
                with self.assertRaises(TimeoutError):  # Nothing more until this one is answered.
                    await asyncio.wait_for(reader.readexactly(1), 0.05)
                writer.write(encode(Frame(stream_id=number, end=End(payload=b"%d" % number))))
            await reader.read()

        async with connected(script) as connection:
            async with asyncio.timeout(10):
                while connection._streams_max != 1:  # noqa: SLF001 - the settings have arrived
                    await asyncio.sleep(0.005)
            got = await asyncio.gather(*(self.call(connection) for _ in range(3)))
            self.assertEqual(got, [b"1", b"2", b"3"])

    async def test_a_streamed_answer_is_paid_for_as_it_is_read(self) -> None:
        piece = bytes(CREDIT_BYTES // 2)

        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            given = CREDIT_BYTES
            for _ in range(8):
                while given <= 0:
                    given += (await read(reader)).credit.bytes
                writer.write(encode(Frame(stream_id=1, message=Message(payload=piece))))
                given -= len(piece) + 16
            writer.write(encode(Frame(stream_id=1, end=End())))
            await reader.read()

        async with connected(script) as connection:
            stream, count = await connection.start("a/B", b"", None, {}), 0
            async with asyncio.timeout(10):
                while (message := await connection.next(stream)) is not None:
                    count += message == piece
            self.assertEqual(count, 8)

    async def test_a_server_that_sends_without_credit_loses_the_connection(self) -> None:
        async def script(reader, writer) -> None:  # noqa: ANN001
            await read(reader)
            for _ in range(3):
                writer.write(encode(Frame(stream_id=1, message=Message(
                    payload=bytes(CREDIT_BYTES)))))
            await reader.read()

        async with connected(script) as connection:
            stream = await connection.start("a/B", b"", None, {})
            async with asyncio.timeout(10):
                while not stream.over:
                    await asyncio.sleep(0.005)
            self.assertEqual(stream.failure.reason, "CONNECTION_FAILED")

    async def test_giving_up_tells_the_server(self) -> None:
        seen: list[str] = []
        told = asyncio.Event()

        async def script(reader, writer) -> None:  # noqa: ANN001
            for _ in range(2):
                seen.append((await read(reader)).WhichOneof("body"))
            told.set()
            await reader.read()

        async with connected(script) as connection:
            connection.cancel(await connection.start("a/B", b"", 5, {}))
            async with asyncio.timeout(10):
                await told.wait()
        self.assertEqual(seen, ["call", "cancel"])

    def test_only_the_named_service_is_accepted(self) -> None:
        name = ServiceName("portolan.demo", "eu-central-1", "directory")
        good = ("URI", name.spiffe_id)
        name.check({"subjectAltName": (good, ("DNS", "localhost"))})
        for names in ((), (("DNS", name.spiffe_id),), (("URI", name.spiffe_id + "x"),),
                      (good, ("URI", "spiffe://portolan.demo/operator/alice"))):
            with self.subTest(names), self.assertRaises(PortolanError) as caught:
                name.check({"subjectAltName": names})
            self.assertEqual(caught.exception.reason, "WRONG_SERVER")
        with self.assertRaises(PortolanError):
            name.check(None)


if __name__ == "__main__":
    unittest.main()
