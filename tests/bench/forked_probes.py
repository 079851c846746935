"""Gateways that are forked with a probe inside (:mod:`tests.fixtures.forking`)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.fixtures.processes import Process, start_gateway_process

__all__ = ["fork_probed"]


def fork_probed(
    path: Path, arguments: Sequence[str], directory: Path, variables: Mapping[str, str] | None
) -> AbstractContextManager[Process]:
    """As :func:`bench.gateways.start_probed`, without the start of an interpreter."""
    changes = f"""
from pathlib import Path

from bench.probed_serve import probe

probe(Path({str(path)!r}))
"""
    return start_gateway_process(arguments, directory, variables, changes=changes)
