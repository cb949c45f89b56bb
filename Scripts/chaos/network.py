"""Network namespaces for the nodes of each Region, joined by a bridge; links that can be cut and slowed.

A Region is one node, named like it, or several: one that runs on PostgreSQL has its coordinators and its
database servers on nodes of their own. Everything is made for one run and removed at its end. Clients
stay outside, on the bridge, and reach all nodes whatever happens between those.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=check)


class NetworkError(Exception):
    """What is missing for namespaces on this machine."""


@dataclass
class Network:
    """Nodes by number: 10.77.<run>.<11 + number>, those of Regions first."""

    regions: tuple[str, ...]
    run_number: int
    # Further nodes of a Region.
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cut: set[tuple[str, str]] = field(default_factory=set)

    @property
    def bridge(self) -> str:
        return f"ptl{self.run_number}"

    @property
    def nodes(self) -> tuple[str, ...]:
        return (*self.regions, *(node for region in self.regions
                                 for node in self.parts.get(region, ())))

    def nodes_of(self, region: str) -> tuple[str, ...]:
        return (region, *self.parts.get(region, ()))

    def name(self, node: str) -> str:
        return f"ptl{self.run_number}-{node}"

    def host(self, node: str) -> str:
        return f"10.77.{self.run_number}.{11 + self.nodes.index(node)}"

    @property
    def subnet(self) -> str:
        return f"10.77.{self.run_number}.0/24"

    def up(self) -> None:
        if shutil.which("ip") is None:
            raise NetworkError("The command ip is missing: apt-get install iproute2.")
        self.down()
        try:
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "addr", "add", f"10.77.{self.run_number}.1/24", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
            for node in self.nodes:
                self._join(node)
        except subprocess.CalledProcessError as failure:
            self.down()
            raise NetworkError(f"Namespaces cannot be made: {failure.stderr.strip()} "
                               "(root is needed)") from failure

    def _join(self, node: str) -> None:
        name, number = self.name(node), self.nodes.index(node)
        outside = f"ptl{self.run_number}v{number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", outside, "master", self.bridge, "up")
        self.inside(node, "ip", "addr", "add", f"{self.host(node)}/24", "dev", "eth0")
        self.inside(node, "ip", "link", "set", "eth0", "up")
        self.inside(node, "ip", "link", "set", "lo", "up")

    def inside(self, node: str, *command: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.name(node), *command, check=check).stdout

    def command(self, node: str) -> list[str]:
        """What goes before a command to run it on a node."""
        return ["ip", "netns", "exec", self.name(node)]

    def processes(self, node: str) -> list[int]:
        """All processes of a node; the namespace is this run's own."""
        return [int(pid) for pid in run("ip", "netns", "pids", self.name(node)).stdout.split()]

    def signal(self, node: str, number: signal.Signals) -> None:
        for pid in self.processes(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def one_way(self, source: str, target: str, is_cut: bool = True) -> None:
        """Packets from a Region no longer reach another; the other direction stays as it is."""
        for one in self.nodes_of(source):
            for other in self.nodes_of(target):
                self.node_one_way(one, other, is_cut)

    def node_one_way(self, source: str, target: str, is_cut: bool = True) -> None:
        route = ("ip", "route", "add" if is_cut else "del", "blackhole", f"{self.host(target)}/32")
        if ((source, target) in self.cut) == is_cut:
            return
        self.inside(source, *route)
        (self.cut.add if is_cut else self.cut.discard)((source, target))

    def node_link(self, one: str, other: str, is_cut: bool = True) -> None:
        self.node_one_way(one, other, is_cut)
        self.node_one_way(other, one, is_cut)

    def link(self, one: str, other: str, is_cut: bool = True) -> None:
        self.one_way(one, other, is_cut)
        self.one_way(other, one, is_cut)

    def isolate(self, region: str, is_cut: bool = True) -> None:
        for other in self.regions:
            if other != region:
                self.link(region, other, is_cut)

    def slow(self, region: str, is_slow: bool = True) -> str:
        """Slows what the nodes of a Region send; answers how, which depends on the kernel."""
        return [self._slow(node, is_slow) for node in self.nodes_of(region)][0]

    def _slow(self, node: str, is_slow: bool) -> str:
        self.inside(node, "tc", "qdisc", "del", "dev", "eth0", "root", check=False)
        if not is_slow:
            return ""
        for how in (("netem", "delay", "120ms", "40ms"),
                    ("tbf", "rate", "400kbit", "burst", "4kb", "latency", "400ms")):
            done = run(*self.command(node), "tc", "qdisc", "add", "dev", "eth0", "root", *how,
                       check=False)
            if done.returncode == 0:
                return " ".join(how)
        return "not possible with this kernel"

    def heal(self) -> None:
        for source, target in list(self.cut):
            self.node_one_way(source, target, is_cut=False)
        for region in self.regions:
            self.slow(region, is_slow=False)

    def down(self) -> None:
        self.cut.clear()
        for node in self.nodes:
            with contextlib.suppress(Exception):
                run("ip", "netns", "del", self.name(node), check=False)
        run("ip", "link", "del", self.bridge, check=False)
