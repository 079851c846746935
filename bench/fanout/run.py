"""Plans and runs the fan-out measurements, and builds their tables."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import httpx

from bench.cluster import Cluster
from bench.fanout.scene import OTHER, QUERY, Load, Opening, Round, Scene, open_scene
from bench.fanout.subscribers import EVENT_STREAM, LEGACY_WS
from bench.fanout.updates import Writer, create_pods
from bench.processes import Cores, allow_open_files
from bench.tables import Aim, Column, Measure, Row, Samples, Table, Unit
from gateway.settings import settings

__all__ = ["Plan", "measure_fanout"]

_MEGABYTE = 1 << 20
_CPU = "gateway CPU per message"
_CPU_RATIO = f"{_CPU}, relative to 100 subscribers"
_FEW, _MANY, _MOST = 100, 1000, 5000
_WATCHES = "upstream watches, "
_NOTE = (
    "The query is that of `examples/pods-dashboard`, on 100 pods; an update is a PATCH of one of them. Each "
    "event of each subscriber counts as a message. With few subscribers, the CPU of a message is mostly the "
    "CPU of the update, and the API server accepts updates more slowly than the gateway delivers them."
)
_OTHER_FILES = 200
"""Open files of a process besides its connections."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes and rounds to measure.

    ``paced`` maps numbers of subscribers to updates per second, which are sent for ``seconds``. With
    ``variants``, other protocols, selections, stalled readers and numbers of workers are measured, too.
    """

    sizes: Sequence[Column] = (10, _FEW, _MANY, _MOST)
    pods: int = 100
    updates: int = 100
    rounds: int = 3
    paced: Mapping[Column, int] = field(default_factory=lambda: {_FEW: 20, _MANY: 5})
    seconds: float = 10.0
    variants: bool = True

    def quick(self) -> "Plan":
        """A plan of one round, with only the sizes up to 1,000 subscribers."""
        return replace(self, sizes=(10, _FEW, _MANY), rounds=1, paced={_FEW: 20}, seconds=5.0, variants=False)

    def updates_for(self, subscribers: int) -> int:
        """The number of updates; more for few subscribers, because CPU time is counted in units of 10 ms."""
        return max(self.updates, min(3 * self.updates, 10_000 // subscribers))


@dataclass(slots=True)
class _Fanout:
    """Measures one load after another, each on its own gateway, and adds the figures to ``samples``."""

    cluster: Cluster
    api: httpx.AsyncClient
    writer: Writer
    plan: Plan
    cores: Cores
    samples: Samples = field(default_factory=Samples)

    async def run_size(self, subscribers: Column) -> None:
        """Measure updates at full speed, then at the plan's rate for this size, if it has one."""
        async with open_scene(self.cluster, self.api, Load(subscribers, cores=self.cores)) as scene:
            self.note_opening(subscribers, scene.opening)
            for _ in range(self.plan.rounds if subscribers <= _MANY else 1):
                self.note_round(subscribers, scene.opening, await self.update_at_once(scene))
            if subscribers in self.plan.paced:
                self.note_paced("", subscribers, await self.update_paced(scene))

    async def run_stalled(self, subscribers: Column) -> None:
        """Measure the latency of reading subscribers while 1 % more subscribers read nothing."""
        load = Load(subscribers, stalled=subscribers // 100, cores=self.cores)
        async with open_scene(self.cluster, self.api, load) as scene:
            found = await self.update_paced(scene)
        self.note_paced("1 % of readers stalled", subscribers, found)
        self.samples.add("events queued for stalled readers", subscribers, found.waiting)

    async def run_variant(self, name: str, load: Load) -> None:
        async with open_scene(self.cluster, self.api, load) as scene:
            for _ in range(self.plan.rounds):
                self.note_rates(name, load.subscribers, await self.update_at_once(scene))
        self.samples.add(_variant_name("upstream watches", name), load.subscribers, scene.opening.watches)

    async def update_at_once(self, scene: Scene) -> Round:
        return await scene.measure(self.writer.at_once(self.plan.updates_for(scene.load.subscribers)))

    async def update_paced(self, scene: Scene) -> Round:
        rate = self.plan.paced[scene.load.subscribers]
        return await scene.measure(self.writer.paced(int(rate * self.plan.seconds), rate))

    def note_opening(self, column: Column, opening: Opening) -> None:
        add = self.samples.add
        growth = opening.after.memory - opening.before.memory
        add("memory per subscriber", column, growth / column / 1024)
        add("upstream watches", column, opening.watches)
        add("gateway CPU per initial event", column, opening.cpu / max(opening.events, 1) * 1e6)

    def note_round(self, column: Column, opening: Opening, found: Round) -> None:
        self.note_rates("", column, found)
        self.note_latencies("", column, found)
        add = self.samples.add
        add("client CPU per message", column, found.client_cpu / max(found.messages, 1) * 1e6)
        add("gateway CPU, 100 updates", column, found.gateway.cpu / found.updates * 100 * 1000)
        add("peak memory", column, max(opening.after.peak, found.gateway.peak) / _MEGABYTE)

    def note_rates(self, name: str, column: Column, found: Round) -> None:
        for figure, value in (
            ("delivered", found.messages / found.seconds),
            (_CPU, found.gateway.cpu / max(found.messages, 1) * 1e6),
            ("delivered per second of gateway CPU", found.messages / max(found.gateway.cpu, 0.01)),
            ("events coalesced", found.missing),
            ("events out of order", found.disordered),
        ):
            self.samples.add(_variant_name(figure, name), column, value)

    def note_latencies(self, name: str, column: Column, found: Round) -> None:
        for since, latencies in (("sent", found.since_sent), ("answered", found.since_answered)):
            for share in (50, 99):
                figure = _variant_name(f"p{share}, PATCH {since} to arrival", name)
                self.samples.add(figure, column, _percentile(latencies, share) * 1000)

    def note_paced(self, name: str, column: Column, found: Round) -> None:
        paced = _variant_name("paced", name)
        self.note_rates(paced, column, found)
        self.note_latencies(paced, column, found)
        self.samples.add(
            _variant_name("p99 within the gateway, upper bound", paced), column, found.lag * 1000
        )

    def compare_with_few(self) -> None:
        """Add the CPU of a message as a multiple of its CPU with 100 subscribers."""
        costs = self.samples.found[_CPU]
        if _FEW in costs:
            for column, samples in costs.items():
                self.samples.add(_CPU_RATIO, column, median(samples) / median(costs[_FEW]))


async def measure_fanout(cluster: Cluster, plan: Plan, cores: Cores) -> list[Table]:
    """Run the plan and return its tables. Raises Unmeasurable without ``/proc``."""
    load_average = os.getloadavg()[0]
    files = allow_open_files(max(plan.sizes) + _OTHER_FILES)
    sizes = [size for size in plan.sizes if size + _OTHER_FILES <= files]
    async with cluster.client() as api:
        fanout = _Fanout(cluster, api, Writer(api, await create_pods(api, plan.pods)), plan, cores)
        for size in sizes:
            await fanout.run_size(size)
        if plan.variants:
            await _run_variants(fanout)
    fanout.compare_with_few()
    notes = [f"{cores}; load average {load_average:.1f} at the start."]
    if len(sizes) < len(plan.sizes):
        notes.append(f"Larger sizes were skipped: this process may open only {files} files.")
    return _all_tables(fanout.samples, sizes, plan.paced, notes)


async def _run_variants(fanout: _Fanout) -> None:
    """Measure each variant at one size."""
    cores = fanout.cores
    await fanout.run_stalled(_MANY)
    await fanout.run_variant("legacy graphql-ws", Load(_FEW, LEGACY_WS, cores=cores))
    await fanout.run_variant("graphql-sse", Load(_FEW, EVENT_STREAM, cores=cores))
    await fanout.run_variant("two selections", Load(_MANY, queries=(QUERY, OTHER), cores=cores))
    if any(setting.name == "workers" for setting in settings()):
        for workers in ("1", "2"):
            arguments = ("--workers", workers)
            # not pinned: two workers need two cores, which they share with all other processes
            await fanout.run_variant(f"--workers {workers}", Load(_MANY, arguments=arguments))


def _percentile(ordered: Sequence[float], share: int) -> float:
    """The percentile of sorted values; 0 if there are none."""
    return ordered[min(len(ordered) * share // 100, len(ordered) - 1)] if ordered else 0.0


def _variant_name(figure: str, name: str) -> str:
    """The name of a figure's row in one variant."""
    return f"{figure}, {name}" if name else figure


def _most(column: Column, limit: float) -> Aim:
    return Aim(column, Measure.LARGEST, limit)


def _all_tables(
    samples: Samples, sizes: Sequence[Column], paced: Mapping[Column, int], notes: Sequence[str]
) -> list[Table]:
    """The tables that have rows."""
    pace = ", ".join(f"{rate} at {column:,} subscribers" for column, rate in paced.items())
    found = [
        Table(
            "Fan-out: updates as fast as the API server accepts them",
            "subscribers",
            sizes,
            _rows_at_once(samples, sizes),
            (_NOTE, *notes),
        ),
        Table(
            "Fan-out: updates at a fixed rate",
            "subscribers",
            sorted(paced),
            _rows_paced(samples),
            (f"Updates per second: {pace}. The time within the gateway is a bound of its own histogram.",),
        ),
        Table(
            "Fan-out: other protocols, selections and workers",
            "subscribers",
            (_FEW, _MANY),
            _rows_of_variants(samples),
            ("The runs with `--workers` are not pinned to cores.",),
        ),
    ]
    return [table for table in found if table.rows]


def _rows_at_once(samples: Samples, sizes: Sequence[Column]) -> list[Row]:
    least = Aim(_MANY, Measure.MEDIAN, 10_000, least=True)
    ms = Unit.MILLISECONDS
    return [
        samples.row("delivered", Unit.MESSAGES_PER_SECOND, least),
        samples.row("delivered per second of gateway CPU", Unit.MESSAGES_PER_SECOND, least),
        samples.row(_CPU, Unit.MICROSECONDS),
        samples.row(_CPU_RATIO, Unit.TIMES, _most(_MANY, 1.25), _most(_MOST, 1.25)),
        samples.row("gateway CPU, 100 updates"),
        samples.row("client CPU per message", Unit.MICROSECONDS),
        *(
            samples.row(f"p{share}, PATCH {since} to arrival", ms)
            for since in ("sent", "answered")
            for share in (50, 99)
        ),
        samples.row("peak memory", Unit.MEGABYTES, _most(_MANY, 300)),
        samples.row("memory per subscriber", Unit.KILOBYTES),
        samples.row("gateway CPU per initial event", Unit.MICROSECONDS),
        samples.row("upstream watches", Unit.COUNT, *(_most(size, 1) for size in sizes[-1:])),
        samples.row("events coalesced", Unit.COUNT),
        samples.row("events out of order", Unit.COUNT, *(_most(size, 0) for size in sizes[-1:])),
    ]


def _rows_paced(samples: Samples) -> list[Row]:
    names = [name for name in samples.found if name.startswith("p99, PATCH sent") and "paced" in name]
    rows: list[Row] = []
    for name in names:
        _, _, suffix = name.partition("arrival, ")
        aims = (_most(_FEW, 250),) if suffix == "paced" else ()
        rows += [
            samples.row(f"p50, PATCH sent to arrival, {suffix}"),
            samples.row(name, Unit.MILLISECONDS, *aims),
            samples.row(f"p50, PATCH answered to arrival, {suffix}"),
            samples.row(f"p99, PATCH answered to arrival, {suffix}"),
            samples.row(f"p99 within the gateway, upper bound, {suffix}"),
            samples.row(f"{_CPU}, {suffix}", Unit.MICROSECONDS),
            samples.row(f"events coalesced, {suffix}", Unit.COUNT),
        ]
    if "events queued for stalled readers" in samples.found:
        rows.append(samples.row("events queued for stalled readers", Unit.COUNT))
    return rows


def _rows_of_variants(samples: Samples) -> list[Row]:
    names = [name.removeprefix(_WATCHES) for name in samples.found if name.startswith(_WATCHES)]
    rows: list[Row] = []
    for name in names:
        rows += [
            samples.row(f"delivered, {name}", Unit.MESSAGES_PER_SECOND),
            samples.row(f"{_CPU}, {name}", Unit.MICROSECONDS),
            samples.row(f"events coalesced, {name}", Unit.COUNT),
            samples.row(f"upstream watches, {name}", Unit.COUNT),
        ]
    return rows
