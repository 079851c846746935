"""``python -m bench.probed_serve SOCKET serve …``: ``kube-graphql serve …`` with a probe inside."""

import gc

# as the command line does before it imports anything big
gc.disable()

# ruff: noqa: E402 (hence not before the other imports)
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
    """Let the command line run what it runs inside :func:`bench.probe.measured`."""

    def run_measured(serve: Coroutine[Any, Any, Result]) -> Result:
        return run(measured(serve, path))

    serving.run = run_measured  # type: ignore[assignment, attr-defined]  # the same, with a probe


if __name__ == "__main__":
    probe(Path(sys.argv.pop(1)))
    main(prog_name="kube-graphql")
