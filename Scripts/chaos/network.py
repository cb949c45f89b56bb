"""One network namespace per Region, joined by a bridge; links between them that can be cut and slowed.

Everything is made for one run and removed at its end. Clients stay outside, on the bridge, and reach all
Regions whatever happens between those.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import dataclass, field


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=check)


class NetworkError(Exception):
    """What is missing for namespaces on this machine."""


@dataclass
class Network:
    """Regions by number: 10.77.<run>.<11 + number>."""

    regions: tuple[str, ...]
    run_number: int
    cut: set[tuple[str, str]] = field(default_factory=set)

    @property
    def bridge(self) -> str:
        return f"ptl{self.run_number}"

    def name(self, region: str) -> str:
        return f"ptl{self.run_number}-{region}"

    def host(self, region: str) -> str:
        return f"10.77.{self.run_number}.{11 + self.regions.index(region)}"

    def up(self) -> None:
        if shutil.which("ip") is None:
            raise NetworkError("The command ip is missing: apt-get install iproute2.")
        self.down()
        try:
            run("ip", "link", "add", self.bridge, "type", "bridge")
            run("ip", "addr", "add", f"10.77.{self.run_number}.1/24", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
            for region in self.regions:
                self._join(region)
        except subprocess.CalledProcessError as failure:
            self.down()
            raise NetworkError(f"Namespaces cannot be made: {failure.stderr.strip()} "
                               "(root is needed)") from failure

    def _join(self, region: str) -> None:
        name, number = self.name(region), self.regions.index(region)
        outside = f"ptl{self.run_number}v{number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", outside, "master", self.bridge, "up")
        self.inside(region, "ip", "addr", "add", f"{self.host(region)}/24", "dev", "eth0")
        self.inside(region, "ip", "link", "set", "eth0", "up")
        self.inside(region, "ip", "link", "set", "lo", "up")

    def inside(self, region: str, *command: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.name(region), *command, check=check).stdout

    def command(self, region: str) -> list[str]:
        """What goes before a command to run it in a Region."""
        return ["ip", "netns", "exec", self.name(region)]

    def one_way(self, source: str, target: str, is_cut: bool = True) -> None:
        """Packets from source no longer reach target; the other direction stays as it is."""
        route = ("ip", "route", "add" if is_cut else "del", "blackhole", f"{self.host(target)}/32")
        if ((source, target) in self.cut) == is_cut:
            return
        self.inside(source, *route)
        (self.cut.add if is_cut else self.cut.discard)((source, target))

    def link(self, one: str, other: str, is_cut: bool = True) -> None:
        self.one_way(one, other, is_cut)
        self.one_way(other, one, is_cut)

    def isolate(self, region: str, is_cut: bool = True) -> None:
        for other in self.regions:
            if other != region:
                self.link(region, other, is_cut)

    def slow(self, region: str, is_slow: bool = True) -> str:
        """Slows what a Region sends; answers how, which depends on the kernel."""
        self.inside(region, "tc", "qdisc", "del", "dev", "eth0", "root", check=False)
        if not is_slow:
            return ""
        for how in (("netem", "delay", "120ms", "40ms"),
                    ("tbf", "rate", "400kbit", "burst", "4kb", "latency", "400ms")):
            done = run(*self.command(region), "tc", "qdisc", "add", "dev", "eth0", "root", *how,
                       check=False)
            if done.returncode == 0:
                return " ".join(how)
        return "not possible with this kernel"

    def heal(self) -> None:
        for source, target in list(self.cut):
            self.one_way(source, target, is_cut=False)
        for region in self.regions:
            self.slow(region, is_slow=False)

    def down(self) -> None:
        self.cut.clear()
        for region in self.regions:
            with contextlib.suppress(Exception):
                run("ip", "netns", "del", self.name(region), check=False)
        run("ip", "link", "del", self.bridge, check=False)
