"""``python -m bench.soak``: runs the soak and prints its findings; exit status 1 if there are any."""

import asyncio
import os
import sys

import click

from bench.cluster import NoControlPlane, start_cluster
from bench.soak.findings import ALLOWED, MEGABYTE, MEMORY_JUDGED_FROM, growth
from bench.soak.run import Outcome, Plan, soak

__all__ = ["main"]

_HELP = """Subscribe in every protocol, with clients that stall, vanish and leave, and look for leaks.

Starts a real kube-apiserver (tests/kube/build.sh builds it) and kills it once per turn. Exits with
status 1 and one FOUND line per finding: leaked tasks, threads, connections or informers, growing memory
(judged from four minutes on), lost or repeated events, tracebacks in the gateway's log.
"""

_SECONDS_PER_TURN = 60


@click.command(help=_HELP)
@click.option("--minutes", type=click.FloatRange(0.1), default=10.0, help="Duration.", show_default=True)
@click.option(
    "--clients", type=click.IntRange(1), default=48, help="Subscribers at a time.", show_default=True
)
@click.option("--seed", type=int, default=1, help="Seed of all random choices.", show_default=True)
def main(minutes: float, clients: int, seed: int) -> None:
    """Run the soak, print its progress and summary, and exit with its status."""
    seconds = minutes * 60
    turns = max(2, round(seconds / _SECONDS_PER_TURN))
    plan = Plan(seconds=seconds, turns=turns, clients=clients, seed=seed)
    click.echo(f"{minutes:g} minutes in {turns} turns, load average {os.getloadavg()[0]:.1f}")
    try:
        with start_cluster() as cluster:
            outcome = asyncio.run(soak(cluster, plan, _say))
    except NoControlPlane as error:
        raise click.ClickException(str(error)) from error
    _summarise(outcome, plan)
    sys.exit(1 if outcome.findings else 0)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _summarise(outcome: Outcome, plan: Plan) -> None:
    for name, count in sorted(outcome.counts.items()):
        click.echo(f"{count:8,} {name}")
    for words, samples in (("under load", outcome.under_load), ("at rest", outcome.at_rest)):
        grown = growth(samples[len(samples) // 3 :]) / MEGABYTE
        judged = (
            f"{ALLOWED / MEGABYTE:.0f} MB allowed" if plan.seconds >= MEMORY_JUDGED_FROM else "not judged"
        )
        click.echo(f"memory {words} after the first third: {grown:+.1f} MB ({judged})")
    for finding in outcome.findings:
        click.echo(f"FOUND: {finding}", err=True)
    click.echo(f"{len(outcome.findings)} findings, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
