"""A short soak, and the rules for its findings.

Covers ``bench/soak/``.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cluster import cluster_of
from bench.soak.findings import MEGABYTE, Sample, growth, left_behind, memory_findings, tracebacks
from bench.soak.run import Plan, soak
from bench.soak.views import Fold, Violation
from tests.bench.forked_probes import fork_probed
from tests.fixtures.control_plane import SPARING_RUNTIME, ControlPlane, find_assets
from tests.fixtures.ports import free_port
from tests.fixtures.requirements import unavailable

IDLE = Sample(0.0, 80 * MEGABYTE, {"Listener.serve": 1}, {"MainThread": 1}, {"others": 9, "clients": 2}, {})


@pytest.mark.cluster
@pytest.mark.timeout(400)
async def test_a_short_soak_finds_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.gateways.start_probed", fork_probed)
    assets = find_assets()
    if assets is None:
        unavailable("cluster", "no kube-apiserver on this machine", "tests/kube/build.sh (needs Go)")
    # a control plane of its own, because the soak kills it
    plane = ControlPlane(tmp_path / "cluster", assets, free_port(), go_runtime=SPARING_RUNTIME)
    try:
        plane.up()
        plan = Plan(seconds=14.0, turns=2, clients=16, longest=4.0)
        outcome = await soak(cluster_of(plane, tmp_path), plan)
    finally:
        plane.down()
    assert outcome.findings == []
    assert outcome.counts["times that the API server died"] == 2
    assert outcome.counts["events"] > 0


def test_an_unchanged_sample_has_no_leak() -> None:
    assert left_behind(IDLE, IDLE) == []


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(IDLE, metrics={"kube_graphql_subscribers": 1.0}), "1 subscribers instead of 0"),
        (replace(IDLE, tasks={"Listener.serve": 1, "_payloads": 2}), "2 tasks of _payloads instead of 0"),
        (replace(IDLE, threads={"MainThread": 1, "lost": 1}), "1 threads called lost instead of 0"),
        (replace(IDLE, files={"others": 9, "clients": 5}), "5 open files (clients) instead of 2"),
        (replace(IDLE, files={"upstream": 200}), "200 open files (upstream) instead of 16"),
    ],
)
def test_a_leak_is_described_by_its_counts(now: Sample, words: str) -> None:
    assert left_behind(IDLE, now) == [words]


def samples(*megabytes: float) -> list[Sample]:
    return [replace(IDLE, at=float(at), memory=int(size * MEGABYTE)) for at, size in enumerate(megabytes)]


def test_growth_is_the_rise_of_the_regression_line() -> None:
    assert growth(samples(80, 81, 82, 83)) == pytest.approx(3 * MEGABYTE)
    assert growth(samples(80)) == 0


def test_memory_may_grow_during_the_warm_up_only() -> None:
    warming = samples(*range(60, 100, 10), *[100] * 8)
    leaking = samples(*range(60, 120, 5))
    assert memory_findings(warming, warming) == []
    assert memory_findings(warming, leaking) == ["memory at rest has grown by 35.0 MB after the warm-up"]


def test_tracebacks_in_a_log_are_counted() -> None:
    failure = "Traceback (most recent call last):\n  File x\nValueError: z"
    log = f"12:00:01 ERROR gateway: failed\n{failure}\n12:00:02 INFO well\n"
    log += f"12:00:03 ERROR gateway: failed\n{failure}\n"
    assert tracebacks(log) == [f"2 × in the gateway's log: ERROR gateway: failed\n{failure}"]


def event(kind: str, version: int, name: str = "c0", object_version: int = 0) -> dict[str, object]:
    metadata = {
        "namespace": "n",
        "name": name,
        "uid": name,
        "resourceVersion": str(object_version or version),
    }
    found = None if kind == "SYNCED" else {"metadata": metadata}
    return {"type": kind, "object": found, "resourceVersion": str(version)}


def folded(*events: dict[str, object], asked: str | None = None) -> Fold:
    fold = Fold()
    fold.begin(asked)
    for event in events:
        fold.take(event)
    return fold


def test_events_are_folded() -> None:
    fold = folded(event("ADDED", 1), event("SYNCED", 2), event("MODIFIED", 3), event("ADDED", 4, "c1"))
    assert fold.known == {"n/c0": ("c0", "3"), "n/c1": ("c1", "4")}
    assert fold.version == "4"


def test_a_resuming_subscriber_keeps_its_objects() -> None:
    fold = folded(event("ADDED", 1), event("SYNCED", 2))
    fold.begin("2")
    for following in (event("SYNCED", 2), event("ADDED", 3, "c1")):
        fold.take(following)
    assert fold.resumed
    assert set(fold.known) == {"n/c0", "n/c1"}


def test_a_subscriber_that_starts_afresh_discards_its_objects() -> None:
    fold = folded(event("ADDED", 1), event("SYNCED", 2))
    fold.begin("2")
    fold.take(event("ADDED", 9, "c1"))
    assert set(fold.known) == {"n/c1"}
    assert fold.version is None, "an incomplete set is no resume point"


@pytest.mark.parametrize(
    "events",
    [
        [event("SYNCED", 2), event("SYNCED", 2)],
        [event("SYNCED", 2), event("ADDED", 1)],
        [event("SYNCED", 2), event("DELETED", 3)],
        [event("SYNCED", 2), event("MODIFIED", 3)],
        [event("ADDED", 1), event("SYNCED", 2), event("ADDED", 3)],
        [event("ADDED", 1), event("SYNCED", 2), event("MODIFIED", 3, object_version=1)],
    ],
    ids=[
        "synced twice",
        "out of order",
        "deletes the unknown",
        "modifies the unknown",
        "adds twice",
        "repeats",
    ],
)
def test_an_event_that_breaks_a_guarantee_is_a_violation(events: list[dict[str, object]]) -> None:
    with pytest.raises(Violation):
        folded(*events)
