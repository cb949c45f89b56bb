"""The tracer that finds out which functions are called."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from Scripts.layout import elf
from Scripts.layout.__main__ import in_order

PROJECT = Path(__file__).parents[2]
PROGRAM = """
#include <pthread.h>
#include <stddef.h>
__attribute__((noinline)) int first(int x) { return x + 1; }
__attribute__((noinline)) int never(int x) { return x + 2; }
__attribute__((noinline)) static int second(int x) { return x * 3; }
static void *run(void *x) { return (void *)(long)second((int)(long)x); }
int main(int count, char **words) {
    int sum = 0;
    for (int i = 0; i < 1000; i++) sum = first(sum);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, run, (void *)(long)i);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    return count > 1 ? never(sum) : sum == 1000 ? 7 : 8;
}
"""


class LayoutTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = self.directory / "program"
        source = self.directory / "program.c"
        source.write_text(PROGRAM)
        subprocess.run(["gcc", "-O1", "-pthread", "-o", self.program, source], check=True)

    def test_functions_are_found(self) -> None:
        names = set(elf.read(self.program).functions.values())
        self.assertLessEqual({"main", "first", "never", "second"}, names)

    def test_what_is_no_executable_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            elf.read(self.directory / "program.c")

    def test_called_functions_are_written_down_in_order_and_nothing_else(self) -> None:
        output = self.directory / "called"
        done = subprocess.run(
            [sys.executable, "-m", "Scripts.layout.trace", output, self.program], cwd=PROJECT,
            timeout=60, check=False)
        self.assertEqual(done.returncode, 7)
        called = output.read_text().split()
        self.assertEqual(
            [name for name in called if name in {"main", "first", "run", "second", "never"}],
            ["main", "first", "run", "second"])
        self.assertEqual(len(called), len(set(called)))

    def test_what_most_services_call_comes_first_and_the_rest_by_service(self) -> None:
        self.assertEqual(in_order([["z", "b", "c"], ["c", "d"], ["a", "c", "b"]]),
                         ["c", "b", "z", "d", "a"])


if __name__ == "__main__":
    unittest.main()
