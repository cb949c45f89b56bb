#!/usr/bin/env python3
"""Makes the Python messages of Protos (the package portolan) and the types of the stubs.

Needs grpcio-tools; what it makes needs protobuf alone. Run it in the source tree before the first
use and after a change of Protos; building the package runs it too.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from google.protobuf import descriptor_pb2

HERE = Path(__file__).resolve().parent
PROTOS = HERE.parent / "Protos"


def generate(directory: Path = HERE) -> None:
    """Replaces directory/portolan and directory/portolan_client/services.pyi."""
    import grpc_tools  # Here, so that an installed tree can be looked at without it.
    from grpc_tools import protoc

    if not PROTOS.is_dir():  # An unpacked source distribution has the messages already.
        return
    shutil.rmtree(directory / "portolan", ignore_errors=True)
    standard = Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(f.relative_to(PROTOS)) for f in PROTOS.glob("portolan/**/*.proto"))
    everything = directory / "portolan.binpb"
    try:
        status = protoc.main([
            "protoc", f"-I{PROTOS}", f"-I{standard}", f"--python_out={directory}",
            f"--pyi_out={directory}", f"--descriptor_set_out={everything}", *files])
        if status != 0:
            raise RuntimeError("the contracts do not compile")
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(everything.read_bytes())
    finally:
        everything.unlink(missing_ok=True)
    (directory / "portolan_client" / "services.pyi").write_text(stub_types(descriptors))


def stub_types(descriptors: descriptor_pb2.FileDescriptorSet) -> str:
    """The types of portolan_client.services: a blocking and an asyncio class per service."""
    modules: dict[str, str] = {}
    for file in descriptors.file:
        module = file.name.removesuffix(".proto").replace("/", ".") + "_pb2"
        modules.update({f".{file.package}.{message.name}": module
                        for message in file.message_type})

    def type_of(name: str) -> str:
        return f"{alias(modules[name])}.{name.rpartition('.')[2]}"

    def alias(module: str) -> str:
        return "_" + re.sub(r"\W", "_", module.removeprefix("portolan."))

    lines: list[str] = []
    for file in descriptors.file:
        for service in file.service:
            for prefix in ("", "Async"):
                lines += [f"class {prefix}{service.name}:",
                          f"    def __init__(self, client: {prefix}Client) -> None: ..."]
                for method in service.method:
                    answer = type_of(method.output_type)
                    if method.server_streaming:
                        answer = f"{prefix}Iterator[{answer}]"
                    kind = "async def" if prefix and not method.server_streaming else "def"
                    lines += [f"    {kind} {method.name}(self,",
                              f"        request: {type_of(method.input_type)} | None = None,",
                              "        /, *, timeout: float | None = None,",
                              "        metadata: Mapping[str, str] | None = None,",
                              f"        **fields: Any) -> {answer}: ..."]
                lines.append("")
    used = sorted({module for module in modules.values() if alias(module) in "\n".join(lines)})
    return "\n".join([
        "# Made by generate.py.", "from collections.abc import AsyncIterator, Iterator, Mapping",
        "from typing import Any", "",
        *(f"import {module} as {alias(module)}" for module in used), "",
        "from .aio import AsyncClient", "from .blocking import Client", "", *lines])


if __name__ == "__main__":
    generate()
