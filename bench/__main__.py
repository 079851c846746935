"""``python -m bench``: measure, print the tables, and keep them."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cluster import NoControlPlane, start_cluster
from bench.fanout import Plan, measure_fanout
from bench.processes import Unmeasurable, share_cores
from bench.reads import AIMED, measure_reads
from bench.results import RESULTS, Run, record, store
from bench.schemas import MOST, measure_schemas
from bench.tables import Table

__all__ = ["main"]

READS, SCHEMAS, FANOUT = "reads", "schema", "fanout"


class Sizes(click.ParamType[tuple[int, ...]]):
    """Numbers with commas between them."""

    name = "sizes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(each) for each in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 1000,5000", param, ctx)


@click.command(help="Measure on throw-away control planes; all subjects, unless some are named.")
@click.argument("subjects", nargs=-1, type=click.Choice([SCHEMAS, READS, FANOUT]))
@click.option("--pods", type=Sizes(), default=(1000, AIMED, 20_000), help="Numbers of pods.")
@click.option("--crds", type=Sizes(), default=(0, 125, 250, MOST), help="Numbers of CRDs.")
@click.option("--subscribers", type=Sizes(), default=Plan().sizes, help="Numbers of subscribers.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="How often each read is measured in turn.")
@click.option(
    "--starts", type=click.IntRange(1), default=3, help="How often the gateway is started at each size."
)
@click.option("--quick", is_flag=True, help="Only the sizes that the aims are about, and few rounds.")
@click.option(
    "--record", "recorded", is_flag=True, help="Also write the latest result and the README's table."
)
@click.option(
    "--output", type=click.Path(path_type=Path), default=RESULTS, help="Folder for this run's files."
)
def main(  # noqa: PLR0913 (one for each option)
    subjects: tuple[str, ...],
    pods: tuple[int, ...],
    crds: tuple[int, ...],
    subscribers: tuple[int, ...],
    rounds: int,
    starts: int,
    quick: bool,
    recorded: bool,
    output: Path,
) -> None:
    """Run, print and keep."""
    plan = Plan(sizes=subscribers)
    if quick:
        plan = plan.quick()
        pods, crds, rounds, starts = (AIMED,), (0, MOST), 3, 1
    chosen = subjects or (SCHEMAS, READS, FANOUT)
    tables: list[Table] = []
    try:
        if SCHEMAS in chosen:
            tables += show(run_schemas(crds, starts))
        if READS in chosen:
            tables += show(run_reads(pods, rounds))
        if FANOUT in chosen:
            tables += show(run_fanout(plan))
    except (NoControlPlane, Unmeasurable) as error:
        raise click.ClickException(str(error)) from error
    run = Run.of(tables)
    click.echo(f"kept in {store(run, output)}")
    if recorded:
        record(run)


def run_schemas(sizes: Sequence[int], starts: int) -> list[Table]:
    with start_cluster() as cluster:
        return asyncio.run(measure_schemas(cluster, sizes, starts))


def run_reads(sizes: Sequence[int], rounds: int) -> list[Table]:
    with start_cluster() as cluster:
        return asyncio.run(measure_reads(cluster, sizes, rounds))


def run_fanout(plan: Plan) -> list[Table]:
    cores = share_cores()
    with cores.run_on(cores.others), start_cluster() as cluster:
        return asyncio.run(measure_fanout(cluster, plan, cores))


def show(tables: list[Table]) -> list[Table]:
    for each in tables:
        click.echo(each.markdown())
    sys.stdout.flush()
    return tables


if __name__ == "__main__":
    main()
