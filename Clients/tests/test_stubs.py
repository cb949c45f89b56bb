"""The types that generate.py writes for editors say what the stubs are."""

import ast
import inspect
import unittest
from pathlib import Path

from portolan_client import services

TYPES = Path(services.__file__).with_suffix(".pyi")


class StubTypesTests(unittest.TestCase):
    def setUp(self) -> None:
        tree = ast.parse(TYPES.read_text())
        self.classes = {node.name: {item.name: item for item in node.body
                                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
                        for node in tree.body if isinstance(node, ast.ClassDef)}

    def test_every_service_and_method_has_types_and_nothing_else_has(self) -> None:
        self.assertEqual(set(self.classes), set(services.__all__))
        self.assertGreater(len(services.__all__), 20)
        for name, methods in self.classes.items():
            made = {key for key, value in vars(getattr(services, name)).items()
                    if inspect.isfunction(value)}
            self.assertEqual(set(methods), made, name)

    def test_asyncio_stubs_await_and_blocking_ones_do_not(self) -> None:
        self.assertIsInstance(self.classes["AsyncDirectory"]["GetUser"], ast.AsyncFunctionDef)
        self.assertIsInstance(self.classes["Directory"]["GetUser"], ast.FunctionDef)
        self.assertTrue(inspect.iscoroutinefunction(services.AsyncDirectory.GetUser))
        self.assertFalse(inspect.iscoroutinefunction(services.Directory.GetUser))

    def test_streamed_answers_are_iterators(self) -> None:
        def answer(name: str) -> str:
            return ast.unparse(self.classes[name]["WatchInstance"].returns)

        self.assertTrue(answer("InstanceAdministration").startswith("Iterator["))
        self.assertTrue(answer("AsyncInstanceAdministration").startswith("AsyncIterator["))

    def test_documentation_names_the_messages(self) -> None:
        self.assertEqual(services.Directory.GetUser.__doc__,
                         "portolan.directory.v1.GetUserRequest -> "
                         "portolan.directory.v1.GetUserResponse")


if __name__ == "__main__":
    unittest.main()
