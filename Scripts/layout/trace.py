"""Runs a command and writes down which functions of its executable are called, in order of the first call:
`python -m Scripts.layout.trace OUTPUT EXECUTABLE ARGUMENTS...`.

Each function begins with a breakpoint that is taken out when it is first hit, so that even a long run
stops a few thousand times only. Linux on x86-64.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from . import elf

TRACEME, CONT, GETREGS, SETREGS, SETOPTIONS = 0, 7, 12, 13, 0x4200
OPTIONS = 0x8 | 0x100000  # follow threads; end with the tracer
WALL, EVENT_CLONE = 0x40000000, 3
RIP, REGISTERS = 16, 27

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, thread: int, data: object = None) -> None:
    if libc.ptrace(request, thread, None, data) < 0 and ctypes.get_errno() != 3:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


class Tracer:
    def __init__(self, command: list[str]) -> None:
        self.code = elf.read(Path(command[0]))
        self.called: list[str] = []
        self.process = os.fork()
        if self.process == 0:
            libc.ptrace(TRACEME, 0, None, None)
            os.execv(command[0], command)
        os.waitpid(self.process, 0)
        _ptrace(SETOPTIONS, self.process, OPTIONS)
        self.memory = os.open(f"/proc/{self.process}/mem", os.O_RDWR)
        self.base = self._base(Path(command[0]).resolve()) - self.code.address + self.code.offset
        self._place()

    def _base(self, path: Path) -> int:
        """Where the beginning of the file would lie if all of it were where the code is."""
        for line in Path(f"/proc/{self.process}/maps").read_text().splitlines():
            fields = line.split()
            if fields[-1] == str(path) and "x" in fields[1]:
                return int(fields[0].split("-")[0], 16) - int(fields[2], 16)
        raise RuntimeError(f"{path} is not there")

    def _place(self) -> None:
        """A breakpoint at each function, in one write."""
        start = self.base + self.code.address
        whole = bytearray(os.pread(self.memory, self.code.size, start))
        self.first = {address: whole[address - self.code.address]
                      for address in self.code.functions}
        for address in self.first:
            whole[address - self.code.address] = 0xCC
        done = 0
        while done < len(whole):
            done += os.pwrite(self.memory, whole[done:done + (1 << 20)], start + done)

    def run(self) -> int:
        """Until the process has ended; its exit status."""
        _ptrace(CONT, self.process)
        while True:
            thread, status = os.waitpid(-1, WALL)
            if os.WIFSTOPPED(status):
                passed = self._stopped(thread, os.WSTOPSIG(status), status >> 16)
                _ptrace(CONT, thread, passed)
            elif thread == self.process:
                return os.waitstatus_to_exitcode(status)

    def _stopped(self, thread: int, number: int, event: int) -> int:
        """The signal to pass on."""
        if event == EVENT_CLONE or number == signal.SIGSTOP:
            return 0
        if number != signal.SIGTRAP:
            return number
        registers = (ctypes.c_ulonglong * REGISTERS)()
        _ptrace(GETREGS, thread, ctypes.byref(registers))
        address = registers[RIP] - 1 - self.base
        if address not in self.code.functions:
            return number
        first = self.first.pop(address, None)
        if first is not None:
            self.called.append(self.code.functions[address])
            os.pwrite(self.memory, bytes([first]), self.base + address)
        registers[RIP] -= 1
        _ptrace(SETREGS, thread, ctypes.byref(registers))
        return 0


def main() -> int:
    output, *command = sys.argv[1:]
    tracer = Tracer(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(tracer.process, number))
    status = tracer.run()
    Path(output).write_text("".join(f"{name}\n" for name in tracer.called))
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
