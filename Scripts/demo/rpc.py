"""A small client of portolan-rpc/1 (Docs/protocol.md): unary calls over one TLS connection.

The messages are generated from Protos into .demo/python when they are first needed.
"""

from __future__ import annotations

import importlib
import socket
import ssl
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import Message
from grpc_tools import protoc

PROTOS = Path(__file__).parents[2] / "Protos"
STANDARD = Path(protoc.__file__).parent / "_proto"  # google/protobuf/*.proto
FRAME_BYTES_MAX = 8 << 20


class RPCError(Exception):
    """What the service answered instead of a result."""

    def __init__(self, status: int, reason: str, message: str, metadata: dict[str, str]) -> None:
        super().__init__(f"{reason} (status {status}): {message}")
        self.status = status
        self.reason = reason
        self.metadata = metadata


def generate(directory: Path) -> None:
    """Makes the Python messages of every contract and puts them on the path."""
    directory.mkdir(parents=True, exist_ok=True)
    files = [str(f.relative_to(PROTOS)) for f in sorted(PROTOS.glob("portolan/**/*.proto"))]
    status = protoc.main(
        ["protoc", f"--proto_path={PROTOS}", f"--proto_path={STANDARD}",
         f"--python_out={directory}", *files])
    if status != 0:
        raise RuntimeError("the contracts do not compile")
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    importlib.invalidate_caches()


def messages(path: str):  # noqa: ANN201 - a generated module
    """The generated module of a contract, such as "directory.v1.directory"."""
    return importlib.import_module(f"portolan.{path}_pb2")


class Connection:
    """One connection to one service, as an operator. Not shared between threads."""

    def __init__(self, address: str, identity: Path, roots: Path, spiffe: str,
                 timeout: float = 30) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # the identity is the SPIFFE ID, checked below
        context.load_verify_locations(roots)
        context.load_cert_chain(identity / "certificate.pem", identity / "key.pem")
        context.set_alpn_protocols(["portolan-rpc/1"])
        host, port = address.rsplit(":", 1)
        self.socket = context.wrap_socket(
            socket.create_connection((host, int(port)), timeout=timeout))
        names = [value for kind, value in self.socket.getpeercert().get("subjectAltName", ())
                 if kind == "URI"]
        if names != [spiffe]:
            self.socket.close()
            raise ConnectionError(f"{address} is {names}, not {spiffe}")
        self.frames = messages("rpc.v1.frame")
        self.timeout = timeout
        self.stream = 0

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the connection was closed")
            data += more
        return data

    def _send(self, frame: Message) -> None:
        data = frame.SerializeToString()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def call(self, method: str, request: Message, answer: Message) -> Message:
        """A unary call; fills and returns answer, or raises RPCError."""
        self.stream += 1
        frame = self.frames.Frame(stream_id=self.stream)
        frame.call.method = f"portolan.{method}"
        frame.call.timeout_microseconds = int(self.timeout * 1e6)
        frame.call.payload = request.SerializeToString()
        frame.call.end_of_requests = True
        self._send(frame)
        while True:
            (length,) = struct.unpack(">I", self._read(4))
            if length > FRAME_BYTES_MAX:
                raise ConnectionError(f"a frame of {length} bytes")
            got = self.frames.Frame.FromString(self._read(length))
            kind = got.WhichOneof("body")
            if kind == "ping" and not got.ping.acknowledgement:
                got.ping.acknowledgement = True
                self._send(got)
            elif kind == "go_away" and got.go_away.status:
                raise ConnectionError(got.go_away.message)
            elif kind == "end" and got.stream_id == self.stream:
                end = got.end
                if end.status:
                    raise RPCError(end.status, end.reason, end.message, dict(end.metadata))
                answer.ParseFromString(end.payload)
                return answer


class Directory:
    """What the story reads from a directory service."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.types = messages("directory.v1.directory")

    def _pages(self, kind: str) -> Iterator[Message]:
        token = ""
        while True:
            request = getattr(self.types, f"List{kind}Request")(page_size=1000, page_token=token)
            page = self.connection.call(f"directory.v1.Directory/List{kind}", request,
                                        getattr(self.types, f"List{kind}Response")())
            yield from getattr(page, kind.lower())
            token = page.next_page_token
            if not token:
                return

    def users(self) -> dict[str, Message]:
        return {user.user_id: user for user in self._pages("Users")}

    def groups(self) -> dict[str, Message]:
        return {group.group_id: group for group in self._pages("Groups")}

    def members(self, group_id: str) -> set[str]:
        found: set[str] = set()
        token = ""
        while True:
            page = self.connection.call(
                "directory.v1.Directory/ListMembers", self.types.ListMembersRequest(
                    group_id=group_id, page_size=1000, page_token=token),
                self.types.ListMembersResponse())
            found.update(member.user_id for member in page.members)
            token = page.next_page_token
            if not token:
                return found

    def status(self) -> Message:
        return self.connection.call(
            "directory.v1.Directory/GetStatus", self.types.GetStatusRequest(),
            self.types.GetStatusResponse())
