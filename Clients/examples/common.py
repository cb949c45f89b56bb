"""What the examples share: the arguments, pages, names of principals, plain errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# The examples also run from the source tree, where nothing is installed (see generate.py).
sys.path.append(str(Path(__file__).resolve().parent.parent))

from portolan_client import Context, PortolanError  # noqa: E402


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the arguments of every example."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--context", help="the operator's context file (PORTOLAN_CONTEXT)")
    parser.add_argument("--region", help="the Region to ask (the context's own)")
    return parser


def pages(method: Callable[..., Any], field: str, **request: Any) -> Iterator[Any]:
    """Every item of a listing, page by page."""
    token = ""
    while True:
        page = method(page_size=1000, page_token=token, **request)
        yield from getattr(page, field)
        token = page.next_page_token
        if not token:
            return


def run(main: Callable[[argparse.Namespace, Context], int],
        parser: argparse.ArgumentParser) -> None:
    """Runs an example; failures are one line on standard error and status 2."""
    options = parser.parse_args()
    try:
        sys.exit(main(options, Context.load(options.context)))
    except (PortolanError, OSError, ValueError) as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
