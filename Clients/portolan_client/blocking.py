"""The blocking client: the asyncio one on an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from .aio import AsyncClient
from .errors import Code, PortolanError
from .identity import Identity, ServiceName


class Client:
    """Calls one service. May be shared by threads, whose calls are then under way together.

    Close it, or use it as a context manager; its thread ends then.
    """

    def __init__(self, address: str, target: ServiceName, identity: Identity, *,
                 timeout: float = 30) -> None:
        self._async = AsyncClient(address, target, identity, timeout=timeout)
        self._loop = asyncio.new_event_loop()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True,
                                        name=f"portolan {target.service} {target.region}")
        self._thread.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls under way fail with CANCELLED CHANNEL_CLOSED."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._async.close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def call(self, method: str, payload: bytes, *, timeout: float | None = None,
             metadata: Mapping[str, str] | None = None, idempotent: bool = False) -> bytes:
        """A unary call with an encoded request; answers with the encoded answer.

        Raises PortolanError. Interrupting the thread cancels the call.
        """
        return self._wait(self._async.call(method, payload, timeout=timeout, metadata=metadata,
                                           idempotent=idempotent))

    def stream(self, method: str, payload: bytes, *, timeout: float | None = None,
               metadata: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """A streamed answer, message by message. Closing the iterator cancels the call."""
        return self._follow(self._async.stream(method, payload, timeout=timeout,
                                               metadata=metadata))

    def call_streaming(self, method: str, requests: Iterable[bytes], *,
                       timeout: float | None = None,
                       metadata: Mapping[str, str] | None = None) -> bytes:
        """A call with a stream of encoded requests; answers with the one encoded answer.

        The requests are asked for in another thread, one after the other.
        """
        return self._wait(self._async.call_streaming(method, _elsewhere(requests), timeout=timeout,
                                                     metadata=metadata))

    def stream_streaming(self, method: str, requests: Iterable[bytes], *,
                         timeout: float | None = None,
                         metadata: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """A stream of encoded requests and a streamed answer; as `stream` and `call_streaming`."""
        return self._follow(self._async.stream_streaming(
            method, _elsewhere(requests), timeout=timeout, metadata=metadata))

    def _follow(self, source: AsyncIterator[bytes]) -> Iterator[bytes]:
        done = object()

        async def following() -> Any:
            return await anext(source, done)

        try:
            while (message := self._wait(following())) is not done:
                yield message
        finally:
            if not self._closed:
                self._wait(_finish(source))

    def _wait(self, work: Coroutine) -> Any:
        if self._closed:
            work.close()
            raise PortolanError(Code.CANCELLED, "CHANNEL_CLOSED", "the client was closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


async def _finish(source: AsyncIterator[bytes]) -> None:
    await source.aclose()  # type: ignore[attr-defined]


async def _elsewhere(requests: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Asks a blocking iterable in threads, so that it does not hold up the event loop."""
    iterator, done = iter(requests), object()
    while (request := await asyncio.to_thread(next, iterator, done)) is not done:
        yield request  # type: ignore[misc]
