"""Control the deployments of a cluster from a workbook or a Google spreadsheet.

    python -m kubesheet deployments.xlsx
    python -m kubesheet --google SPREADSHEET_ID --key service-account.json

$TOKEN is the bearer token for a gateway that asks for one.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from kubesheet.cluster import Cluster, Failed
from kubesheet.google_sheets import GoogleSheets
from kubesheet.sync import synchronise
from kubesheet.workbook import Workbook


async def _run(options: argparse.Namespace) -> None:
    token = os.environ.get("TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as gateway,
        httpx.AsyncClient(timeout=60) as google,
    ):
        cluster = Cluster(gateway, options.gateway.rstrip("/") + "/graphql", options.namespace)
        if options.workbook is not None:
            backend: Workbook | GoogleSheets = Workbook(options.workbook)
        else:
            backend = GoogleSheets(google, options.google, options.key, endpoint=options.google_endpoint)
        await synchronise(cluster, backend)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kubesheet", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workbook", nargs="?", type=Path, help="an .xlsx file; made if it does not exist")
    parser.add_argument("--google", metavar="ID", help="the id of a Google spreadsheet, from its address")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the key file of a Google service account")
    parser.add_argument("--gateway", default="http://127.0.0.1:8000", help="default: %(default)s")
    parser.add_argument("--namespace", help="only this namespace; default: all")
    parser.add_argument("--google-endpoint", default="https://sheets.googleapis.com", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if (options.workbook is None) == (options.google is None):
        parser.error("name either a workbook or, with --google, a Google spreadsheet")
    if options.workbook is not None and options.workbook.suffix != ".xlsx":
        parser.error(f"{options.workbook} does not end in .xlsx")
    if options.google is not None and options.key is None:
        parser.error("--google needs --key, the key file of a service account")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until interrupted. Exits with 1 when the gateway or Google refuses for good."""
    options = _options(arguments)
    reason: str | int = 130
    try:
        asyncio.run(_run(options))
    except* Failed as failures:
        reason = str(failures.exceptions[0])
    except* KeyboardInterrupt:
        pass
    sys.exit(reason)


if __name__ == "__main__":
    main()
