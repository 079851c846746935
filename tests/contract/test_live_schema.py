"""The schema follows the CustomResourceDefinitions of the cluster while the gateway runs."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, CRDS, core, crd, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.processes import run_gateway
from tests.fixtures.waiting import eventually, wait_until

GROUP = "live.example.test"
SIZE = {"size": {"type": "integer", "format": "int32"}}


def definition(kind: str, spec: Mapping[str, Any], group: str = GROUP) -> dict[str, Any]:
    """A CRD whose spec has the given properties."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": dict(spec)}}}
    return crd(group, kind, schema)


class Installer:
    """Installs CRDs, and removes the remaining ones after the test.

    Tests do not share kinds, because an API server deletes definitions asynchronously.
    """

    def __init__(self, api: API) -> None:
        self.api = api
        self.installed: set[str] = set()

    def install(self, kind: str, spec: Mapping[str, Any] = SIZE, group: str = GROUP) -> None:
        """Create the CRD and wait until the API server has established it."""
        installed = definition(kind, spec, group)
        name = installed["metadata"]["name"]
        self.api.create(CRDS, installed)
        self.installed.add(name)
        plural = installed["spec"]["names"]["plural"]
        wait_until(partial(self._is_served, f"{group}/v1", plural), f"{name} to be established")

    def _is_served(self, group_version: str, plural: str) -> bool:
        return self.api.request("GET", grouped(group_version, plural)).is_success

    def remove(self, name: str) -> None:
        self.installed.discard(name)
        self.api.delete(f"{CRDS}/{name}")


@pytest.fixture
def crds(backend: Backend) -> Iterator[Installer]:
    installer = Installer(backend.api())
    yield installer
    for name in list(installer.installed):
        installer.remove(name)


async def served(gateway: GatewayProcess, query: str) -> dict[str, Any]:
    """Repeat the query until the schema has its fields; returns its data."""

    async def execute() -> dict[str, Any] | None:
        answer = await gateway.execute(query)
        return None if "errors" in answer else answer["data"]

    return await eventually(execute, f"{query} to be served")


async def test_a_new_kind_is_served_and_a_removed_kind_is_dropped(
    gateway: GatewayProcess, crds: Installer
) -> None:
    crds.install("Kettle")
    assert await served(gateway, "{ kettles { items { spec { size } } } }") == {"kettles": {"items": []}}

    crds.remove(f"kettles.{GROUP}")

    async def is_unknown() -> bool:
        answer = await gateway.execute("{ kettles { items { spec { size } } } }")
        return "Cannot query field" in str(answer.get("errors"))

    await eventually(is_unknown, "kettles to be dropped from the schema")


async def test_a_changed_definition_changes_the_type(
    gateway: GatewayProcess, backend: Backend, crds: Installer
) -> None:
    crds.install("Teapot")
    await served(gateway, "{ teapots { items { spec { size } } } }")
    changed = definition("Teapot", {**SIZE, "colour": {"type": "string"}})["spec"]["versions"]
    backend.api().merge(f"{CRDS}/teapots.{GROUP}", {"spec": {"versions": changed}})
    await served(gateway, "{ teapots { items { spec { size colour } } } }")


async def test_a_new_kind_shares_the_types_of_the_kinds_beside_it(
    gateway: GatewayProcess, namespace: str, crds: Installer
) -> None:
    group, name = "crockery.example.test", "CrockeryExampleTestV1"
    part = {"type": "object", "properties": {"note": {"type": "string"}}}
    crds.install("Cup", {"part": part, **SIZE}, group)
    alone = f'{{ __type(name: "{name}CupSpecPart") {{ fields {{ name }} }} }}'
    await served(gateway, "{ cups { items { spec { part { note } } } } }")
    assert (await gateway.data(alone))["__type"] == {"fields": [{"name": "note"}]}
    crds.install("Mug", {"part": part, "lid": part}, group)
    await served(gateway, "{ mugs { items { spec { part { note } lid { note } } } } }")

    assert (await gateway.data(alone))["__type"] is None
    create = f"""mutation ($part: {name}PartInput, $n: String) {{
        createMug(namespace: $n, object: {{
          metadata: {{generateName: "m-"}}, spec: {{part: $part, lid: $part}}
        }}) {{ spec {{ part {{ ...Part }} lid {{ ...Part }} }} }}
        createCup(namespace: $n, object: {{
          metadata: {{generateName: "c-"}}, spec: {{part: $part, size: 1}}
        }}) {{ spec {{ part {{ ...Part }} size }} }}
      }}
      fragment Part on {name}Part {{ __typename note }}"""
    noted = {"__typename": f"{name}Part", "note": "chipped"}
    assert await gateway.data(create, {"part": {"note": "chipped"}, "n": namespace}) == {
        "createMug": {"spec": {"part": noted, "lid": noted}},
        "createCup": {"spec": {"part": noted, "size": 1}},
    }


