"""``python -m bench.soak``: exit status 1, with what was found, where anything was."""

import asyncio
import os
import sys

import click

from bench.cluster import NoControlPlane, start_cluster
from bench.soak.findings import ALLOWED, MEGABYTE, MEMORY_JUDGED_FROM, growth
from bench.soak.run import Outcome, Plan, soak

__all__ = ["main"]

SECONDS_OF_A_TURN = 60


@click.command(help="Let subscribers come, stall, vanish and go, and fail where anything is left of them.")
@click.option("--minutes", type=click.FloatRange(0.1), default=10.0, help="How long.")
@click.option("--clients", type=click.IntRange(1), default=48, help="How many at a time.")
@click.option("--seed", type=int, default=1, help="Another one, another course of things.")
def main(minutes: float, clients: int, seed: int) -> None:
    """Run, print and judge."""
    seconds = minutes * 60
    turns = max(2, round(seconds / SECONDS_OF_A_TURN))
    plan = Plan(seconds=seconds, turns=turns, clients=clients, seed=seed)
    click.echo(f"{minutes:g} minutes in {turns} turns, load average {os.getloadavg()[0]:.1f}")
    try:
        with start_cluster() as cluster:
            outcome = asyncio.run(soak(cluster, plan, say))
    except NoControlPlane as error:
        raise click.ClickException(str(error)) from error
    summarise(outcome, plan)
    sys.exit(1 if outcome.findings else 0)


def say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def summarise(outcome: Outcome, plan: Plan) -> None:
    for name, count in sorted(outcome.counts.items()):
        click.echo(f"{count:8,} {name}")
    for words, samples in (("under load", outcome.under_load), ("at rest", outcome.at_rest)):
        grown = growth(samples[len(samples) // 3 :]) / MEGABYTE
        judged = (
            f"{ALLOWED / MEGABYTE:.0f} MB allowed" if plan.seconds >= MEMORY_JUDGED_FROM else "not judged"
        )
        click.echo(f"memory {words} after the first third: {grown:+.1f} MB ({judged})")
    for each in outcome.findings:
        click.echo(f"FOUND: {each}", err=True)
    click.echo(f"{len(outcome.findings)} findings, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
