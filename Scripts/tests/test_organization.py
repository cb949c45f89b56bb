"""The generator of the demo's organisation."""

from __future__ import annotations

import unittest

from Scripts.demo import entra, okta
from Scripts.demo.organization import generate


class OrganizationTests(unittest.TestCase):
    def setUp(self) -> None:
        self.organization = generate()

    def test_the_seed_fixes_everything(self) -> None:
        self.assertEqual(self.organization, generate())
        self.assertNotEqual(self.organization, generate(seed=1))

    def test_it_is_large_enough_and_names_are_unique(self) -> None:
        people, groups = self.organization.people, self.organization.groups
        self.assertGreaterEqual(len(people), 2000)
        self.assertGreaterEqual(len(groups), 150)
        self.assertEqual(len({p.user_name for p in people}), len(people))
        self.assertEqual(len({p.external_id for p in people}), len(people))
        self.assertEqual(len({g.name for g in groups}), len(groups))
        self.assertTrue(all(p.user_name.isascii() for p in people))

    def test_members_are_of_the_groups_company(self) -> None:
        for group in self.organization.groups:
            self.assertTrue(group.members)
            self.assertEqual(len(set(group.members)), len(group.members))
            self.assertEqual({self.organization.people[i].idp for i in group.members}, {group.idp})

    def test_batches_hold_every_member_once(self) -> None:
        for person in self.organization.people:
            person.user_id = f"id-{person.index}"
        for shape, size in ((okta, 1000), (entra, 100)):
            group = max(self.organization.of(shape.__name__.split(".")[-1])[1],
                        key=lambda g: len(g.members))
            sent = [value["value"] for body in shape.member_patches(group, self.organization.people)
                    for value in body["Operations"][0]["value"]]
            self.assertEqual(sent, [f"id-{index}" for index in group.members])
            self.assertGreater(len(group.members), size)

    def test_entra_sends_its_habits(self) -> None:
        person = next(p for p in self.organization.people if p.idp == "entra" and not p.active)
        operations = entra.user_patch(person, "manager")["Operations"]
        self.assertIn({"op": "Replace", "path": "active", "value": "False"}, operations)
        self.assertTrue(any(o.get("path") == 'emails[type eq "work"].value' for o in operations))


if __name__ == "__main__":
    unittest.main()
