"""The checkers of `make chaos`: each finds what it is there for."""

from __future__ import annotations

import unittest

from Scripts.chaos.history import History
from Scripts.chaos.network import Network
from Scripts.demo.cluster import ALL_REGIONS

ONE, OTHER = ALL_REGIONS[:2]


class HistoryTests(unittest.TestCase):
    def setUp(self) -> None:
        self.history = History()
        self.history.created("u1", ONE, (1, 10))
        self.history.created("u2", ONE, (1, 11))
        self.history.deleted("u2", ONE, (1, 12))

    def judge(self, one: set[str], other: set[str], exported: set[str] = frozenset()) -> str:
        self.history.judge({ONE: one, OTHER: other}, set(exported))
        return " ".join(self.history.violations)

    def test_what_was_acknowledged_and_is_everywhere_is_no_violation(self) -> None:
        self.assertEqual(self.judge({"u1"}, {"u1"}), "")

    def test_an_acknowledged_write_that_is_gone_is_found(self) -> None:
        self.assertIn("u1, acknowledged", self.judge(set(), set()))

    def test_an_acknowledged_write_in_an_export_is_accounted_for(self) -> None:
        self.assertEqual(self.judge(set(), set(), {"u1"}), "")

    def test_a_deletion_that_is_undone_is_found(self) -> None:
        self.assertIn("is back", self.judge({"u1", "u2"}, {"u1", "u2"}))

    def test_Regions_that_differ_are_found(self) -> None:
        self.assertIn("differ", self.judge({"u1", "u9"}, {"u1"}))

    def test_a_second_writer_of_an_epoch_is_found(self) -> None:
        self.history.created("u3", OTHER, (1, 13))
        self.assertIn("epoch 1 has writers", " ".join(self.history.violations))

    def test_a_writer_of_another_epoch_is_no_violation(self) -> None:
        self.history.created("u3", OTHER, (2, 13))
        self.assertEqual(self.history.violations, [])

    def test_a_deletion_in_doubt_may_end_either_way(self) -> None:
        self.history.writes["u1"].in_doubt = True
        self.assertEqual(self.judge(set(), set()), "")


class NetworkTests(unittest.TestCase):
    def test_each_Region_has_an_address_and_a_namespace_of_its_own(self) -> None:
        network = Network(ALL_REGIONS, 20)
        self.assertEqual(len({network.host(region) for region in ALL_REGIONS}), 3)
        self.assertEqual(len({network.name(region) for region in ALL_REGIONS}), 3)
        # The kernel takes names of interfaces of 15 characters at most.
        self.assertLessEqual(len(network.bridge), 15)


if __name__ == "__main__":
    unittest.main()
