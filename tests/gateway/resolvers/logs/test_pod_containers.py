"""The containers of a pod, and the run of each whose log the kubelet serves."""

import json
from typing import Any

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.resolvers.logs.pod_containers import ContainerRun, Pod, parse_pod


def pod(*statuses: dict[str, Any], **more: Any) -> Pod:
    names = [status["name"] for status in statuses]
    content = {
        "metadata": {"name": "a", "namespace": "n", "uid": "u", **more.pop("metadata", {})},
        "spec": {
            "nodeName": "node",
            "containers": [{"name": name} for name in names],
            **more.pop("spec", {}),
        },
        "status": {"containerStatuses": list(statuses), **more},
    }
    return parse_pod(json.dumps(content).encode())


def terminated(container_id: str) -> dict[str, Any]:
    return {"terminated": {"containerID": container_id, "exitCode": 1}}


RUNNING: dict[str, Any] = {"running": {"startedAt": None}}
WAITING: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("status", "run"),
    [
        ({"state": RUNNING, "containerID": "2"}, ContainerRun("2", ended=False)),
        (
            {"state": RUNNING, "containerID": "2", "lastState": terminated("1")},
            ContainerRun("2", ended=False, previous="1"),
        ),
        ({"state": terminated("2"), "containerID": "x"}, ContainerRun("2", ended=True)),
        ({"state": WAITING, "lastState": terminated("1")}, ContainerRun("1", ended=True, previous="1")),
        ({"state": RUNNING, "restartCount": 3}, ContainerRun("3", ended=False)),
        ({"state": WAITING}, None),
        ({}, None),
    ],
    ids=["first", "restarted", "ended", "waiting to restart", "without an id", "waiting", "not reported"],
)
def test_the_run_is_the_one_whose_log_is_served(status: dict[str, Any], run: ContainerRun | None) -> None:
    assert pod({"name": "main", **status}).runs == ({} if run is None else {"main": run})


def test_init_containers_come_first_and_ephemeral_ones_last() -> None:
    spec = {"ephemeralContainers": [{"name": "debug"}], "initContainers": [{"name": "init"}]}
    assert pod({"name": "main"}, spec=spec).containers == ("init", "main", "debug")


def test_a_pod_without_a_status_is_not_reported() -> None:
    assert not pod().reported
    assert pod({"name": "main"}).reported


@pytest.mark.parametrize(("phase", "finished"), [("Running", False), ("Succeeded", True), ("Failed", True)])
def test_a_pod_finishes_with_its_phase(phase: str, finished: bool) -> None:
    assert pod(phase=phase).finished is finished
    assert pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}).leaving


@pytest.mark.parametrize("body", [b"", b"[]", b'{"metadata": {"name": "a"}}', b"\xff"])
def test_another_body_is_an_upstream_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        parse_pod(body)
