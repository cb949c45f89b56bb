"""What a call fails with."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Code(enum.IntEnum):
    """The canonical status codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @classmethod
    def _missing_(cls, value: object) -> Code:
        return cls.UNKNOWN


class PortolanError(Exception):
    """A call that failed, by the server's word or on the way.

    `code` is the canonical status, `reason` a stable word for programs, `message` is for people,
    `metadata` holds facts such as primary-region. `unprocessed` says that the call certainly
    reached no handler and may be sent again.
    """

    def __init__(self, code: Code, reason: str, message: str,
                 metadata: Mapping[str, str] | None = None, *, unprocessed: bool = False) -> None:
        super().__init__(code, reason, message)
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.unprocessed = unprocessed

    def __str__(self) -> str:
        return f"{self.code.name} {self.reason}: {self.message}"
