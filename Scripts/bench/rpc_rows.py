"""The rows of the RPC runtime, with the peers on the same machine in the same run."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from pathlib import Path

from .peers.grpc_cpp import GrpcCpp
from .peers.grpc_swift import GrpcSwift
from .peers.openldap import OpenLdap
from .peers.tools import HERE, Unavailable, build, running
from .rows import Results
from .system import System

METHOD = "/portolan.directory.v1.Directory/GetUser"
# The bare echo answers with the first bytes of a request: it takes no length of its own.
LENGTH_BYTES = 4
# Between two looks at what is due. Each look costs the generator, which shares the server's cores.
TICK_MICROSECONDS = 400


class RpcRows:
    """GetUser over both wires, and the yardsticks."""

    def __init__(self, system: System, results: Results, ldap_people: int) -> None:
        self.system, self.results, self.ldap_people = system, results, ldap_people
        self.base = system.cluster.ports.base
        pki = system.cluster.pki
        self.roots = pki / "root.pem"
        self.operator = system.world.operator
        self.server = pki / "regions" / system.world.primary / "directory"
        self.native: dict = {}
        self.request = system.cluster.directory / "get-user.bin"
        self.people = f"{system.people:,} users"

    def measure(self) -> None:
        rates = [f"rpc.get-user.{name}" for name in (
            "native", "native.vs-openldap", "native.vs-grpc-swift", "grpc", "p99-at-70",
            "latency")]
        if self.results.wants(*rates):
            self.request.write_bytes(bytes.fromhex(self._show()))
            self.results.measure(*rates, by=self._native)
        measure = self.results.measure
        if self.native:
            measure("rpc.get-user.p99-at-70", by=self._at_70)
            measure("rpc.get-user.latency", by=self._latency)
            measure("rpc.get-user.native", "rpc.get-user.grpc", by=self._grpc_cpp)
            measure("rpc.get-user.native.vs-grpc-swift", by=self._grpc_swift)
            measure("rpc.get-user.native.vs-openldap", by=self._openldap)
        measure("rpc.idle-connection", by=self._idle)
        measure("rpc.get-user.allocations", by=self._allocations)

    def _show(self) -> str:
        done = subprocess.run(
            [self.system.program, "get-user", "--show", "--context", self.system.cluster.context,
             "--region", self.system.world.primary],
            capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    def _native(self) -> None:
        self.native = self.system.load("get-user")
        rate = self.native["perSecond"]
        note = (f"{self.people}, 4 x 32, p99 {self.native['p99Microseconds']:.0f} us, answers of "
                f"{self.native['bytesPerAnswer']:.0f} bytes")
        for name in ("native", "native.vs-openldap", "native.vs-grpc-swift"):
            if self.results.wants(f"rpc.get-user.{name}"):
                self.results.put(f"rpc.get-user.{name}", rate, note)

    def _at_70(self) -> None:
        rate = 0.7 * self.native["perSecond"]
        paced = ("--rate", f"{rate:.0f}", "--in-flight", 4096, "--tick", TICK_MICROSECONDS)
        pauses = self.system.load("pauses", "--seconds", 2, timed=False)
        ours = self.system.load("get-user", *paced)
        reached = ours["perSecond"]
        if reached < 0.97 * rate:
            raise RuntimeError(f"only {reached:,.0f} of {rate:,.0f} calls/s were reached")
        echo = self._echo(ours, *paced)
        self.results.put(
            "rpc.get-user.p99-at-70", ours["p99Microseconds"],
            f"at {reached:,.0f} calls/s, from the moment each call was due; "
            f"p50 {ours['p50Microseconds']:.0f} us; the machine alone keeps threads waiting "
            f"{100 * pauses['shareLost']:.1f}% of the time, "
            f"{pauses['longestMicroseconds'] / 1e3:.1f} ms at most",
            "NIO TLS echo", echo["p99Microseconds"])

    def _latency(self) -> None:
        one = ("--connections", 1, "--in-flight", 1, "--threads", 1)
        ours = self.system.load("get-user", *one)
        echo = self._echo(ours, *one)
        self.results.put(
            "rpc.get-user.latency", ours["p50Microseconds"],
            f"p50 at 1 x 1; p99 {ours['p99Microseconds']:.0f} us, echo "
            f"{echo['p99Microseconds']:.0f} us", "NIO TLS echo", echo["p50Microseconds"])

    def _echo(self, ours: dict, *load: object) -> dict:
        """What the bare echo makes of the same load, in messages of the same sizes."""
        sizes = ("--request", round(ours["bytesPerRequest"]) - LENGTH_BYTES,
                 "--answer", round(ours["bytesPerAnswer"]) - LENGTH_BYTES)
        serve = [self.system.program, "echo", "--serve", "--context", self.system.cluster.context,
                 "--region", self.system.world.primary, *sizes]
        with running(serve, ready="") as server:
            return self.system.load("echo", "--port", server.first_line, *load, *sizes)

    def _with_peer(self, name: str, peer: str, value: float, note: str = "") -> None:
        row = self.results.rows[name]
        if name in self.results.wanted and row.value is not None:
            self.results.put(name, row.value, row.note + note, peer, value)

    def _no_peer(self, problem: Unavailable, *names: str) -> None:
        for name in names:
            row = self.results.rows[name]
            if name not in self.results.wanted:
                continue
            if row.value is not None:
                self.results.put(name, row.value, f"{row.note}; no peer: {problem}")
            else:
                row.note = f"no peer: {problem}"

    def _grpc_cpp(self) -> None:
        names = ("rpc.get-user.native", "rpc.get-user.grpc")
        try:
            peer = GrpcCpp(self.operator, self.roots, self.server)
            seconds = self.system.seconds
            with peer.server(self.base + 70, self._payload_bytes):
                theirs = peer.load(self.base + 70, METHOD, self.request, 4, 32, seconds)
                one = peer.load(self.base + 70, METHOD, self.request, 1, 1, seconds)
        except Unavailable as problem:
            return self._no_peer(problem, *names)
        self._with_peer(
            "rpc.get-user.native", "gRPC C++", theirs["perSecond"],
            f"; gRPC C++ p50 at 1 x 1 {one['p50Microseconds']:.0f} us")
        if self.results.wants("rpc.get-user.grpc"):
            port = self.system.cluster.port(self.system.world.primary, "directory")
            ours = peer.load(port, METHOD, self.request, 4, 32, seconds)
            self.results.put(
                "rpc.get-user.grpc", ours["perSecond"],
                "the same gRPC C++ client on both; its share of the two cores bounds both",
                "gRPC C++", theirs["perSecond"])
        return None

    @property
    def _payload_bytes(self) -> int:
        return round(self.native["bytesPerAnswer"]) - 13  # length, stream, tags

    def _grpc_swift(self) -> None:
        name = "rpc.get-user.native.vs-grpc-swift"
        try:
            client = GrpcCpp(self.operator, self.roots, self.server)
            peer = GrpcSwift(self.roots, self.server)
            with peer.server(self.base + 71, METHOD, self._payload_bytes):
                theirs = client.load(self.base + 71, METHOD, self.request, 4, 32,
                                     self.system.seconds)
        except Unavailable as problem:
            return self._no_peer(problem, name)
        return self._with_peer(name, "grpc-swift 2", theirs["perSecond"], "; gRPC C++ client")

    def _openldap(self) -> None:
        name = "rpc.get-user.native.vs-openldap"
        try:
            peer = OpenLdap(self.system.cluster.directory / "ldap", self.operator, self.roots,
                            self.server, self.ldap_people)
            with peer.server(self.base + 72):
                theirs = peer.load(self.base + 72, 4, 32, self.system.seconds)
                one = peer.load(self.base + 72, 1, 1, 2)
        except Unavailable as problem:
            return self._no_peer(problem, name)
        return self._with_peer(
            name, "OpenLDAP", theirs["perSecond"],
            f"; LMDB with {self.ldap_people:,} entries, p50 at 1 x 1 "
            f"{one['p50Microseconds']:.0f} us")

    # What a call and a connection cost.

    def _allocations(self) -> None:
        library = build("malloc_count.so", HERE.parent / "malloc_count.c", ["cc", "-O2"],
                        ["-shared", "-fPIC"])
        counter = self.system.cluster.directory / "allocations"
        self.system.restart("directory", environment={
            "LD_PRELOAD": str(library), "MALLOC_COUNT_FILE": str(counter)})
        try:
            self.system.wait_open(self.system.world.primary, self.system.people)
            deep = self._count(counter, 1, 512)
            usual = self._count(counter, 4, 32)
            single = self._count(counter, 1, 1)
        finally:
            self.system.restart("directory")
            self.system.wait_open(self.system.world.primary, self.system.people)
        self.results.put(
            "rpc.get-user.allocations", deep,
            f"of the whole process, in bursts of hundreds of calls; {usual:.3f} at 4 x 32, and "
            f"{single:.1f} for a burst of one call: what is left belongs to the burst")

    def _count(self, counter: Path, connections: int, in_flight: int) -> float:
        def read() -> int:
            return struct.unpack("=Q", counter.read_bytes())[0]

        self.system.load("get-user", "--people", 1000, "--seconds", 1)
        before = read()
        done = self.system.load("get-user", "--connections", connections, "--in-flight",
                                in_flight, "--people", 1000, "--seconds", 3)
        # Measured for three seconds of four; connecting and listing are in the count too.
        return (read() - before) / (done["perSecond"] * 4)

    def _idle(self) -> None:
        count = 5_000
        self.system.load("get-user", "--seconds", 1)
        before = self.system.resident_mb("directory")
        holder = self.system.load_started("idle", "--connections", count)
        try:
            if int(holder.stdout.readline() or 0) != count:
                raise RuntimeError("not every connection was accepted")
            after = self.system.resident_mb("directory")
            holder.stdin.close()
            if int(holder.stdout.readline() or 0) != count:
                raise RuntimeError("not every connection stayed open")
        finally:
            with contextlib.suppress(OSError):
                holder.stdin.close()
            holder.wait(timeout=60)
        self.results.put(
            "rpc.idle-connection", (after - before) * 1024 / count,
            f"resident memory of the service per connection, TLS included, {count:,} of them")
