"""What the peers share: where they are built, and how they are started and asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parents[2] / ".build" / "bench"


class Unavailable(Exception):
    """A peer that cannot be measured here; the text says why."""


def build(output: str, source: Path, compiler: list[str], flags: list[str]) -> Path:
    """Compiles one file, when it is newer than what there is."""
    BUILT.mkdir(parents=True, exist_ok=True)
    program = BUILT / output
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    if shutil.which(compiler[0]) is None:
        raise Unavailable(f"{compiler[0]} is not installed")
    done = subprocess.run([*compiler, "-o", str(program), str(source), *flags],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{source.name} does not compile: {done.stderr.strip()[-300:]}")
    return program


def flags_of(*packages: str) -> list[str]:
    """What pkg-config says."""
    done = subprocess.run(["pkg-config", "--cflags", "--libs", *packages],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{', '.join(packages)} is not installed (Scripts/bench/setup)")
    return done.stdout.split()


@contextmanager
def running(command: list[object], ready: str = "ready") -> Iterator[subprocess.Popen]:
    """A server that writes a line once it serves; ended afterwards."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline().strip()
        if ready and line != ready:
            raise Unavailable(f"{command[0]} did not start")
        process.first_line = line
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


def ask(command: list[object], timeout: float = 120) -> dict:
    """Runs a load generator; its last line is JSON."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=timeout, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Unavailable(f"{Path(str(command[0])).name}: {done.stderr.strip()[-300:]}")
    result = json.loads(lines[-1])
    if result.get("errors"):
        raise Unavailable(f"{Path(str(command[0])).name}: {result['errors']} calls failed")
    time.sleep(0.2)
    return result
