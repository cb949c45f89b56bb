"""What has to be known of an executable: where its code lies in the file, and the functions in it."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

SYMTAB, FUNCTION, EXECUTABLE = 2, 2, 1


@dataclass
class Code:
    """Of a 64-bit little-endian ELF file."""

    # Of the segment that is executed: place in the file, address, bytes.
    offset: int
    address: int
    size: int
    # Names by address; of several names of one address the first.
    functions: dict[int, str]


def read(path: Path) -> Code:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no ELF file of 64 bits")
        programs, sections = struct.unpack_from("<QQ", data, 32)
        program_size, program_count, section_size, section_count = struct.unpack_from(
            "<HHHH", data, 54)
        segment = next(
            (offset, address, size)
            for kind, flags, offset, address, _, size in (
                struct.unpack_from("<IIQQQQ", data, programs + n * program_size)
                for n in range(program_count))
            if kind == 1 and flags & EXECUTABLE)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + n * section_size)
                   for n in range(section_count)]
        symbols = next(header for header in headers if header[1] == SYMTAB)
        names = headers[symbols[6]][4]
        functions: dict[int, str] = {}
        for place in range(symbols[4], symbols[4] + symbols[5], 24):
            name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, place)
            inside = segment[1] <= value < segment[1] + segment[2]
            if info & 15 == FUNCTION and section and inside and value not in functions:
                end = data.find(b"\0", names + name)
                functions[value] = data[names + name:end].decode()
        return Code(*segment, functions)
