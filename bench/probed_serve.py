"""``python -m bench.probed_serve SOCKET serve …``: ``kube-graphql serve …`` with a probe on a socket."""

import gc

# kube-graphql also disables collection before its large imports
gc.disable()

# ruff: noqa: E402 (the imports follow gc.disable)
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bench.probe import measured
from gateway.cli import main, serving
from gateway.cli.event_loop import run

__all__: list[str] = []

Result = TypeVar("Result")


def probe(path: Path) -> None:
    """Make the command line run its coroutine inside :func:`bench.probe.measured`."""

    def run_measured(serve: Coroutine[Any, Any, Result]) -> Result:
        return run(measured(serve, path))

    serving.run = run_measured  # type: ignore[assignment, attr-defined]  # wrapper with a probe


if __name__ == "__main__":
    probe(Path(sys.argv.pop(1)))
    main(prog_name="kube-graphql")
