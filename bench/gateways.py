"""Starts a gateway in a process of its own, with a probe inside.

Separate from :mod:`bench.probe`, which runs inside that process and must import little.
"""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.probe import Reading, read_probe
from tests.fixtures.gateways import NO_TLS, GatewayProcess, answers
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, start_process
from tests.fixtures.waiting import wait_until

__all__ = ["MeasuredGateway", "ask", "start_measured_gateway"]

_READY_WITHIN = 300


@dataclass(frozen=True, slots=True)
class MeasuredGateway:
    """A running gateway; ``started_in`` is the time from process start to ready, in seconds."""

    served: GatewayProcess
    socket: Path
    started_in: float
    at_start: Reading

    def reading(self) -> Reading:
        return read_probe(self.socket)

    def client(self) -> httpx.AsyncClient:
        """A client with its own connections."""
        return httpx.AsyncClient(
            base_url=self.served.url,
            timeout=300,
            trust_env=False,
            verify=NO_TLS,
            headers={"Accept-Encoding": "identity"},
        )


def start_probed(
    path: Path, arguments: Sequence[str], directory: Path, variables: Mapping[str, str] | None
) -> AbstractContextManager[Process]:
    """Run ``kube-graphql ARGUMENTS`` in a new interpreter, with a probe on the socket at ``path``."""
    command = [sys.executable, "-m", "bench.probed_serve", str(path), *arguments]
    return start_process(command, directory, variables)


@contextlib.contextmanager
def start_measured_gateway(
    directory: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> Iterator[MeasuredGateway]:
    """Run ``kube-graphql serve ARGUMENTS`` with a probe until the block ends; yields when it is ready."""
    port, path = free_port(), directory / "probe.sock"
    began = time.perf_counter()
    with start_probed(path, ["serve", "--port", str(port), *arguments], directory, variables) as process:
        gateway = GatewayProcess(process, port, {})
        wait_until(lambda: answers(gateway), "the gateway to get ready", seconds=_READY_WITHIN)
        started_in = time.perf_counter() - began
        yield MeasuredGateway(gateway, path, started_in, read_probe(path))


async def ask(client: httpx.AsyncClient, query: str, variables: Mapping[str, Any] | None = None) -> bytes:
    """POST an operation and return the response's bytes; RuntimeError if it has errors."""
    response = await client.post("/graphql", json={"query": query, "variables": dict(variables or {})})
    response.raise_for_status()
    content = response.content
    if content.startswith(b'{"errors"') or b'"errors":[' in content[-4096:]:
        raise RuntimeError(f"the gateway answered with errors: {content[:500]!r}")
    return content
