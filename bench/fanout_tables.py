"""What the fan-out's figures should come to, and the tables that they make."""

from collections.abc import Iterable, Mapping, Sequence

from bench.tables import Aim, Column, Measure, Row, Samples, Table, Unit

__all__ = ["CPU", "MEGABYTE", "all_tables", "variant_name"]

MEGABYTE = 1 << 20
CPU = "gateway CPU per message"
FEW, MANY, MOST = 100, 1000, 5000
WORDS = (
    "The query of `examples/pods-dashboard` on 100 pods; an update is a PATCH of one of them. Each event of "
    "each subscriber is counted. Few subscribers mean that the CPU of a message is mostly that of the "
    "update, and that the API server cannot send updates as fast as they are delivered."
)


def variant_name(figure: str, name: str) -> str:
    """The row of a figure in one of the ways to measure it."""
    return f"{figure}, {name}" if name else figure


def most(column: Column, limit: float) -> Aim:
    return Aim(column, Measure.LARGEST, limit)


def all_tables(
    samples: Samples, sizes: Sequence[Column], paced: Mapping[Column, int], notes: Sequence[str]
) -> list[Table]:
    """Those that have figures."""
    pace = ", ".join(f"{rate} at {column:,} subscribers" for column, rate in paced.items())
    found = [
        Table(
            "Fan-out: updates as fast as the API server takes them",
            "subscribers",
            sizes,
            rows_at_once(samples, sizes),
            (WORDS, *notes),
        ),
        Table(
            "Fan-out: updates at a pace",
            "subscribers",
            sorted(paced),
            rows_paced(samples),
            (f"Updates per second: {pace}. Within the gateway: a bound of its own histogram.",),
        ),
        Table(
            "Fan-out: other protocols, selections and workers",
            "subscribers",
            (FEW, MANY),
            rows_of_variants(samples),
            ("With `--workers`, nothing is pinned to a core.",),
        ),
    ]
    return [each for each in found if each.rows]


def rows_at_once(samples: Samples, sizes: Sequence[Column]) -> list[Row]:
    least = Aim(MANY, Measure.MEDIAN, 10_000, least=True)
    ms = Unit.MILLISECONDS
    return [
        samples.row("delivered", Unit.MESSAGES_PER_SECOND, least),
        samples.row("delivered per second of gateway CPU", Unit.MESSAGES_PER_SECOND, least),
        samples.row(CPU, Unit.MICROSECONDS),
        samples.row(f"{CPU}, of that of {FEW}", Unit.TIMES, most(MANY, 1.25), most(MOST, 1.25)),
        samples.row("gateway CPU, 100 updates"),
        samples.row("client CPU per message", Unit.MICROSECONDS),
        *(
            samples.row(f"p{share}, PATCH {since} to arrival", ms)
            for since in ("sent", "answered")
            for share in (50, 99)
        ),
        samples.row("peak memory", Unit.MEGABYTES, most(MANY, 300)),
        samples.row("memory per subscriber", Unit.KILOBYTES),
        samples.row("gateway CPU per initial event", Unit.MICROSECONDS),
        samples.row("upstream watches", Unit.COUNT, *(most(each, 1) for each in sizes[-1:])),
        samples.row("events that collapsed", Unit.COUNT),
        samples.row("events out of order", Unit.COUNT, *(most(each, 0) for each in sizes[-1:])),
    ]


def rows_paced(samples: Samples) -> list[Row]:
    names = [name for name in samples.found if name.startswith("p99, PATCH sent") and "paced" in name]
    rows: list[Row] = []
    for name in names:
        _, _, suffix = name.partition("arrival, ")
        aims = (most(FEW, 250),) if suffix == "paced" else ()
        rows += [
            samples.row(f"p50, PATCH sent to arrival, {suffix}"),
            samples.row(name, Unit.MILLISECONDS, *aims),
            samples.row(f"p50, PATCH answered to arrival, {suffix}"),
            samples.row(f"p99, PATCH answered to arrival, {suffix}"),
            samples.row(f"p99 within the gateway, at most, {suffix}"),
            samples.row(f"{CPU}, {suffix}", Unit.MICROSECONDS),
            samples.row(f"events that collapsed, {suffix}", Unit.COUNT),
        ]
    if "events that wait for the stalled" in samples.found:
        rows.append(samples.row("events that wait for the stalled", Unit.COUNT))
    return rows


def rows_of_variants(samples: Samples) -> list[Row]:
    names = [name.removeprefix("upstream watches, ") for name in watched(samples)]
    rows: list[Row] = []
    for name in names:
        rows += [
            samples.row(f"delivered, {name}", Unit.MESSAGES_PER_SECOND),
            samples.row(f"{CPU}, {name}", Unit.MICROSECONDS),
            samples.row(f"events that collapsed, {name}", Unit.COUNT),
            samples.row(f"upstream watches, {name}", Unit.COUNT),
        ]
    return rows


def watched(samples: Samples) -> Iterable[str]:
    return [name for name in samples.found if name.startswith("upstream watches, ")]
