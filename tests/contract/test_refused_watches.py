"""Subscriptions of an ordinary identity outlast passing refusals; lasting ones end them with an error."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.protocols import PROTOCOLS, Results
from tests.fixtures.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.cluster

CONFIG_MAPS = """subscription($n: String) {
  configMaps(namespace: $n) { type object { metadata { name } data } } }"""
RBAC = "rbac.authorization.k8s.io"
SUBSCRIBERS = 50


@contextmanager
def allowed(api: API, user: str, resources: dict[str, list[str]]) -> Iterator[Callable[[], object]]:
    """Let a user read resources, by API group, in all namespaces; yields the revocation."""
    role = grouped(f"{RBAC}/v1", "clusterroles")
    binding = grouped(f"{RBAC}/v1", "clusterrolebindings")
    name = f"{user}-reads-{next(itertools.count())}"
    verbs = ["get", "list", "watch"]
    rules = [{"apiGroups": [group], "resources": found, "verbs": verbs} for group, found in resources.items()]
    api.create(role, {"metadata": {"name": name}, "rules": rules})
    subject = {"kind": "User", "name": user, "apiGroup": RBAC}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    api.create(binding, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})
    revoked = False

    def revoke() -> None:
        nonlocal revoked
        revoked = True
        api.delete(f"{binding}/{name}")

    try:
        yield revoke
    finally:
        if not revoked:
            revoke()
        api.delete(f"{role}/{name}")


@pytest.fixture
def ordinary(seeded_cluster: Backend, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that acts as a user who may read config maps only."""
    api, user = seeded_cluster.api(), seeded_cluster.api("gateway")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--context", "gateway")
    with allowed(api, "gateway", {"": ["configmaps"]}):
        wait_until(lambda: user.request("GET", core("configmaps")).is_success, "the role to take effect")
        with start_gateway(tmp_path, *options) as started:
            yield started


class Reader:
    """Reads one subscription in a task; ``known`` are the data by name."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self.known: dict[str, Any] = {}
        self.types: list[str] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for result in self._results:
            assert "errors" not in result, result
            event = result["data"]["configMaps"]
            self.types.append(event["type"])
            if event["object"]:
                self.known[event["object"]["metadata"]["name"]] = event["object"]["data"]

    async def until_knows(self, name: str, data: dict[str, str]) -> None:
        await self.until(lambda item: item.known.get(name) == data)

    async def until(self, condition: Callable[["Reader"], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition(self):
                assert not self.task.done(), f"the subscription has ended: {self.task}"
                await asyncio.sleep(0.05)


async def test_subscribers_of_every_protocol_outlast_restarts_of_the_api_server(
    seeded_cluster: Backend, ordinary: GatewayProcess, namespace_of_maps: str
) -> None:
    api, path = seeded_cluster.api(), core("configmaps", namespace_of_maps)
    api.create(path, {"metadata": {"name": "one"}, "data": {"v": "0"}})
    control_plane = seeded_cluster.control_plane
    assert control_plane is not None
    request = {"query": CONFIG_MAPS, "variables": {"n": namespace_of_maps}}
    async with AsyncExitStack() as stack:
        openings = itertools.islice(itertools.cycle(PROTOCOLS), SUBSCRIBERS)
        readers = [
            Reader(await stack.enter_async_context(opening(ordinary, request))) for opening in openings
        ]
        for reader in readers:
            await reader.until(lambda item: "SYNCED" in item.types)
        for number in ("1", "2", "3"):
            await asyncio.to_thread(control_plane.kill_apiserver)
            await asyncio.to_thread(control_plane.start_apiserver)
            api.merge(f"{path}/one", {"data": {"v": number}})
            for reader in readers:
                await reader.until_knows("one", {"v": number})
        for reader in readers:
            assert reader.types == ["ADDED", "SYNCED", *["MODIFIED"] * 3]
            reader.task.cancel()


@pytest.fixture
def namespace_of_maps(seeded_cluster: Backend) -> str:
    name = "refused-watches"
    seeded_cluster.api().create(core("namespaces"), {"metadata": {"name": name}})
    return name
