"""``drainNode``: cordons a node, evicts its pods as ``kubectl drain`` does, and reports each pod once.

Covers ``gateway/resolvers/drain/drain.py``.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.waiting import wait_until

NAMESPACE = "drains"
BUDGETS = grouped("policy/v1", "poddisruptionbudgets", NAMESPACE)
DRAIN = """subscription($node: String!, $daemons: Boolean = true, $data: Boolean, $force: Boolean,
    $grace: Int = 0, $timeout: Int, $dry: Boolean, $pods: String) {
  drainNode(name: $node, ignoreDaemonSets: $daemons, deleteEmptyDirData: $data, force: $force,
            gracePeriodSeconds: $grace, timeoutSeconds: $timeout, dryRun: $dry, podSelector: $pods) {
    status namespace pod message remaining } }"""
NUMBERS = itertools.count()


@dataclass
class Node:
    """A node without a kubelet: its pods run by their status, and end when their grace period is 0."""

    api: API
    gateway: GatewayProcess
    audit: Path
    name: str = field(default_factory=lambda: f"drained-{next(NUMBERS)}")

    def run(self, name: str, *, owner: str | None = "ReplicaSet", **more: Any) -> None:
        """Create a running pod of a controller, or of none."""
        metadata = {"name": name, "labels": {"app": name}, **more.get("metadata", {})}
        if owner is not None:
            uid = more.get("uid", "00000000-0000-0000-0000-000000000000")
            reference = {
                "apiVersion": "apps/v1",
                "kind": owner,
                "name": "owner",
                "uid": uid,
                "controller": True,
            }
            metadata["ownerReferences"] = [reference]
        spec = {"nodeName": self.name, "containers": [{"name": "a", "image": "a"}], **more.get("spec", {})}
        self.api.create(core("pods", NAMESPACE), {"metadata": metadata, "spec": spec})
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        self.api.merge(core("pods", NAMESPACE, f"{name}/status"), {"status": status})

    def budget(self, pod: str, disruptions: int) -> None:
        """Let a budget of the pod allow that many disruptions, as the disruption controller does."""
        if self.api.request("GET", f"{BUDGETS}/{pod}").status_code == 404:
            spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": pod}}}
            self.api.create(BUDGETS, {"metadata": {"name": pod}, "spec": spec})
        status = {
            "observedGeneration": 1,
            "disruptionsAllowed": disruptions,
            "currentHealthy": 1,
            "desiredHealthy": 1 - disruptions,
            "expectedPods": 1,
        }
        self.api.merge(f"{BUDGETS}/{pod}/status", {"status": status})

    @property
    def is_cordoned(self) -> bool:
        return bool(self.api.get(core("nodes", None, self.name))["spec"].get("unschedulable"))

    def exists(self, pod: str) -> bool:
        return self.api.request("GET", core("pods", NAMESPACE, pod)).status_code == 200

    async def drain(self, **options: Any) -> list[tuple[str, str | None]]:
        """All events, as (status, pod)."""
        events = []
        async with self.gateway.subscribe(DRAIN, {"node": self.name, **options}) as stream:
            while True:
                event = await stream.event()
                events.append((event["status"], event["pod"]))
                if event["status"] == "DRAINED":
                    assert event["remaining"] == 0
                    assert await stream.errors() == []
                    return events

    async def error(self, **options: Any) -> dict[str, Any]:
        """The error at which a drain ends."""
        async with self.gateway.subscribe(DRAIN, {"node": self.name, **options}) as stream:
            try:
                while True:
                    await stream.result()
            except StreamEnded as ended:
                (error,) = ended.errors
                return error


@pytest.fixture(scope="module")
def drained(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[API, GatewayProcess, Path]]:
    api, directory = backend.api(), tmp_path_factory.mktemp("draining")
    api.create(core("namespaces"), {"metadata": {"name": NAMESPACE}})
    audit = directory / "audit.jsonl"
    options = ("--kubeconfig", str(backend.kubeconfig), "--audit-log", str(audit))
    with start_gateway(directory, *options) as gateway:
        yield api, gateway, audit
    api.delete(core("namespaces", None, NAMESPACE))


@pytest.fixture
def node(drained: tuple[API, GatewayProcess, Path]) -> Iterator[Node]:
    api, gateway, audit = drained
    node = Node(api, gateway, audit)
    api.create(core("nodes"), {"metadata": {"name": node.name}})
    yield node
    for left in api.get(core("pods", NAMESPACE))["items"]:
        api.request(
            "DELETE", core("pods", NAMESPACE, left["metadata"]["name"]), params={"gracePeriodSeconds": 0}
        )
    api.delete(core("nodes", None, node.name))


@pytest.fixture
def daemon_set(drained: tuple[API, GatewayProcess, Path]) -> Iterator[str]:
    """The UID of the DaemonSet ``owner``."""
    api = drained[0]
    labels = {"app": "daemon"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "a", "image": "a"}]},
        },
    }
    path = grouped("apps/v1", "daemonsets", NAMESPACE)
    yield api.create(path, {"metadata": {"name": "owner"}, "spec": spec})["metadata"]["uid"]
    api.delete(f"{path}/owner")


async def test_pods_are_evicted_and_pods_of_daemon_sets_stay(node: Node, daemon_set: str) -> None:
    node.run("daemon", owner="DaemonSet", uid=daemon_set)
    node.run("mirror", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}, owner=None)
    node.run("one")
    node.run("two", owner=None, spec={"volumes": [{"name": "data", "emptyDir": {}}]})
    events = await node.drain(force=True, data=True)
    assert events[0] == ("CORDONED", None)
    assert sorted(events[1:-1]) == [
        ("EVICTED", "one"),
        ("EVICTED", "two"),
        ("SKIPPED", "daemon"),
        ("SKIPPED", "mirror"),
    ]
    assert node.is_cordoned
    assert node.exists("daemon")
    assert not node.exists("one")


async def test_a_pod_that_may_not_be_evicted_stops_the_drain_before_the_first_eviction(
    node: Node, daemon_set: str
) -> None:
    node.run("daemon", owner="DaemonSet", uid=daemon_set)
    node.run("data", spec={"volumes": [{"name": "data", "emptyDir": {}}]})
    node.run("fine")
    node.run("lonely", owner=None)
    error = await node.error(daemons=False)
    assert error["extensions"]["code"] == "WAIT_FAILED"
    for text in (
        "daemon:",
        "ignoreDaemonSets",
        "data:",
        "deleteEmptyDirData",
        "lonely:",
        "force",
        "is cordoned",
    ):
        assert text in error["message"]
    assert node.exists("fine")
    assert node.is_cordoned


async def test_a_budget_is_waited_for(node: Node) -> None:
    node.run("guarded")
    node.budget("guarded", 0)
    async with node.gateway.subscribe(DRAIN, {"node": node.name}) as stream:
        statuses = [(await stream.event())["status"] for _ in range(2)]
        assert statuses == ["CORDONED", "BLOCKED"]
        assert node.exists("guarded")
        node.budget("guarded", 1)
        statuses = [(await stream.event())["status"] for _ in range(2)]
        assert statuses == ["EVICTED", "DRAINED"]
        assert await stream.errors() == []
    assert not node.exists("guarded")


async def test_a_blocked_pod_that_disappears_is_gone(node: Node) -> None:
    node.run("blocked")
    node.budget("blocked", 0)
    async with node.gateway.subscribe(DRAIN, {"node": node.name}) as stream:
        assert [(await stream.event())["status"] for _ in range(2)] == ["CORDONED", "BLOCKED"]
        node.api.request("DELETE", core("pods", NAMESPACE, "blocked"), params={"gracePeriodSeconds": 0})
        assert [(await stream.event())["status"] for _ in range(2)] == ["EVICTED", "DRAINED"]


async def test_the_time_limit_names_the_remaining_pods(node: Node) -> None:
    node.run("ending")  # no kubelet ends it within its grace period
    error = await node.error(grace=600, timeout=2)
    assert error["extensions"]["code"] == "WAIT_TIMEOUT"
    assert f"{NAMESPACE}/ending" in error["message"]


async def test_a_pod_counts_as_evicted_when_it_is_gone(node: Node) -> None:
    node.run("slow")
    async with node.gateway.subscribe(DRAIN, {"node": node.name, "grace": 600}) as stream:
        assert (await stream.event())["status"] == "CORDONED"
        wait_until(
            lambda: node.api.get(core("pods", NAMESPACE, "slow"))["metadata"].get("deletionTimestamp"),
            "the eviction",
        )
        node.api.request("DELETE", core("pods", NAMESPACE, "slow"), params={"gracePeriodSeconds": 0})
        assert (await stream.event())["status"] == "EVICTED"


async def test_a_dry_run_changes_nothing(node: Node) -> None:
    node.run("one")
    node.run("guarded-too")
    node.budget("guarded-too", 0)
    events = await node.drain(dry=True)
    assert sorted(events[1:-1]) == [("BLOCKED", "guarded-too"), ("EVICTED", "one")]
    assert node.exists("one")
    assert not node.is_cordoned


async def test_a_selector_leaves_other_pods_alone(node: Node) -> None:
    node.run("chosen")
    node.run("other", owner=None)
    assert await node.drain(pods="app=chosen") == [
        ("CORDONED", None),
        ("EVICTED", "chosen"),
        ("DRAINED", None),
    ]
    assert node.exists("other")


async def test_a_client_that_leaves_stops_the_drain(node: Node) -> None:
    node.run("held")
    node.budget("held", 0)
    async with node.gateway.subscribe(DRAIN, {"node": node.name}) as stream:
        for _ in range(2):
            await stream.result()
    node.budget("held", 1)
    assert await node.drain(dry=True) == [("CORDONED", None), ("EVICTED", "held"), ("DRAINED", None)]
    assert node.exists("held")
    assert node.is_cordoned


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"node": "absent"}, "NOT_FOUND"),
        ({"node": "a/b"}, "BAD_REQUEST"),
        ({"timeout": -1}, "BAD_REQUEST"),
        ({"grace": -1}, "BAD_REQUEST"),
        ({"pods": "a in"}, "BAD_REQUEST"),
    ],
)
async def test_bad_input_is_refused(node: Node, options: dict[str, Any], code: str) -> None:
    assert (await node.error(**options))["extensions"]["code"] == code


async def test_get_does_not_drain(node: Node) -> None:
    node.run("kept")
    query = f'subscription {{ drainNode(name: "{node.name}") {{ status }} }}'
    response = await node.gateway.request(
        "GET", "/graphql", params={"query": query}, headers={"Accept": "text/event-stream"}
    )
    assert "BAD_REQUEST" in response.text
    assert "not by GET" in response.text
    assert not node.is_cordoned


def audited(node: Node) -> list[dict[str, Any]]:
    """The lines of the audit log about the node and its pods."""
    lines = map(json.loads, node.audit.read_text().splitlines())
    return [
        line
        for line in lines
        if line["field"] == "drainNode" and node.name in (line["name"], line.get("node"))
    ]


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str | None, str, str, str | None]]:
    return sorted(
        (line["kind"], line["namespace"], line["name"], line["outcome"], line["code"]) for line in lines
    )


async def test_the_cordon_and_each_eviction_are_in_the_audit_log(node: Node, daemon_set: str) -> None:
    node.run("daemon", owner="DaemonSet", uid=daemon_set)
    node.run("first")
    node.run("second")
    await node.drain()
    wait_until(lambda: audited(node), "a line in the audit log")
    assert told(audited(node)) == [
        ("Node", None, node.name, "CORDONED", None),
        ("Pod", NAMESPACE, "first", "EVICTED", None),
        ("Pod", NAMESPACE, "second", "EVICTED", None),
    ]
    assert all(line["user"] and not line["dryRun"] for line in audited(node))
    times = [line["time"] for line in audited(node)]
    assert times == sorted(times)


async def test_a_refused_eviction_is_in_the_audit_log_once(node: Node) -> None:
    node.run("held-up")
    node.budget("held-up", 0)
    await node.error(timeout=3)
    wait_until(lambda: len(audited(node)) == 3, "the lines in the audit log")
    cordon, eviction, drain = audited(node)
    assert told([cordon, eviction]) == [
        ("Node", None, node.name, "CORDONED", None),
        ("Pod", NAMESPACE, "held-up", "BLOCKED", "TOO_MANY_REQUESTS"),
    ]
    assert (drain["name"], drain["outcome"]) == (node.name, "WAIT_TIMEOUT")


async def test_a_drain_that_its_client_left_has_its_evictions_in_the_audit_log(node: Node) -> None:
    node.run("ending")
    node.run("gone")
    gone = core("pods", NAMESPACE, "gone")
    async with node.gateway.subscribe(DRAIN, {"node": node.name, "grace": 600}) as stream:
        assert (await stream.event())["status"] == "CORDONED"
        wait_until(lambda: node.api.get(gone)["metadata"].get("deletionTimestamp"), "the eviction")
        node.api.request("DELETE", gone, params={"gracePeriodSeconds": 0})
        # pods are reported as gone after the answers to all evictions
        assert (await stream.event())["pod"] == "gone"
    wait_until(lambda: len(audited(node)) == 4, "the lines in the audit log")
    *written, drain = audited(node)
    assert told(written) == [
        ("Node", None, node.name, "CORDONED", None),
        ("Pod", NAMESPACE, "ending", "EVICTED", None),
        ("Pod", NAMESPACE, "gone", "EVICTED", None),
    ]
    assert drain["outcome"] == "UNKNOWN"


async def test_a_dry_run_of_a_drain_is_marked_in_the_audit_log(node: Node) -> None:
    node.run("one")
    await node.drain(dry=True)
    wait_until(lambda: audited(node), "a line in the audit log")
    assert all(line["dryRun"] for line in audited(node))
    assert len(audited(node)) == 2
