"""Frames: garbled, oversized, in pieces."""

import struct
import unittest

from portolan.rpc.v1.frame_pb2 import Call, End, Frame
from portolan_client import Code, PortolanError
from portolan_client.framing import FRAME_BYTES_MAX, FrameDecoder, encode, request_bytes
from portolan.directory.v1.directory_pb2 import GetUserRequest


def frame(number: int = 1) -> bytes:
    return encode(Frame(stream_id=number, end=End(payload=b"answer")))


class FramingTests(unittest.TestCase):
    def refused(self, data: bytes) -> PortolanError:
        with self.assertRaises(PortolanError) as caught:
            list(FrameDecoder().feed(data))
        return caught.exception

    def test_a_length_over_the_limit_is_refused_before_the_payload_arrives(self) -> None:
        said = self.refused(struct.pack(">I", FRAME_BYTES_MAX + 1))
        self.assertEqual((said.code, said.reason), (Code.UNAVAILABLE, "CONNECTION_FAILED"))

    def test_the_largest_length_is_waited_for(self) -> None:
        self.assertEqual(list(FrameDecoder().feed(struct.pack(">I", FRAME_BYTES_MAX))), [])

    def test_bytes_that_are_no_message_are_refused(self) -> None:
        for payload in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x08"):
            with self.subTest(payload):
                said = self.refused(struct.pack(">I", len(payload)) + payload)
                self.assertEqual(said.reason, "CONNECTION_FAILED")

    def test_a_frame_without_a_body_is_refused(self) -> None:
        self.refused(struct.pack(">I", 2) + b"\x08\x01")
        self.refused(struct.pack(">I", 0))

    def test_a_body_of_a_later_version_is_kept_apart(self) -> None:
        payload = b"\x08\x01\x5a\x01x"  # Field 11.
        got = list(FrameDecoder().feed(struct.pack(">I", len(payload)) + payload))
        self.assertEqual([f.WhichOneof("body") for f in got], [None])

    def test_frames_arrive_whole_whatever_the_pieces(self) -> None:
        data = frame(1) + frame(2) + frame(3)
        for size in (1, 2, 3, 5, 7, len(data)):
            decoder, got = FrameDecoder(), []
            for start in range(0, len(data), size):
                got += decoder.feed(data[start:start + size])
            self.assertEqual([f.stream_id for f in got], [1, 2, 3])

    def test_a_good_frame_before_garbage_is_given(self) -> None:
        frames = FrameDecoder().feed(frame(9) + b"\xff\xff\xff\xff")
        self.assertEqual(next(frames).stream_id, 9)
        with self.assertRaises(PortolanError):
            next(frames)

    def test_the_example_of_the_documentation(self) -> None:
        request = GetUserRequest(user_id="u1").SerializeToString()
        call = Call(method="portolan.directory.v1.Directory/GetUser", payload=request,
                    timeout_microseconds=10_000_000, end_of_requests=True)
        self.assertEqual(encode(Frame(stream_id=1, call=call)).hex(), (
            "0000003a0801123" "6" "0a27" + b"portolan.directory.v1.Directory/GetUser".hex()
            + "1080ade204" "1a040a027531" "2001"))

    def test_a_request_over_four_mebibytes_is_refused_here(self) -> None:
        with self.assertRaises(PortolanError) as caught:
            request_bytes(GetUserRequest(user_id="x" * (4 << 20)))
        self.assertEqual(caught.exception.reason, "MESSAGE_TOO_LARGE")
        self.assertTrue(caught.exception.unprocessed)


if __name__ == "__main__":
    unittest.main()
