"""The architecture rules find what they are there for."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from Scripts.rules import check


class RulesTests(unittest.TestCase):
    def findings(self, target: str, text: str) -> str:
        with tempfile.TemporaryDirectory() as directory:
            before = os.getcwd()
            os.chdir(directory)
            try:
                path = Path("Sources", target, "File.swift")
                path.parent.mkdir(parents=True)
                path.write_text(text)
                return "\n".join(check(path))
            finally:
                os.chdir(before)

    def test_a_service_may_not_import_another(self) -> None:
        self.assertIn("downwards", self.findings("PortalService", "import DirectoryService\n"))

    def test_only_the_owner_touches_a_c_library(self) -> None:
        self.assertIn("only Cryptography",
                      self.findings("KeyService", "private import COpenSSL\n"))

    def test_banned_code_is_found(self) -> None:
        self.assertIn("try!", self.findings("RPC", "let x = try! f()\n"))
        self.assertIn("reason", self.findings("RPC", "struct A: @unchecked Sendable {}\n"))
        self.assertIn("prints", self.findings("RPC", "    print(1)\n"))
        self.assertIn("lines", self.findings("RPC", "\n" * 401))

    def test_what_is_allowed_passes(self) -> None:
        self.assertEqual(self.findings(
            "PortalService", "public import Contracts\nimport SAML\n\n// why\n"
            "final class A: @unchecked Sendable {}\n"), "")


if __name__ == "__main__":
    unittest.main()
