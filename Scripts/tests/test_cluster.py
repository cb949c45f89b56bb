"""Starting, killing and cleaning up processes, with a stand-in for the executable."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from Scripts.demo.cluster import PRIMARY, SERVICES, Cluster, DemoError, Ports, start_time

STAND_IN = f"""#!{sys.executable}
import json, socket, sys, time
service = sys.argv[2]
if sys.argv[1] == "health":
    sys.exit(0)
config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
if service == "keys" and config.get("broken"):
    sys.exit("the root key cannot be read")
listeners = []
for name in [service] + (["https"] if service == "portal" else []):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    host, port = config["listen"][name].split(":")
    listener.bind((host, int(port)))
    listener.listen()
    listeners.append(listener)
time.sleep(60)
"""


def free_base() -> int:
    """A base whose ports are free just now."""
    for base in range(21000, 29000, 400):
        try:
            Ports(base).require_free()
            return base
        except DemoError:
            continue
    raise unittest.SkipTest("no free range of ports")


class ClusterTests(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        binary = self.root / "portolan"
        binary.write_text(STAND_IN)
        binary.chmod(0o755)
        self.base = free_base()
        self.cluster = Cluster(binary, self.root / "demo", Ports(self.base))
        self.cluster.clean()
        self.cluster.configure()
        self.addCleanup(self.cluster.stop)

    def test_a_taken_port_is_named_with_the_way_out(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.base + 6))
            other.listen()
            with self.assertRaises(DemoError) as raised:
                self.cluster.ports.require_free()
        self.assertIn(f"{self.base + 6} (for HTTPS in {PRIMARY})", str(raised.exception))
        self.assertIn(f"PORT_BASE={self.base + 1000}", str(raised.exception))

    def test_a_service_that_ends_is_reported_with_its_log(self) -> None:
        path = self.cluster.config_file(PRIMARY)
        path.write_text(path.read_text().replace("{", '{"broken": true,', 1))
        self.cluster.start(PRIMARY, ("keys",))
        with self.assertRaises(DemoError) as raised:
            self.cluster.wait_healthy(PRIMARY, 10, ("keys",))
        self.assertIn("the root key cannot be read", str(raised.exception))

    def test_kill_ends_all_services_of_one_region(self) -> None:
        self.cluster.start(PRIMARY)
        self.cluster.wait_healthy(PRIMARY, 20)
        self.assertEqual(len(set(self.cluster.kill(PRIMARY))), len(SERVICES))
        self.assertEqual(len(self.cluster.ended_by_themselves()), len(SERVICES))

    def test_clean_ends_what_a_run_before_left_and_nothing_else(self) -> None:
        self.cluster.start(PRIMARY, ("keys",))
        left = self.cluster.processes[PRIMARY, "keys"]
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        # The ledger names the bystander's number, but with the start time of an earlier process.
        text = self.cluster.ledger.read_text()
        self.cluster.ledger.write_text(
            text[:-1] + f', {{"pid": {bystander.pid}, "start_time": "1"}}]')
        Cluster(self.cluster.binary, self.cluster.directory, self.cluster.ports).clean()
        self.assertEqual(left.wait(timeout=5), -9)
        self.assertIsNone(bystander.poll())
        self.assertEqual(os.listdir(self.cluster.directory), ["owner"])

    def test_a_run_that_goes_on_is_left_alone(self) -> None:
        other = subprocess.Popen(["sleep", "60"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.cluster.directory / "owner").write_text(f"{other.pid} {start_time(other.pid)}")
        with self.assertRaises(DemoError) as raised:
            Cluster(self.cluster.binary, self.cluster.directory, self.cluster.ports).clean()
        self.assertIn(str(other.pid), str(raised.exception))
        self.assertTrue(self.cluster.config_file(PRIMARY).exists())

    def test_the_start_time_tells_processes_apart(self) -> None:
        self.assertIsNotNone(start_time(os.getpid()))
        self.assertIsNone(start_time(2**22 + 1))


if __name__ == "__main__":
    unittest.main()
