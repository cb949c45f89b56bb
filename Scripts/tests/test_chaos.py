"""The checkers of `make chaos`: each finds what it is there for."""

from __future__ import annotations

import unittest

from Scripts.chaos.__main__ import region_on_postgresql
from Scripts.chaos.balancer import FAILURES, Backend, Balancer
from Scripts.chaos.history import History
from Scripts.chaos.network import Network
from Scripts.chaos.regions import parts
from Scripts.demo.cluster import ALL_REGIONS, DemoError

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

    def test_a_person_made_twice_is_found(self) -> None:
        self.history.judge_names(ONE, {"u1": "ann", "u2": "bob"})
        self.assertEqual(self.history.violations, [])
        self.history.judge_names(ONE, {"u1": "ann", "u2": "ann"})
        self.assertIn("twice", " ".join(self.history.violations))

    def test_a_deletion_in_doubt_may_end_either_way(self) -> None:
        self.history.writes["u1"].in_doubt = True
        self.assertEqual(self.judge(set(), set()), "")


class NetworkTests(unittest.TestCase):
    def test_each_Region_has_an_address_and_a_namespace_of_its_own(self) -> None:
        network = Network(ALL_REGIONS, 20)
        self.assertEqual(len({network.host(region) for region in ALL_REGIONS}), 3)
        self.assertEqual(len({network.name(region) for region in ALL_REGIONS}), 3)
        self.assertEqual(network.nodes_of(ONE), (ONE,))
        # The kernel takes names of interfaces of 15 characters at most.
        self.assertLessEqual(len(network.bridge), 15)

    def test_what_cuts_a_Region_off_cuts_off_all_its_nodes(self) -> None:
        network = Network(ALL_REGIONS, 20, {ONE: parts(ONE)})
        network.inside = lambda *command, check=True: ""
        self.assertEqual(len({network.host(node) for node in network.nodes}), 7)
        network.isolate(ONE)
        self.assertEqual(len(network.cut), 2 * 5 * 2)
        self.assertNotIn((ONE, parts(ONE)[0]), network.cut)
        network.isolate(ONE, is_cut=False)
        self.assertEqual(network.cut, set())


class EngineTests(unittest.TestCase):
    def test_each_Region_is_on_PostgreSQL_with_some_seed_the_primary_first(self) -> None:
        self.assertEqual(tuple(region_on_postgresql("", seed) for seed in (1, 2, 3)), ALL_REGIONS)

    def test_the_engine_can_be_chosen(self) -> None:
        self.assertIsNone(region_on_postgresql("sqlite", 1))
        self.assertEqual(region_on_postgresql("primary", 2), ONE)
        self.assertNotEqual(region_on_postgresql("replica", 1), ONE)
        self.assertEqual(region_on_postgresql(OTHER, 1), OTHER)
        with self.assertRaises(DemoError):
            region_on_postgresql("oracle", 1)


class BalancerTests(unittest.TestCase):
    def setUp(self) -> None:
        self.backends = [Backend("a", 1, []), Backend("b", 1, [])]
        self.balancer = Balancer(self.backends)

    def test_nobody_is_offered_a_connection_before_it_has_proved_healthy(self) -> None:
        self.assertEqual(self.balancer.order(), [])

    def test_the_healthy_ones_take_turns(self) -> None:
        for backend in self.backends:
            self.assertFalse(backend.checked(True))
        first, second = self.balancer.order(), self.balancer.order()
        self.assertEqual(first, second[::-1])

    def test_a_backend_is_lost_after_some_failed_checks_in_a_row(self) -> None:
        backend = self.backends[0]
        backend.checked(True)
        outcomes = [backend.checked(False) for _ in range(FAILURES + 1)]
        self.assertEqual(outcomes.count(True), 1)
        self.assertTrue(outcomes[FAILURES - 1])
        self.assertEqual(self.balancer.order(), [])


if __name__ == "__main__":
    unittest.main()
