"""The operator's context file, the same that the command line reads."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .aio import AsyncClient
from .blocking import Client
from .identity import Identity, ServiceName


@dataclass(frozen=True)
class Context:
    """Where the Regions' services are and which identity to show them."""

    trust_domain: str
    identity: Identity
    region: str
    regions: dict[str, dict[str, str]]

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> Context:
        """Reads a file, PORTOLAN_CONTEXT when none is named. Relative paths start at the file.

        Raises OSError, or ValueError for a file that is not a context.
        """
        chosen = path or os.environ.get("PORTOLAN_CONTEXT")
        if not chosen:
            raise ValueError("name a context file, or set PORTOLAN_CONTEXT")
        file = Path(chosen).expanduser()
        content = json.loads(file.read_text(encoding="utf-8"))
        try:
            files = [file.parent / content[name] for name in ("certificate", "key", "roots")]
            return cls(content["trustDomain"], Identity(*files), content["region"],
                       {name: dict(services) for name, services in content["regions"].items()})
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"{file} is not a context: {problem}") from problem

    def _target(self, service: str, region: str | None) -> tuple[str, ServiceName]:
        name = region or self.region
        try:
            address = self.regions[name][service]
        except KeyError:
            raise ValueError(f"the context has no address of {service} in {name}") from None
        return address, ServiceName(self.trust_domain, name, service)

    def client(self, service: str, region: str | None = None, timeout: float = 30) -> Client:
        """A blocking client of a service (keys, coordinator, directory, permission, portal)."""
        return Client(*self._target(service, region), self.identity, timeout=timeout)

    def async_client(self, service: str, region: str | None = None,
                     timeout: float = 30) -> AsyncClient:
        """The same for asyncio."""
        return AsyncClient(*self._target(service, region), self.identity, timeout=timeout)
