"""The benchmarks run, on a few objects; no figure is asserted.

Covers ``bench/cluster.py``, ``bench/fanout/``, ``bench/gateways.py``, ``bench/probe.py``,
``bench/probed_serve.py``, ``bench/processes.py``, ``bench/reads.py``, ``bench/relations.py``,
``bench/reviews.py``, ``bench/schemas.py``, ``bench/variants.py`` and ``bench/writes.py``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster import Cluster, cluster_of
from bench.fanout.run import Plan, measure_fanout
from bench.processes import share_cores
from bench.reads import measure_reads
from bench.relations import measure_relations
from bench.results import Run, store
from bench.reviews import measure_reviews
from bench.schemas import measure_realistic_schemas, measure_schemas
from bench.tables import Table
from bench.writes import measure_writes
from tests.bench.forked_probes import fork_probed
from tests.fixtures.control_plane import SPARING_RUNTIME, ControlPlane, find_assets
from tests.fixtures.ports import free_port
from tests.fixtures.requirements import unavailable

_SIZES = {
    "bench.reads._CLIENTS": 8,
    "bench.reviews._BATCHES": 2,
    "bench.reviews._FRESH_REVIEWS": 5,
    "bench.reviews._GETS": 10,
    "bench.reviews._REPEATS": 100,
    "bench.schemas._IDLE_FOR": 0.2,
    "bench.schemas._SETTLE_SECONDS": 1.0,
    "bench.writes._TIMES": 4,
    "tests.kube.seed.APPS": 20,
    "tests.kube.seed.NAMESPACES": 5,
    "tests.kube.seed.NODES": 10,
}

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for the benchmarks alone, because they read all pods."""
    directory = tmp_path_factory.mktemp("bench")
    assets = find_assets()
    if assets is None:
        unavailable("cluster", "no kube-apiserver on this machine", "tests/kube/build.sh (needs Go)")
    plane = ControlPlane(directory / "cluster", assets, free_port(), go_runtime=SPARING_RUNTIME)
    try:
        plane.up()
        yield cluster_of(plane, directory)
    finally:
        plane.down()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few repetitions, short waits and few objects: larger ones only make a figure exact."""
    for name, number in _SIZES.items():
        monkeypatch.setattr(name, number)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that are forked with their probe; a new interpreter takes a second of processor time."""
    monkeypatch.setattr("bench.gateways.start_probed", fork_probed)


def assert_measured(tables: list[Table], column: int) -> None:
    """Every row has samples, and every table can be printed."""
    for table in tables:
        assert [row.name for row in table.rows if not row.samples.get(column)] == []
        assert table.title in table.markdown()


@pytest.mark.usefixtures("forked")
async def test_reads_are_measured_and_stored(cluster: Cluster, tmp_path: Path) -> None:
    tables = await measure_reads(cluster, [60], rounds=1)
    assert_measured(tables, 60)
    run = Run.of(tables)
    assert Run.load(store(run, tmp_path).with_suffix(".json")).markdown() == run.markdown()


@pytest.mark.usefixtures("forked")
async def test_relations_are_measured(cluster: Cluster) -> None:
    relations, trees, process, process_of_trees = await measure_relations(cluster, [60], rounds=1, tree=100)
    for table in (relations, process):
        assert_measured([table], 60)
    for table in (trees, process_of_trees):
        assert_measured([table], 100)


async def test_writes_are_measured(cluster: Cluster) -> None:
    # by a gateway in a new interpreter, as all benchmarks start it
    tables = await measure_writes(cluster, [1, 2], rounds=1)
    for column in (1, 2):
        assert_measured(tables, column)


async def test_access_reviews_are_measured(cluster: Cluster) -> None:
    tables = await measure_reviews(cluster, rounds=1)
    assert_measured(tables, 100)


@pytest.mark.usefixtures("forked")
async def test_schemas_are_measured(cluster: Cluster) -> None:
    tables = await measure_schemas(cluster, [2], rounds=1)
    assert_measured(tables, 2)


@pytest.mark.usefixtures("forked")
async def test_realistic_schemas_are_measured(cluster: Cluster) -> None:
    [table] = await measure_realistic_schemas(cluster, [2], rounds=1)
    assert_measured([table], 2)


async def test_fan_out_is_measured(cluster: Cluster) -> None:
    plan = Plan(sizes=[5], pods=15, updates=5, rounds=1, paced={5: 20}, seconds=0.5, variants=False)
    tables = await measure_fanout(cluster, plan, share_cores())
    assert [table.title for table in tables] == [
        "Fan-out: updates as fast as the API server accepts them",
        "Fan-out: updates at a fixed rate",
    ]
    at_once, paced = tables
    assert at_once.row("upstream watches").samples == {5: [1]}
    assert at_once.row("events out of order").samples == {5: [0]}
    assert_measured([paced], 5)
