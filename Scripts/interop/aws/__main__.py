"""AWS tools against two running Regions: boto3, the AWS CLI, the AWS Encryption SDK, Terraform.

`make interop` runs it. Prints a line per row and ends with status 1 when one fails.
PORT_BASE chooses the ports, ROWS=part,part only rows whose name holds a part.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

from Scripts.demo import resolver  # noqa: E402 - after the filter

from . import (  # noqa: E402
    admin_rows,
    application_rows,
    cli_rows,
    encryption_sdk_rows,
    identity_rows,
    identity_write_rows,
    kms_rows,
    refusal_rows,
    sign_in_rows,
    terraform_identity_rows,
    terraform_rows,
)
from .world import prepare, stop  # noqa: E402

BINARY = Path(__file__).parents[3] / ".build" / "debug" / "portolan"


def main() -> int:
    resolver.install()
    logging.getLogger("saml2").setLevel(logging.CRITICAL + 1)
    binary = Path(sys.argv[1]) if len(sys.argv) > 1 else BINARY
    wanted = [part for part in os.environ.get("ROWS", "").split(",") if part]
    rows = (kms_rows.ROWS + cli_rows.ROWS + sign_in_rows.ROWS + encryption_sdk_rows.ROWS
            + identity_rows.ROWS + identity_write_rows.ROWS + terraform_identity_rows.ROWS
            + refusal_rows.ROWS + application_rows.ROWS + terraform_rows.ROWS
            + admin_rows.ROWS + kms_rows.LAST_ROWS + application_rows.LAST_ROWS)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="portolan-aws-") as directory:
        world = prepare(binary, Path(directory), int(os.environ.get("PORT_BASE", "27600")))
        try:
            for name, row in rows:
                if wanted and not any(part in name for part in wanted):
                    continue
                try:
                    said = row(world)
                    print(f"ok    {name}" + (f": {said}" if said else ""), flush=True)
                except Exception as error:  # noqa: BLE001 - a row that fails must not end the rest
                    failed += 1
                    print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
                    if os.environ.get("VERBOSE"):
                        traceback.print_exc()
        finally:
            stop(world)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
