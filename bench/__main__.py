"""``python -m bench``: measures, prints the tables, and stores them."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cluster import NoControlPlane, start_cluster
from bench.fanout.run import Plan, measure_fanout
from bench.processes import Unmeasurable, share_cores
from bench.reads import measure_reads
from bench.relations import measure_relations
from bench.results import RESULTS, Run, record, store
from bench.reviews import measure_reviews
from bench.schemas import MOST, measure_realistic_schemas, measure_schemas
from bench.tables import Table
from bench.variants import AIMED
from bench.writes import CLIENTS, measure_writes
from gateway.cli.event_loop import run

__all__ = ["main"]

_READS, _WRITES, _SCHEMAS, _FANOUT, _REVIEWS = "reads", "writes", "schemas", "fanout", "reviews"
_RELATIONS = "relations"
_STEADY_AFTER_SECONDS = 12.0
"""A gateway moves its heap to huge pages (:mod:`gateway.memory`) 10 s after its start."""
_SUBJECTS = (_SCHEMAS, _READS, _RELATIONS, _WRITES, _REVIEWS, _FANOUT)

_HELP = """Measure the gateway on throw-away control planes of a real kube-apiserver.

SUBJECTS, all six by default, are schemas (start-up, introspection, reload), reads (lists and gets),
relations (lists with related objects, and trees) and writes (patches and applies), these three compared with
raw requests, reviews (the share of access reviews in a cached get), fanout (updates to many subscribers).
Needs the binaries of tests/kube/build.sh. --quick measures only the sizes that have aims. --record replaces
the tables of the measured subjects.
"""
_EPILOG = "Example: python -m bench reads --quick"


class _Sizes(click.ParamType[tuple[int, ...]]):
    """A click type: integers separated by commas."""

    name = "sizes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(size) for size in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 1000,5000", param, ctx)


@click.command(help=_HELP, epilog=_EPILOG, context_settings={"show_default": True})
@click.argument("subjects", nargs=-1, metavar="[SUBJECTS]...", type=click.Choice(_SUBJECTS))
@click.option("--pods", type=_Sizes(), default=(1000, AIMED, 20_000), help="Numbers of pods to read.")
@click.option("--crds", type=_Sizes(), default=(0, 125, 250, MOST), help="Numbers of CRDs to install.")
@click.option("--subscribers", type=_Sizes(), default=Plan().sizes, help="Numbers of subscribers.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Measured rounds of each read.")
@click.option("--starts", type=click.IntRange(1), default=3, help="Starts of the gateway per number of CRDs.")
@click.option("--quick", is_flag=True, help="Measure only the sizes with aims, in few rounds.")
@click.option(
    "--record",
    "recorded",
    is_flag=True,
    help="Also write bench/results/latest.* and the figures in the documentation.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=RESULTS,
    help="Folder for the files of this run.",
)
def main(  # noqa: PLR0913 (one argument per option)
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
    """Measure the subjects, print their tables and store the run."""
    plan = Plan(sizes=subscribers)
    if quick:
        plan = plan.quick()
        pods, crds, rounds, starts = (AIMED,), (0, MOST), 3, 1
    chosen = subjects or _SUBJECTS
    tables: list[Table] = []
    try:
        if _SCHEMAS in chosen:
            tables += _show(_run_schemas(crds, starts))
        if _READS in chosen:
            tables += _show(_run_reads(pods, rounds))
        if _RELATIONS in chosen:
            # creating 20,000 pods takes minutes
            tables += _show(_run_relations([size for size in pods if size <= AIMED], rounds))
        if _WRITES in chosen:
            tables += _show(_run_writes(CLIENTS[:1] if quick else CLIENTS, rounds))
        if _REVIEWS in chosen:
            tables += _show(_run_reviews(rounds))
        if _FANOUT in chosen:
            tables += _show(_run_fanout(plan))
    except (NoControlPlane, Unmeasurable) as error:
        raise click.ClickException(str(error)) from error
    results = Run.of(tables)
    click.echo(f"stored in {store(results, output)}")
    if recorded:
        record(results)


def _run_schemas(sizes: Sequence[int], starts: int) -> list[Table]:
    with start_cluster() as cluster:
        tables = asyncio.run(measure_schemas(cluster, sizes, starts))
    with start_cluster() as cluster:
        return tables + asyncio.run(measure_realistic_schemas(cluster, sizes, starts))


def _run_reads(sizes: Sequence[int], rounds: int) -> list[Table]:
    with start_cluster() as cluster:
        return run(measure_reads(cluster, sizes, rounds))


def _run_relations(sizes: Sequence[int], rounds: int) -> list[Table]:
    with start_cluster() as cluster:
        return run(measure_relations(cluster, sizes, rounds))


def _run_writes(sizes: Sequence[int], rounds: int) -> list[Table]:
    with start_cluster() as cluster:
        return run(measure_writes(cluster, sizes, rounds, after_seconds=_STEADY_AFTER_SECONDS))


def _run_reviews(rounds: int) -> list[Table]:
    with start_cluster() as cluster:
        return asyncio.run(measure_reviews(cluster, rounds))


def _run_fanout(plan: Plan) -> list[Table]:
    cores = share_cores()
    with cores.run_on(cores.others), start_cluster() as cluster:
        return asyncio.run(measure_fanout(cluster, plan, cores))


def _show(tables: list[Table]) -> list[Table]:
    for table in tables:
        click.echo(table.markdown())
    sys.stdout.flush()
    return tables


if __name__ == "__main__":
    main()
