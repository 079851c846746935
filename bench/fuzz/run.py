"""The run: sends numbered inputs, a few at a time, and judges the answers, the log and the memory."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from websockets.exceptions import WebSocketException

from bench.fuzz.inputs import STARTS, Inputs
from bench.fuzz.messages import Unanswered, send_message
from bench.fuzz.requests import FAILURES, describe, open_client, send_connection, send_post
from bench.soak.findings import tracebacks
from tests.fixtures.gateways import GatewayProcess

__all__ = ["ALLOWED_GROWTH", "MEGABYTE", "Fuzz", "fuzz", "growth"]

DEADLINE_SECONDS = 60.0
MEGABYTE = 1 << 20
ALLOWED_GROWTH = 24 * MEGABYTE
"""After the warm-up, the first quarter: the document cache and the heap fluctuate by some megabytes."""
_CONCURRENT = 16
_SAMPLES = 16
_CONNECTIONS = ("slow", "pipelined", "aborted", "broken", "slow", "pipelined", "aborted", "broken", "large")


@dataclass
class Fuzz:
    """One run: its counts by kind and outcome, its findings, and samples of memory in bytes."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def judge(self, status: int, body: bytes) -> str | None:
        """Count an answer; returns the finding if it has status 500 or more or the code INTERNAL."""
        self.counts[f"status {status}"] += 1
        fails = status >= 500 or b'"INTERNAL"' in body
        return f"status {status}, {body[:300]!r}" if fails else None


@dataclass(frozen=True, slots=True)
class _Input:
    """One input: its kind, its size in bytes if it has one, and the text that findings quote."""

    kind: str
    text: str | bytes = b""

    def __str__(self) -> str:
        quoted = f", {len(self.text)} long: {self.text[:600]!r}" if self.text else ""
        return f"{self.kind}{quoted}"


async def fuzz(gateway: GatewayProcess, numbers: Sequence[int], seed: int) -> Fuzz:
    """Send the inputs with these numbers: messages, bodies, and some connections of unusual clients."""
    run = Fuzz(seed)
    left = iter(numbers)
    every = max(1, len(numbers) // _SAMPLES)

    def sample(number: int) -> None:
        if number % every == 0:
            run.memory.append(_memory(gateway))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(_CONCURRENT, len(numbers))):
            tasks.create_task(_work(gateway, run, left, sample))
    run.memory.append(_memory(gateway))
    run.findings += tracebacks(gateway.process.output())
    grown = growth(run.memory)
    if grown > ALLOWED_GROWTH:
        run.findings.append(f"memory has grown by {grown / MEGABYTE:.1f} MB after the warm-up")
    return run


async def _work(
    gateway: GatewayProcess, run: Fuzz, numbers: Iterable[int], sample: Callable[[int], None]
) -> None:
    async with open_client(gateway.url, DEADLINE_SECONDS) as client:
        for number in numbers:
            sample(number)
            inputs = Inputs(run.seed, number)
            sent, finding = await _send(gateway, client, run, number, inputs)
            if finding:
                run.findings.append(f"input {number} of seed {run.seed}: {finding} for {sent}")


async def _send(
    gateway: GatewayProcess, client: httpx.AsyncClient, run: Fuzz, number: int, inputs: Inputs
) -> tuple[_Input, str | None]:
    """Send one input; returns it with its finding."""
    sent = _Input("connection")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            if number % 3 == 0:
                subprotocol = inputs.draw.choice(list(STARTS))
                sent = _Input(f"message of {subprotocol}", inputs.message(subprotocol))
                run.counts["messages"] += 1
                return sent, run.judge(200, await send_message(gateway.socket_url, subprotocol, sent.text))
            if number % 40 == 1:
                kind = inputs.draw.choice(_CONNECTIONS)
                sent = _Input(f"{kind} connection")
                run.counts[f"connections: {kind}"] += 1
                return sent, run.judge(*await send_connection(gateway.port, kind, inputs))
            body = inputs.body()
            sent = _Input("body", body)
            run.counts["bodies"] += 1
            return sent, run.judge(*await send_post(client, body))
    except (*FAILURES, WebSocketException, Unanswered) as error:
        return sent, f"no answer, {describe(error)},"


def growth(memory: Sequence[int]) -> float:
    """The difference of the means of the last and the second quarter: the first one is the warm-up."""
    quarter = max(1, len(memory) // 4)
    second, last = memory[quarter : 2 * quarter] or memory, memory[-quarter:]
    return sum(last) / len(last) - sum(second) / len(second)


def _memory(gateway: GatewayProcess) -> int:
    """The resident memory of the gateway's process, in bytes."""
    status = Path(f"/proc/{gateway.process.child.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
