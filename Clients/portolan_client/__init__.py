"""Calls Portolan's services over portolan-rpc/1 (Docs/protocol.md).

    from portolan_client import Context, services

    with Context.load("context.json").client("directory") as client:
        user = services.Directory(client).FindUser(user_name="mara@example.org").user

`Client` blocks and may be used from several threads; `AsyncClient` is for asyncio. Both keep one
connection with any number of calls under way. `services` holds a typed stub for each service.
"""

from .aio import AsyncClient
from .blocking import Client
from .context import Context
from .errors import Code, PortolanError
from .identity import Identity, ServiceName

__all__ = ["AsyncClient", "Client", "Code", "Context", "Identity", "PortolanError", "ServiceName"]
