"""Bytes to frames and back: no socket, no clock."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from portolan.rpc.v1.frame_pb2 import Frame

from .errors import Code, PortolanError

MESSAGE_BYTES_MAX = 4 << 20
FRAME_BYTES_MAX = MESSAGE_BYTES_MAX + (64 << 10)
_LENGTH = struct.Struct(">I")


def encode(frame: Frame) -> bytes:
    """A frame with its length before it. Raises RESOURCE_EXHAUSTED when it is too large."""
    data = frame.SerializeToString()
    if len(data) > FRAME_BYTES_MAX:
        raise PortolanError(Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE",
                            f"a frame of {len(data)} bytes", unprocessed=True)
    return _LENGTH.pack(len(data)) + data


def request_bytes(request: Message) -> bytes:
    """A request, encoded. Raises RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE over 4 MiB."""
    data = request.SerializeToString()
    if len(data) > MESSAGE_BYTES_MAX:
        raise PortolanError(Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE",
                            f"the request has {len(data)} bytes", unprocessed=True)
    return data


class FrameDecoder:
    """Takes what the socket gives and yields whole frames.

    The length is checked before the payload is collected, so a hostile server makes it hold no
    more than one frame and one read.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yields each frame completed by data. Raises UNAVAILABLE CONNECTION_FAILED on garbage."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, start)
                if length > FRAME_BYTES_MAX:
                    raise garbage(f"the server announced a frame of {length} bytes")
                end = start + _LENGTH.size + length
                if len(self._buffer) < end:
                    break
                payload = bytes(self._buffer[start + _LENGTH.size:end])
                start = end
                yield self._decode(payload)
        finally:
            del self._buffer[:start]

    @staticmethod
    def _decode(payload: bytes) -> Frame:
        try:
            frame = Frame.FromString(payload)
        except DecodeError:
            raise garbage("the server sent a frame that does not decode") from None
        # A body that this version does not know is an unknown field, and skipped.
        if frame.WhichOneof("body") is None and not len(UnknownFieldSet(frame)):
            raise garbage("the server sent a frame without a body")
        return frame


def garbage(message: str) -> PortolanError:
    """The error of a connection whose other side does not keep to the protocol."""
    return PortolanError(Code.UNAVAILABLE, "CONNECTION_FAILED", message)
