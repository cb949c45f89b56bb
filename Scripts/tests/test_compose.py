"""The Compose files are whole and start what the demo starts."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path

import yaml

from Scripts.demo.cluster import REGIONS, SERVICES

COMPOSE = Path(__file__).parents[2] / "Compose"
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def read(region: str) -> dict:
    """region.yaml with the variables of a Region filled in, as Compose would."""
    values = dict(
        line.split("=", 1) for line in (COMPOSE / f"{region}.env").read_text().splitlines()
        if line and not line.startswith("#"))

    def fill(match: re.Match) -> str:
        name, kind, default = match.groups()
        if name in values:
            return values[name]
        if kind == ":-":
            return default
        raise AssertionError(f"{name} has no value in {region}.env")

    text = (COMPOSE / "region.yaml").read_text()
    lines = [line if line.lstrip().startswith("#") else VARIABLE.sub(fill, line)
             for line in text.splitlines()]
    return yaml.safe_load("\n".join(lines))


class ComposeTests(unittest.TestCase):
    def test_each_region_includes_the_services_with_its_variables(self) -> None:
        for region in REGIONS:
            outer = yaml.safe_load((COMPOSE / f"{region}.yaml").read_text())
            self.assertEqual(outer["name"], f"portolan-{region}")
            self.assertEqual(
                outer["include"], [{"path": "region.yaml", "env_file": f"{region}.env"}])

    def test_each_service_runs_the_entry_point_of_the_demo(self) -> None:
        for region in REGIONS:
            services = read(region)["services"]
            self.assertEqual(set(services), set(SERVICES))
            for name, service in services.items():
                self.assertEqual(
                    service["command"], ["serve", name, "--config", "/etc/portolan/region.json"])
                self.assertIn("health", service["healthcheck"]["test"])
                self.assertTrue(service["read_only"])
                self.assertEqual(service["cap_drop"], ["ALL"])

    def test_a_service_holds_only_its_own_identity_and_data(self) -> None:
        for region in REGIONS:
            file = read(region)
            for name, service in file["services"].items():
                own = {"root"} | {f"{n}-{part}" for n in ({name, "https"} if name == "portal"
                                                        else {name})
                                for part in ("certificate", "key")}
                self.assertEqual({secret["source"] for secret in service["secrets"]}, own)
                self.assertEqual(
                    service["volumes"], [f"{name}-data:/var/lib/portolan/{name}"])
                for secret in service["secrets"]:
                    source = file["secrets"][secret["source"]]["file"]
                    self.assertTrue(source.startswith("./pki/"), source)
                    self.assertEqual(source.removeprefix("./pki/"),
                                     secret["target"].removeprefix("/run/portolan/pki/"))

    def test_published_ports_lead_to_what_the_configuration_listens_on(self) -> None:
        for region in REGIONS:
            config = json.loads((COMPOSE / f"{region}.json").read_text())
            self.assertEqual(config["region"], region)
            for name, service in read(region)["services"].items():
                inside = {int(port.rsplit(":", 1)[1]) for port in service["ports"]}
                listens = {int(config["listen"][name].split(":")[1])}
                if name == "portal":
                    listens.add(int(config["listen"]["https"].split(":")[1]))
                self.assertEqual(inside, listens)

    def test_peers_are_named_by_their_published_ports(self) -> None:
        for region in REGIONS:
            peers = json.loads((COMPOSE / f"{region}.json").read_text())["peers"]
            self.assertEqual(peers["names"], [name for name in REGIONS if name != region])
            for peer in peers["names"]:
                for name, service in read(peer)["services"].items():
                    published = {int(port.split(":")[1]) for port in service["ports"]}
                    self.assertIn(int(peers[peer][name].split(":")[1]), published)


if __name__ == "__main__":
    unittest.main()
