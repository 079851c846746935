"""The schema follows the cluster: what is installed is served, what changes changes, what goes is gone."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import Stream, StreamEnded
from tests.fixtures.waiting import eventually, wait_until

GROUP = "live.example.test"
DEFINITIONS = grouped("apiextensions.k8s.io/v1", "customresourcedefinitions")
SIZE = {"size": {"type": "integer", "format": "int32"}}


def definition(kind: str, spec: Mapping[str, Any], group: str = GROUP) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": dict(spec)}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


class Installer:
    """Installs CRDs and removes what is left of them.

    Each test has kinds of its own: an API server takes its time to let go of a definition.
    """

    def __init__(self, api: API) -> None:
        self.api = api
        self.installed: set[str] = set()

    def install(self, kind: str, spec: Mapping[str, Any] = SIZE, group: str = GROUP) -> None:
        """Returns when the API server has established it."""
        wanted = definition(kind, spec, group)
        name = wanted["metadata"]["name"]
        self.api.create(DEFINITIONS, wanted)
        self.installed.add(name)
        plural = wanted["spec"]["names"]["plural"]
        wait_until(partial(self._is_served, f"{group}/v1", plural), f"{name} to be established")

    def _is_served(self, group_version: str, plural: str) -> bool:
        return self.api.request("GET", grouped(group_version, plural)).is_success

    def remove(self, name: str) -> None:
        self.installed.discard(name)
        self.api.delete(f"{DEFINITIONS}/{name}")


@pytest.fixture
def crds(backend: Backend) -> Iterator[Installer]:
    installer = Installer(backend.api())
    yield installer
    for name in list(installer.installed):
        installer.remove(name)


async def served(gateway: GatewayProcess, query: str) -> dict[str, Any]:
    """The data of a query as soon as the schema has what it asks for."""

    async def ask() -> dict[str, Any] | None:
        answer = await gateway.execute(query)
        return None if "errors" in answer else answer["data"]

    return await eventually(ask, f"{query} to be served")


async def test_a_new_kind_is_served_typed_and_a_removed_one_is_dropped(
    gateway: GatewayProcess, crds: Installer
) -> None:
    crds.install("Kettle")
    assert await served(gateway, "{ kettles { items { spec { size } } } }") == {"kettles": {"items": []}}

    crds.remove(f"kettles.{GROUP}")

    async def is_unknown() -> bool:
        answer = await gateway.execute("{ kettles { items { spec { size } } } }")
        return "Cannot query field" in str(answer.get("errors"))

    await eventually(is_unknown, "kettles to be dropped from the schema")


async def test_a_changed_kind_changes(gateway: GatewayProcess, backend: Backend, crds: Installer) -> None:
    crds.install("Teapot")
    await served(gateway, "{ teapots { items { spec { size } } } }")
    changed = definition("Teapot", {**SIZE, "colour": {"type": "string"}})["spec"]["versions"]
    backend.api().merge(f"{DEFINITIONS}/teapots.{GROUP}", {"spec": {"versions": changed}})
    await served(gateway, "{ teapots { items { spec { size colour } } } }")


async def test_a_websocket_that_was_open_before_can_use_a_new_kind(
    gateway: GatewayProcess, backend: Backend, namespace: str, crds: Installer
) -> None:
    async with gateway.socket() as socket:
        pods = await socket.subscribe(f'subscription {{ pods(namespace: "{namespace}") {{ type }} }}')
        await pods.synced()
        crds.install("Samovar")
        await served(gateway, "{ samovars { metadata { resourceVersion } } }")
        samovars = await socket.subscribe("subscription { samovars { type object { spec { size } } } }")
        await samovars.synced()
        # and what was subscribed to on the schema before goes on undisturbed
        backend.api().create(core("pods", namespace), pod("later", labels={}))
        assert await pods.event() == {"type": "ADDED"}


async def test_a_subscription_to_a_kind_that_is_removed_ends_with_a_clear_error(
    gateway: GatewayProcess, crds: Installer
) -> None:
    crds.install("Flask")
    await served(gateway, "{ flasks { metadata { resourceVersion } } }")
    async with gateway.subscribe("subscription { flasks { type } }") as stream:
        await stream.synced()
        crds.remove(f"flasks.{GROUP}")
        error = await last_error(stream)
    assert error["extensions"]["code"] == "NOT_FOUND"


async def last_error(stream: Stream) -> dict[str, Any]:
    while True:
        try:
            result = await stream.result()
        except StreamEnded as ended:
            (error,) = ended.errors
            return error
        if "errors" in result:
            (error,) = result["errors"]
            assert isinstance(error, dict)
            return error


async def test_many_kinds_at_once_are_all_served(gateway: GatewayProcess, crds: Installer) -> None:
    kinds = [f"Burst{letter}" for letter in "abcdefghijkl"]
    await asyncio.gather(*(asyncio.to_thread(crds.install, item) for item in kinds))
    selections = " ".join(f"{kind.lower()}s {{ items {{ spec {{ size }} }} }}" for kind in kinds)
    data = await served(gateway, f"{{ {selections} }}")
    assert len(data) == len(kinds)


@asynccontextmanager
async def gateway_of(backend: Backend, user: str, directory: Path) -> AsyncIterator[GatewayProcess]:
    async with AsyncExitStack() as stack:
        options = ["--kubeconfig", str(backend.kubeconfig), "--context", user]
        yield stack.enter_context(start_gateway(directory, *options))


@pytest.mark.cluster
async def test_a_broken_definition_costs_only_itself(seeded_cluster: Backend, tmp_path: Path) -> None:
    crds = Installer(seeded_cluster.api())
    # its list kind is another one's: the API server takes it, and never serves it
    broken = definition("Pot", SIZE)
    broken["spec"]["names"]["listKind"] = "MugList"
    async with gateway_of(seeded_cluster, "admin", tmp_path) as gateway:
        try:
            crds.install("Mug")
            crds.api.create(DEFINITIONS, broken)
            crds.installed.add(f"pots.{GROUP}")
            crds.install("Lid")
            await served(gateway, "{ mugs { items { spec { size } } } lids { items { spec { size } } } }")
            answer = await gateway.execute("{ pots { items { spec { size } } } }")
            assert "Cannot query field" in answer["errors"][0]["message"]
        finally:
            for name in list(crds.installed):
                crds.remove(name)


@pytest.mark.cluster
async def test_whoever_may_not_watch_definitions_polls_and_says_so_once(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    async with gateway_of(seeded_cluster, "bob", tmp_path) as gateway:

        async def has_said() -> bool:
            return "cannot be watched" in gateway.process.output()

        await eventually(has_said, "the log to say that discovery is polled")
        assert gateway.process.output().count("customresourcedefinitions cannot be watched") == 1
        installer = Installer(seeded_cluster.api())
        try:
            installer.install("Urn")
            await served_to_whoever_may_not_list(gateway)
        finally:
            installer.remove(f"urns.{GROUP}")


async def served_to_whoever_may_not_list(gateway: GatewayProcess) -> None:
    async def is_known() -> bool:
        answer = await gateway.execute("{ urns { metadata { resourceVersion } } }")
        code: str = answer["errors"][0]["extensions"]["code"]
        return code == "FORBIDDEN"

    await eventually(is_known, "polling to find the new kind")
