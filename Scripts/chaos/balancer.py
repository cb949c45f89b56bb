"""A TCP balancer in front of a Region's coordinators, as Docs/operations.md asks for one.

It asks each coordinator for its health once a second, the way an operator's check would, gives new
connections to the healthy ones in turn, and ends those of one that is not healthy any more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field

INTERVAL, CHECK_MAX, CONNECT_MAX = 1.0, 2.0, 1.0
# Failed checks in a row until a backend is left.
FAILURES = 2


@dataclass
class Backend:
    host: str
    port: int
    check: list[str]
    failures: int = FAILURES
    sessions: set[asyncio.Task] = field(default_factory=set)

    @property
    def is_healthy(self) -> bool:
        return self.failures < FAILURES

    def checked(self, is_good: bool) -> bool:
        """Takes in an outcome; answers whether the backend has just been lost."""
        was = self.is_healthy
        self.failures = 0 if is_good else self.failures + 1
        return was and not self.is_healthy


class Balancer:
    def __init__(self, backends: list[Backend]) -> None:
        self.backends = backends
        self.turn = itertools.count()

    def order(self) -> list[Backend]:
        """Whom the next connection is offered to: the healthy ones in turn."""
        healthy = [backend for backend in self.backends if backend.is_healthy]
        start = next(self.turn) % len(healthy) if healthy else 0
        return healthy[start:] + healthy[:start]

    async def watch(self, backend: Backend) -> None:
        while True:
            if backend.checked(await self.ask(backend)):
                print(f"{backend.host} is lost", flush=True)
                for session in list(backend.sessions):
                    session.cancel()
            await asyncio.sleep(INTERVAL)

    async def ask(self, backend: Backend) -> bool:
        process = await asyncio.create_subprocess_exec(
            *backend.check, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL)
        try:
            return await asyncio.wait_for(process.wait(), CHECK_MAX) == 0
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for backend in self.order():
            try:
                outward = await asyncio.wait_for(
                    asyncio.open_connection(backend.host, backend.port), CONNECT_MAX)
            except (OSError, TimeoutError):
                continue
            task = asyncio.current_task()
            backend.sessions.add(task)
            try:
                await self.join((reader, writer), outward)
            finally:
                backend.sessions.discard(task)
                outward[1].transport.abort()
                writer.transport.abort()
            return
        writer.transport.abort()

    @staticmethod
    async def join(inward: tuple, outward: tuple) -> None:
        """Carries bytes both ways until either side ends."""
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()

        ways = [asyncio.ensure_future(carry(inward[0], outward[1])),
                asyncio.ensure_future(carry(outward[0], inward[1]))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()

    async def run(self, host: str, port: int) -> None:
        server = await asyncio.start_server(self.serve, host, port)
        async with server, asyncio.TaskGroup() as group:
            for backend in self.backends:
                group.create_task(self.watch(backend))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--backend", action="append", default=[],
                        help="host:port=configuration file of the coordinator there")
    options = parser.parse_args()
    backends = []
    for text in options.backend:
        address, _, config = text.partition("=")
        host, _, port = address.rpartition(":")
        backends.append(Backend(host, int(port), [
            options.binary, "health", "--service", "coordinator", "--ready", "--config", config]))
    host, _, port = options.listen.rpartition(":")
    asyncio.run(Balancer(backends).run(host, int(port)))


if __name__ == "__main__":
    main()
