"""History, undo and progress of rollouts, with controllers; on a real cluster the test is the kubelet.

Covers ``gateway/resolvers/rollouts/progress.py``.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.waiting import eventually

NUMBERS = itertools.count()
KINDS = ["Deployment", "StatefulSet", "DaemonSet"]


@dataclass
class Workload:
    """A workload of two pods, and a node for a DaemonSet's pod."""

    api: API
    gateway: GatewayProcess
    kind: str
    name: str = field(default_factory=lambda: f"web-{next(NUMBERS)}")

    @property
    def path(self) -> str:
        return grouped("apps/v1", f"{self.kind.lower()}s", "default")

    @property
    def noun(self) -> str:
        return self.kind[0].lower() + self.kind[1:]

    def create(self) -> None:
        labels = {"app": self.name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "image:1"}]},
        }
        spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
        if self.kind != "DaemonSet":
            spec["replicas"] = 2
        if self.kind == "StatefulSet":
            spec.update(serviceName=self.name, podManagementPolicy="Parallel")
        self.api.create(self.path, {"metadata": {"name": self.name}, "spec": spec})

    async def update(self, image: str, cause: str | None = None) -> None:
        """Change the image by the gateway."""
        patch: dict[str, Any] = {
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}
        }
        if cause:
            patch["metadata"] = {"annotations": {"kubernetes.io/change-cause": cause}}
        mutation = f'mutation($p: JSON) {{ patch{self.kind}(name: "{self.name}", patchJson: $p) {{ kind }} }}'
        await self.gateway.data(mutation, {"p": patch})

    async def history(self) -> list[dict[str, Any]]:
        template = "metadata { labels } spec { containers { image } }"
        fields = f"revision changeCause created current template {{ {template} }}"
        query = f'{{ {self.noun}History(name: "{self.name}") {{ {fields} }} }}'
        found: list[dict[str, Any]] = (await self.gateway.data(query))[f"{self.noun}History"]
        return found

    async def revisions(self, count: int) -> list[dict[str, Any]]:
        """The history, once the controller has recorded that many revisions."""
        return await self.history_with(lambda found: len(found) == count)

    async def history_with(self, condition: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The history, once it meets the condition."""

        async def found() -> list[dict[str, Any]] | None:
            history = await self.history()
            return history if condition(history) else None

        return await eventually(found, f"the history of {self.name}")

    async def undo(self, arguments: str = "") -> dict[str, Any]:
        mutation = f'mutation {{ undo{self.kind}(name: "{self.name}"{arguments}) {{ {IMAGE} }} }}'
        changed: dict[str, Any] = (await self.gateway.data(mutation))[f"undo{self.kind}"]
        return changed

    @property
    def image(self) -> str:
        spec = self.api.get(f"{self.path}/{self.name}")["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    def delete(self) -> None:
        self.api.request("DELETE", f"{self.path}/{self.name}", params={"propagationPolicy": "Background"})


IMAGE = "metadata { annotations } spec { template { spec { containers { image } } } }"


@asynccontextmanager
async def kubelet(api: API) -> AsyncIterator[None]:
    """Bind, run and end the pods of the default namespace, until the block ends."""
    task = asyncio.create_task(_run_pods(api))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run_pods(api: API) -> None:
    while True:
        for pod in (await asyncio.to_thread(api.get, core("pods", "default")))["items"]:
            await asyncio.to_thread(_advance, api, pod)
        await asyncio.sleep(0.2)


def _advance(api: API, pod: dict[str, Any]) -> None:
    name = pod["metadata"]["name"]
    if "deletionTimestamp" in pod["metadata"]:
        api.request("DELETE", core("pods", "default", name), params={"gracePeriodSeconds": 0})
    elif not pod["spec"].get("nodeName"):
        binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": "worker"}}
        api.request("POST", core("pods", "default", f"{name}/binding"), json=binding)
    elif pod["status"].get("phase") != "Running":
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        headers = {"Content-Type": "application/merge-patch+json"}
        path = core("pods", "default", f"{name}/status")
        api.request("PATCH", path, json={"status": status}, headers=headers)


@pytest.fixture(params=KINDS)
def workload(request: pytest.FixtureRequest, controlled: tuple[API, GatewayProcess]) -> Iterator[Workload]:
    created = Workload(*controlled, request.param)
    created.create()
    yield created
    created.delete()


@pytest.fixture
def deployment(controlled: tuple[API, GatewayProcess]) -> Iterator[Workload]:
    created = Workload(*controlled, "Deployment")
    created.create()
    yield created
    created.delete()


async def test_the_history_has_each_template_and_undo_goes_back(workload: Workload) -> None:
    await workload.revisions(1)
    await workload.update("image:2", "a new image")
    first, second = await workload.revisions(2)
    assert (first["revision"], second["revision"]) == (1, 2)
    assert (first["current"], second["current"]) == (False, True)
    assert first["created"]
    assert first["template"] == {
        "metadata": {"labels": {"app": workload.name}},
        "spec": {"containers": [{"image": "image:1"}]},
    }
    if workload.kind == "Deployment":
        assert second["changeCause"] == "a new image"

    dry = await workload.undo(", dryRun: true")
    assert dry["spec"]["template"]["spec"]["containers"] == [{"image": "image:1"}]
    assert workload.image == "image:2"

    undone = await workload.undo()
    assert "kubernetes.io/change-cause" not in (undone["metadata"]["annotations"] or {})
    assert workload.image == "image:1"
    found = await workload.history_with(lambda items: [item["revision"] for item in items] == [2, 3])
    assert [item["current"] for item in found] == [False, True]
    assert found[1]["template"] == first["template"]

    await workload.undo(", toRevision: 2")
    assert workload.image == "image:2"


async def test_a_missing_revision_is_refused_with_the_existing_ones(deployment: Workload) -> None:
    await deployment.revisions(1)
    mutation = f'mutation {{ undoDeployment(name: "{deployment.name}" %s) {{ kind }} }}'
    error = await deployment.gateway.error(mutation % ", toRevision: 7")
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "no revision 7; it has: 1" in error["message"]
    error = await deployment.gateway.error(mutation % "")
    assert "no earlier revision" in error["message"]


async def test_a_paused_deployment_is_not_undone(deployment: Workload) -> None:
    await deployment.revisions(1)
    await deployment.update("image:2")
    await deployment.revisions(2)
    await deployment.gateway.data(f'mutation {{ pauseDeployment(name: "{deployment.name}") {{ kind }} }}')
    error = await deployment.gateway.error(
        f'mutation {{ undoDeployment(name: "{deployment.name}") {{ kind }} }}'
    )
    assert "resumeDeployment" in error["message"]
    assert deployment.image == "image:2"


async def test_the_history_of_a_missing_object_is_not_found(controlled: tuple[API, GatewayProcess]) -> None:
    error = await controlled[1].error('{ deploymentHistory(name: "absent") { revision } }')
    assert error["extensions"]["code"] == "NOT_FOUND"


def progress(name: str, noun: str, timeout: int | None = None) -> str:
    limit = f", timeoutSeconds: {timeout}" if timeout is not None else ""
    fields = "desired updated ready available message done"
    return f'subscription {{ {noun}Rollout(name: "{name}"{limit}) {{ {fields} }} }}'


async def test_the_progress_of_a_rollout_ends_when_it_is_complete(workload: Workload) -> None:
    async with kubelet(workload.api):
        async with workload.gateway.subscribe(progress(workload.name, workload.noun)) as stream:
            await stream.until(lambda event: event["done"])
            assert await stream.errors() == []
        await workload.update("image:2")
        async with workload.gateway.subscribe(progress(workload.name, workload.noun)) as stream:
            events = await stream.until(lambda event: event["done"])
    assert len(events) > 1
    last = events[-1]
    assert last["updated"] == last["ready"] == last["available"] == last["desired"] > 0
    assert [event["done"] for event in events] == [False] * (len(events) - 1) + [True]


async def ending(gateway: GatewayProcess, subscription: str) -> dict[str, Any]:
    """The error at which the subscription ends."""
    async with gateway.subscribe(subscription) as stream:
        try:
            while True:
                assert not (await stream.event())["done"]
        except StreamEnded as ended:
            (error,) = ended.errors
            return error


async def test_the_time_limit_ends_a_rollout_without_pods(
    deployment: Workload, controlled_backend: Backend
) -> None:
    if not controlled_backend.is_real:
        pytest.skip("the demo's pods always start")
    error = await ending(deployment.gateway, progress(deployment.name, "deployment", timeout=1))
    assert error["extensions"]["code"] == "WAIT_TIMEOUT"
    assert "available" in error["message"] or "created" in error["message"]


async def test_the_progress_deadline_ends_a_rollout(
    deployment: Workload, controlled_backend: Backend
) -> None:
    if not controlled_backend.is_real:
        pytest.skip("the demo's pods always start")
    deployment.api.merge(f"{deployment.path}/{deployment.name}", {"spec": {"progressDeadlineSeconds": 1}})
    error = await ending(deployment.gateway, progress(deployment.name, "deployment"))
    assert error["extensions"]["code"] == "WAIT_FAILED"
    assert "progress deadline" in error["message"]


async def test_a_deleted_object_ends_its_rollout(deployment: Workload) -> None:
    subscription = progress(deployment.name, "deployment")
    async with deployment.gateway.subscribe(subscription) as stream:
        await stream.event()
        deployment.delete()
        with pytest.raises(StreamEnded) as ended:
            await stream.until(lambda event: event["done"])
    (error,) = ended.value.errors
    assert error["extensions"]["code"] == "WAIT_FAILED"


@pytest.mark.parametrize(
    ("subscription", "code"),
    [
        (progress("absent", "deployment"), "NOT_FOUND"),
        (progress("a/b", "deployment"), "BAD_REQUEST"),
        (progress("a", "deployment", timeout=0), "BAD_REQUEST"),
    ],
)
async def test_bad_input_ends_at_once(
    controlled: tuple[API, GatewayProcess], subscription: str, code: str
) -> None:
    assert (await ending(controlled[1], subscription))["extensions"]["code"] == code
