"""``python -m bench.fuzz``: random documents, bodies and websocket messages against a gateway on the demo.

Exits with status 1 and one FOUND line per finding: an answer with status 500 or more or the code
``INTERNAL``, a traceback in the log, a request without an answer, memory that grows.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from bench.soak.findings import tracebacks
from tests.fixtures.gateways import GatewayProcess, start_gateway

__all__ = ["Fuzz", "fuzz", "main"]

DEADLINE_SECONDS = 60.0
MEGABYTE = 1 << 20
ALLOWED_GROWTH = 24 * MEGABYTE
"""After the warm-up, the first quarter: the document cache and the heap fluctuate by some megabytes."""
_CONCURRENT = 16
_SAMPLES = 16
_NUMBERS = ("0", "-1", "2147483648", "9" * 19, "1" * 4301, "1e400", "1e-999", "0.1", "-", "01")
_TEXTS = ('"a"', '""', '"\\u0000"', '"\\ud800"', '"../x"', '"é🙂"', '"""b"""', '"', "'a'")
_WORDS = ("true", "null", "ENUM", "$v", "__typename", "metadata", "items", "on", "fragment", "@skip(if: $v)")
_SIGNS = "{}[]()!:=|&@$.,#\n\t \\\x00\ufeff"
_FIELDS = ("pods", "pod", "nodes", "object", "can", "canAll", "resources", "createPod", "applyManifest")
_ARGUMENTS = ("name", "namespace", "labelSelector", "fieldSelector", "limit", "continue", "object")
_SUBPROTOCOLS = ("graphql-transport-ws", "graphql-ws")
_TYPES = ("connection_init", "subscribe", "start", "complete", "stop", "ping", "pong", "next")


@dataclass
class Fuzz:
    """One run: its counts by kind and outcome, its findings, and samples of memory in bytes."""

    draw: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def judge(self, sent: object, status: int, body: bytes) -> None:
        """Count an answer; one with status 500 or more or the code INTERNAL is a finding."""
        self.counts[f"status {status}"] += 1
        if status >= 500 or b'"INTERNAL"' in body:
            self.findings.append(f"status {status}, {body[:300]!r} for {str(sent)[:600]!r}")

    # inputs

    def value(self, depth: int = 0) -> str:
        """The text of a GraphQL literal or JSON value, often malformed."""
        draw = self.draw
        kind = draw.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return draw.choice(_NUMBERS)
        if kind < 4:
            return draw.choice(_TEXTS)
        if kind == 4:
            return draw.choice(_WORDS)
        inner = [self.value(depth + 1) for _ in range(draw.randrange(4))]
        if kind == 5:
            return f"[{', '.join(inner)}]"
        quote = '"' if kind == 6 else ""
        return "{" + ", ".join(f"{quote}{draw.choice(_ARGUMENTS)}{quote}: {item}" for item in inner) + "}"

    def document(self) -> str:
        """A document: of known fields with any arguments, or of any tokens."""
        draw = self.draw
        if draw.randrange(3) == 0:
            words = (*_WORDS, *_FIELDS, *_SIGNS, *_NUMBERS[:3], *_TEXTS)
            return " ".join(draw.choice(words) for _ in range(draw.randrange(40)))
        names = draw.sample(_ARGUMENTS, draw.randrange(4))
        arguments = ", ".join(f"{name}: {self.value()}" for name in names)
        selection = draw.choice(
            ["{ __typename }", "{ items { json } }", "{ kind metadata { name } }", "", "{"]
        )
        operation = draw.choice(["query", "query", "mutation", "subscription", ""])
        header = draw.choice(["", "($v: JSON)", "A($v: Int = 99999999999)"])
        call = f"{draw.choice(_FIELDS)}{f'({arguments})' if arguments else ''}"
        return self.mutated(f"{operation} {header} {{ {call} {selection} }}")

    def mutated(self, text: str) -> str:
        """The text, often with a character removed, doubled or replaced."""
        draw = self.draw
        for _ in range(draw.randrange(3)):
            place = draw.randrange(len(text) + 1)
            text = text[:place] + draw.choice(["", *_SIGNS, text[place : place + 5] * 2]) + text[place + 1 :]
        return text

    def request(self) -> str:
        """The JSON of a request, often malformed."""
        query = json.dumps(self.document())
        return f'{{"query": {query}, "variables": {self.value()}, "operationName": {self.value(4)}}}'

    def body(self) -> bytes:
        """The body of a POST: a request, any JSON, or any bytes."""
        kind = self.draw.randrange(8)
        if kind == 0:
            return self.draw.randbytes(self.draw.randrange(60))
        text = self.value() if kind == 1 else self.request()
        return (self.mutated(text) if kind < 4 else text).encode("utf-8", "surrogatepass")

    def message(self, subprotocol: str) -> str | bytes:
        """A message of a websocket: of the protocol, any JSON, or any bytes."""
        draw = self.draw
        kind = draw.randrange(8)
        if kind == 0:
            return draw.randbytes(draw.randrange(30))
        if kind == 1:
            return self.value()
        usual = "subscribe" if subprotocol == _SUBPROTOCOLS[0] else "start"
        type_ = usual if kind > 3 else draw.choice(_TYPES)
        id_ = draw.choice(["1", '"1"'])
        text = f'{{"type": "{type_}", "id": {id_}, "payload": {self.request()}}}'
        return self.mutated(text) if kind < 4 else text


async def fuzz(gateway: GatewayProcess, count: int, seed: int) -> Fuzz:
    """Send that many inputs, two bodies to one message, a few at a time."""
    run = Fuzz(random.Random(seed))  # noqa: S311 - reproducible inputs, no secrets
    left = iter(range(count))
    every = max(1, count // _SAMPLES)

    async def work(client: httpx.AsyncClient) -> None:
        for number in left:
            if number % every == 0:
                run.memory.append(_memory(gateway))
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await (_message(gateway, run) if number % 3 == 0 else _post(client, run))
            except (TimeoutError, httpx.TransportError) as error:
                run.findings.append(f"no answer: {error!r}")

    # no idle connection is used again: the gateway may be closing it at that moment
    limits = httpx.Limits(keepalive_expiry=1.0)
    async with (
        httpx.AsyncClient(
            base_url=gateway.url, timeout=DEADLINE_SECONDS, trust_env=False, limits=limits
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(_CONCURRENT):
            tasks.create_task(work(client))
    run.memory.append(_memory(gateway))
    run.findings += tracebacks(gateway.process.output())
    grown = growth(run.memory)
    if grown > ALLOWED_GROWTH:
        run.findings.append(f"memory has grown by {grown / MEGABYTE:.1f} MB after the warm-up")
    return run


async def _post(client: httpx.AsyncClient, run: Fuzz) -> None:
    body = run.body()
    run.counts["bodies"] += 1
    headers = {"content-type": "application/json"}
    async with client.stream("POST", "/graphql", content=body, headers=headers) as response:
        run.judge(body, response.status_code, await response.aread())


async def _message(gateway: GatewayProcess, run: Fuzz) -> None:
    """One message on a connection of its own, answered or refused by the end of the connection."""
    subprotocol = run.draw.choice(_SUBPROTOCOLS)
    message = run.message(subprotocol)
    run.counts["messages"] += 1
    url, offered = gateway.socket_url, [Subprotocol(subprotocol)]
    with suppress(WebSocketException):
        async with connect(url, subprotocols=offered, compression=None, proxy=None) as socket:
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
            await socket.send(message)
            with suppress(TimeoutError):
                # some messages have no answer: a pong, the end of an unknown operation
                async with asyncio.timeout(0.05):
                    run.judge(message, 200, str(await socket.recv()).encode())
        if socket.close_code == 1011:
            run.findings.append(f"close code 1011 for {str(message)[:600]!r}")


def growth(memory: Sequence[int]) -> float:
    """The difference of the means of the last and the second quarter: the first one is the warm-up."""
    quarter = max(1, len(memory) // 4)
    second, last = memory[quarter : 2 * quarter] or memory, memory[-quarter:]
    return sum(last) / len(last) - sum(second) / len(second)


def _memory(gateway: GatewayProcess) -> int:
    """The resident memory of the gateway's process, in bytes."""
    status = Path(f"/proc/{gateway.process.child.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@click.command()
@click.option("--count", type=click.IntRange(1), default=100_000, show_default=True, help="Number of inputs.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all random choices.")
def main(count: int, seed: int) -> None:
    """Send random documents, bodies and websocket messages to a gateway on the demo; fails on a finding."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, start_gateway(Path(directory), "--demo") as gateway:
        run = asyncio.run(fuzz(gateway, count, seed))
    for name, number in sorted(run.counts.items()):
        click.echo(f"{number:8,} {name}")
    first, last = run.memory[0] / MEGABYTE, run.memory[-1] / MEGABYTE
    grown = growth(run.memory) / MEGABYTE
    click.echo(f"memory {first:.0f} MB, at the end {last:.0f} MB, {grown:+.1f} MB after the warm-up")
    click.echo(f"{time.monotonic() - began:.0f} s")
    for finding, times in Counter(run.findings).items():
        click.echo(f"FOUND: {times} × {finding}", err=True)
    sys.exit(1 if run.findings else 0)


if __name__ == "__main__":
    main()