async def test_a_younger_kind_takes_no_name_from_an_older_one(
    gateway: GatewayProcess, backend: Backend, crds: Installer
) -> None:
    older, younger = "zz.older.test", "aa.younger.x-k8s.io"
    crds.install("Samovar", {"size": {"type": "string"}}, older)
    await served(gateway, "{ samovars { items { spec { size } } } }")
    # creationTimestamps have a resolution of one second
    await asyncio.sleep(1.1)
    crds.install("Samovar", {"volume": {"type": "string"}}, younger)
    pinned = "aa_younger_x_k8s_io_v1_samovars"
    assert await served(gateway, f"{{ {pinned} {{ items {{ spec {{ volume }} }} }} }}") == {
        pinned: {"items": []}
    }

    await served(gateway, "{ samovars { items { spec { size } } } }")
    (error,) = (await gateway.execute("{ samovars { items { spec { volume } } } }"))["errors"]
    assert f"`samovars` is `zz_older_test_v1_samovars` of {older}" in error["message"]
    assert f"`{pinned}` of {younger}" in error["message"]

    printed = run_gateway("schema", "--names", "--kubeconfig", str(backend.kubeconfig)).stdout
    rows = {tuple(line.split()) for line in printed.splitlines() if "samovars." in line}
    assert ("query", f"samovars.v1.{older}", "samovars", "zz_older_test_v1_samovars") in rows
    assert ("query", f"samovars.v1.{younger}", "(samovars)", pinned) in rows

    crds.remove(f"samovars.{older}")
    await served(gateway, "{ samovars { items { spec { volume } } } }")


async def test_a_value_that_a_tightened_schema_no_longer_allows_is_unexpected(
    gateway: GatewayProcess, backend: Backend, namespace: str, crds: Installer
) -> None:
    loose = {"size": {"type": "string"}, "colour": {"type": "string"}}
    crds.install("Jug", loose)
    await served(gateway, "{ jugs { items { spec { size colour } } } }")
    body = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Jug",
        "metadata": {"name": "one"},
        "spec": {"size": "hunter2", "colour": "red"},
    }
    backend.api().create(grouped(f"{GROUP}/v1", "jugs", namespace), body)
    tightened = definition("Jug", {**loose, **SIZE})["spec"]["versions"]
    backend.api().merge(f"{CRDS}/jugs.{GROUP}", {"spec": {"versions": tightened}})

    selections = [
        ("list", f'jugs(namespace: "{namespace}") {{ items {{ spec {{ size colour }} }} }}', ["items", 0]),
        ("one", f'jug(name: "one", namespace: "{namespace}") {{ yaml spec {{ size colour }} }}', []),
    ]
    for name, field, path in selections:

        async def error(query: str = f"{{ {name}: {field} }}") -> dict[str, Any] | None:
            answer = await gateway.execute(query)
            return answer if "errors" in answer else None

        answer = await eventually(error, "the tightened schema to be served")
        (found,) = answer["errors"]
        assert found["path"] == [name, *path, "spec", "size"]
        assert found["extensions"] == {"code": "UNEXPECTED_VALUE", "expected": "Int"}
        assert "hunter2" not in str(answer["errors"])
        (spec,) = [answer["data"]["list"]["items"][0]["spec"] if path else answer["data"]["one"]["spec"]]
        assert spec == {"size": None, "colour": "red"}
    watched = (
        f'subscription {{ jugs(namespace: "{namespace}") {{ type object {{ spec {{ size colour }} }} }} }}'
    )
    async with gateway.subscribe(watched) as stream:
        result = await stream.result()
    assert result["data"]["jugs"] == {"type": "ADDED", "object": {"spec": {"size": None, "colour": "red"}}}
    assert [item["extensions"]["code"] for item in result["errors"]] == ["UNEXPECTED_VALUE"]


