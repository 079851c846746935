"""The pods that a drain evicts, skips or refuses."""

from typing import Any

import msgspec
import pytest

from gateway.resolvers.drain.pods import DrainedPod, DrainOptions, judge

OWNED = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}]}
DAEMON = {"ownerReferences": [{"kind": "DaemonSet", "name": "agent", "controller": True}]}
EMPTY_DIR = {"volumes": [{"name": "config", "configMap": {}}, {"name": "data", "emptyDir": {}}]}
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "digest"}}


def pod(
    metadata: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, phase: str = "Running"
) -> DrainedPod:
    given = {"name": "one", "namespace": "a", "uid": "1", **(metadata or {})}
    return msgspec.convert({"metadata": given, "spec": spec or {}, "status": {"phase": phase}}, DrainedPod)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (pod(OWNED), {}),
        (pod(OWNED, EMPTY_DIR), {"delete_empty_dir_data": True}),
        (pod(), {"force": True}),
        (pod(phase="Succeeded"), {}),
        (pod(None, EMPTY_DIR, "Failed"), {}),
        (pod(DAEMON, None, "Failed"), {}),
    ],
)
def test_a_pod_is_evicted(given: DrainedPod, options: dict[str, bool]) -> None:
    verdict = judge(given, DrainOptions(**options), {"a/agent"})
    assert verdict.evict
    assert verdict.error is None


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (pod(DAEMON), {"ignore_daemon_sets": True}),
        (pod(DAEMON), {"ignore_daemon_sets": True, "force": True}),
        (pod(MIRROR), {}),
        (pod(MIRROR), {"force": True}),
    ],
)
def test_a_pod_stays_with_a_reason(given: DrainedPod, options: dict[str, bool]) -> None:
    verdict = judge(given, DrainOptions(**options), {"a/agent"})
    assert not verdict.evict
    assert verdict.message
    assert verdict.error is None


@pytest.mark.parametrize(
    ("given", "options", "advice"),
    [
        (pod(DAEMON), {"force": True}, "ignoreDaemonSets: true"),
        (pod(OWNED, EMPTY_DIR), {"force": True}, "deleteEmptyDirData: true"),
        (pod(), {"delete_empty_dir_data": True}, "force: true"),
        (pod(None, EMPTY_DIR), {"delete_empty_dir_data": True}, "force: true"),
    ],
)
def test_a_refusal_names_the_option(given: DrainedPod, options: dict[str, bool], advice: str) -> None:
    error = judge(given, DrainOptions(**options), {"a/agent"}).error
    assert error is not None
    assert advice in error


def test_a_pod_of_a_missing_daemon_set_needs_force() -> None:
    error = judge(pod(DAEMON), DrainOptions(ignore_daemon_sets=True), ()).error
    assert error is not None
    assert "force: true" in error
    assert judge(pod(DAEMON), DrainOptions(force=True), ()).evict


def test_an_eviction_that_loses_something_has_a_warning() -> None:
    options = DrainOptions(force=True, delete_empty_dir_data=True)
    message = judge(pod(None, EMPTY_DIR), options, ()).message
    assert message is not None
    assert "emptyDir" in message
    assert "no controller" in message


def test_an_owner_that_is_no_controller_does_not_count() -> None:
    given = pod({"ownerReferences": [{"kind": "ReplicaSet", "name": "web"}]})
    assert judge(given, DrainOptions(), ()).error is not None
