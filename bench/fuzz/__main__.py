"""``python -m bench.fuzz``: runs it and prints one FOUND line per finding; exit status 1 if there are any."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from bench.fuzz.run import MEGABYTE, fuzz, growth
from tests.fixtures.gateways import start_gateway

__all__ = ["main"]


@click.command()
@click.option("--count", type=click.IntRange(1), default=100_000, show_default=True, help="Number of inputs.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all random choices.")
@click.option(
    "--only", type=int, multiple=True, help="Send only the inputs with these numbers, from a FOUND line."
)
def main(count: int, seed: int, only: Sequence[int]) -> None:
    """Send random documents, bodies and websocket messages to a gateway on the demo; fails on a finding."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, start_gateway(Path(directory), "--demo") as gateway:
        run = asyncio.run(fuzz(gateway, only or range(count), seed))
    for name, number in sorted(run.counts.items()):
        click.echo(f"{number:8,} {name}")
    first, last = run.memory[0] / MEGABYTE, run.memory[-1] / MEGABYTE
    grown = growth(run.memory) / MEGABYTE
    click.echo(f"memory {first:.0f} MB, at the end {last:.0f} MB, {grown:+.1f} MB after the warm-up")
    click.echo(f"{time.monotonic() - began:.0f} s")
    for finding in run.findings:
        click.echo(f"FOUND: {finding}", err=True)
    sys.exit(1 if run.findings else 0)


if __name__ == "__main__":
    main()