async def test_an_open_websocket_can_use_a_new_kind(
    gateway: GatewayProcess, backend: Backend, namespace: str, crds: Installer
) -> None:
    async with gateway.socket() as socket:
        pods = await socket.subscribe(f'subscription {{ pods(namespace: "{namespace}") {{ type }} }}')
        await pods.synced()
        crds.install("Samovar")
        await served(gateway, "{ samovars { metadata { resourceVersion } } }")
        samovars = await socket.subscribe("subscription { samovars { type object { spec { size } } } }")
        await samovars.synced()
        # subscriptions of the previous schema revision continue
        backend.api().create(core("pods", namespace), pod("later", labels={}))
        assert await pods.event() == {"type": "ADDED"}


async def test_a_subscription_to_a_removed_kind_ends_with_not_found(
    gateway: GatewayProcess, crds: Installer
) -> None:
    crds.install("Flask")
    await served(gateway, "{ flasks { metadata { resourceVersion } } }")
    async with gateway.subscribe("subscription { flasks { type } }") as stream:
        await stream.synced()
        crds.remove(f"flasks.{GROUP}")
        with pytest.raises(StreamEnded) as ended:
            await stream.until(lambda _: False)
    (error,) = ended.value.errors
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_many_kinds_installed_at_once_are_served(gateway: GatewayProcess, crds: Installer) -> None:
    kinds = [f"Burst{letter}" for letter in "abcdefghijkl"]
    await asyncio.gather(*(asyncio.to_thread(crds.install, kind) for kind in kinds))
    selections = " ".join(f"{kind.lower()}s {{ items {{ spec {{ size }} }} }}" for kind in kinds)
    data = await served(gateway, f"{{ {selections} }}")
    assert len(data) == len(kinds)


@asynccontextmanager
async def gateway_of(backend: Backend, user: str, directory: Path) -> AsyncIterator[GatewayProcess]:
    async with AsyncExitStack() as stack:
        options = ["--kubeconfig", str(backend.kubeconfig), "--context", user]
        yield stack.enter_context(start_gateway(directory, *options))


@pytest.mark.cluster
async def test_a_broken_definition_affects_only_itself(seeded_cluster: Backend, tmp_path: Path) -> None:
    crds = Installer(seeded_cluster.api())
    # its list kind belongs to another CRD: the API server accepts the definition and never serves it
    broken = definition("Pot", SIZE)
    broken["spec"]["names"]["listKind"] = "MugList"
    async with gateway_of(seeded_cluster, "admin", tmp_path) as gateway:
        try:
            crds.install("Mug")
            crds.api.create(CRDS, broken)
            crds.installed.add(f"pots.{GROUP}")
            crds.install("Lid")
            await served(gateway, "{ mugs { items { spec { size } } } lids { items { spec { size } } } }")
            answer = await gateway.execute("{ pots { items { spec { size } } } }")
            assert "Cannot query field" in answer["errors"][0]["message"]
        finally:
            for name in list(crds.installed):
                crds.remove(name)


@pytest.mark.cluster
async def test_without_the_right_to_watch_definitions_discovery_is_polled(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    async with gateway_of(seeded_cluster, "bob", tmp_path) as gateway:

        async def is_logged() -> bool:
            return gateway.process.output().count("customresourcedefinitions cannot be watched") == 1

        await eventually(is_logged, "polling to be logged once")
        installer = Installer(seeded_cluster.api())
        try:
            installer.install("Urn")
            await is_served_but_forbidden(gateway)
        finally:
            installer.remove(f"urns.{GROUP}")


async def is_served_but_forbidden(gateway: GatewayProcess) -> None:
    async def is_known() -> bool:
        answer = await gateway.execute("{ urns { metadata { resourceVersion } } }")
        code: str = answer["errors"][0]["extensions"]["code"]
        return code == "FORBIDDEN"

    await eventually(is_known, "polling to find the new kind")
