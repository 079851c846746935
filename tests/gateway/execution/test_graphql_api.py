"""A reload fetches changed documents only, builds types on first use, and ignores equal schemas."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.execution import GraphQLAPI
from gateway.execution.revision import Described
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from schema.filters import Filters
from schema.installed import APIService, InstalledAPIs, Origin
from schema.resources import GroupVersion
from tests.gateway.kube.loopback import LoopbackServer, Reply, Request, json_reply, serve, status_reply
from tests.schema.documents import TEXT, discovery_of, document, kind_schema, resource

GADGETS = GroupVersion("example.com", "v1")
CRDS = "apiextensions.k8s.io/v1"
_VERBS = ["get", "list", "watch", "create", "delete"]


def entry(api_version: str, kind: str, plural: str) -> dict[str, Any]:
    group_version = GroupVersion.parse(api_version)
    return {
        "resource": plural,
        "responseKind": {"group": group_version.group, "version": group_version.version, "kind": kind},
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": _VERBS,
    }


def definitions(*kinds: str) -> bytes:
    """A document of the group with these kinds."""
    schemas = {f"com.example.v1.{kind}": kind_schema("example.com/v1", kind, size=TEXT) for kind in kinds}
    return document(**schemas)


class Cluster:
    """An API server with the kinds of one group; ``served`` and ``documented`` may differ."""

    def __init__(self) -> None:
        self.served = ["Gadget"]
        self.documented = ["Gadget"]
        self.crds = ["gadgets"]
        self.index_requested = asyncio.Event()
        self.discovery_waits = False

    async def __call__(self, request: Request) -> Reply:
        if request.path in ("/api", "/apis"):
            if self.discovery_waits:
                await self.index_requested.wait()
            return self.discovery(request.path)
        if request.path == "/openapi/v3":
            self.index_requested.set()
            hashes = {"apis/example.com/v1": "-".join(self.documented), f"apis/{CRDS}": "same"}
            paths = {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={hash_}"}
                for path, hash_ in hashes.items()
            }
            return json_reply({"paths": paths})
        if request.path == f"/openapi/v3/apis/{CRDS}":
            return Reply(200, document(), {"content-type": "application/json"})
        if request.path == "/openapi/v3/apis/example.com/v1":
            return Reply(200, definitions(*self.documented), {"content-type": "application/json"})
        if request.path == f"/apis/{CRDS}/customresourcedefinitions":
            items = [{"metadata": {"name": f"{name}.example.com"}} for name in self.crds]
            return json_reply({"kind": "PartialObjectMetadataList", "metadata": {}, "items": items})
        return status_reply(404, "NotFound")

    def discovery(self, path: str) -> Reply:
        group_versions = (
            {}
            if path == "/api"
            else {
                "example.com/v1": [entry("example.com/v1", kind, f"{kind.lower()}s") for kind in self.served],
                CRDS: [entry(CRDS, "CustomResourceDefinition", "customresourcedefinitions")],
            }
        )
        items = [
            {
                "metadata": {"name": GroupVersion.parse(name).group},
                "versions": [{"version": "v1", "freshness": "Current", "resources": resources}],
            }
            for name, resources in group_versions.items()
        ]
        content_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return Reply(200, json.dumps({"items": items}).encode(), {"content-type": content_type})


@asynccontextmanager
async def started(
    cluster: Cluster, filters: Filters | None = None
) -> AsyncIterator[tuple[GraphQLAPI, LoopbackServer]]:
    async with serve(cluster) as server, KubeClient.connect(ClusterConfig(server=server.url)) as client:
        api = await GraphQLAPI.start(client, filters=filters)
        server.requests.clear()
        yield api, server
        await api.aclose()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("NO_PROXY", "*")
    return Cluster()


def kinds(api: GraphQLAPI) -> set[str]:
    return {served.resource.kind.kind for served in api.model.resources} - {"CustomResourceDefinition"}


async def test_a_reload_without_a_change_takes_three_requests(cluster: Cluster) -> None:
    async with started(cluster) as (api, server):
        assert not await api.reload(patient=True)
        assert sorted(request.path for request in server.requests) == ["/api", "/apis", "/openapi/v3"]


async def test_discovery_and_openapi_are_fetched_at_the_same_time(cluster: Cluster) -> None:
    async with started(cluster) as (api, _):
        cluster.index_requested.clear()
        cluster.discovery_waits = True
        assert not await asyncio.wait_for(api.reload(patient=True), 20)


async def test_only_the_changed_document_is_fetched(cluster: Cluster) -> None:
    async with started(cluster) as (api, server):
        cluster.served.append("Widget")
        cluster.documented.append("Widget")
        assert await api.reload(patient=True)
        documents = [item for item in server.requests if item.path.startswith("/openapi/v3/")]
        assert [item.params for item in documents] == [{"hash": "Gadget-Widget"}]
        assert kinds(api) == {"Gadget", "Widget"}


async def test_a_new_kind_waits_for_its_types_while_the_reload_is_patient(cluster: Cluster) -> None:
    async with started(cluster) as (api, server):
        schema = api.schema
        cluster.served.append("Widget")
        cluster.crds.append("widgets")
        assert not await api.reload(patient=True)
        assert api.schema is schema
        assert not [item for item in server.requests if CRDS in item.path]
        assert await api.reload(patient=False)
        assert kinds(api) == {"Gadget", "Widget"}


async def test_a_document_that_precedes_discovery_does_not_delay_its_kind(cluster: Cluster) -> None:
    async with started(cluster) as (api, _):
        cluster.documented.append("Widget")
        await api.reload(patient=True)
        cluster.served.append("Widget")
        assert await api.reload(patient=True)
        assert kinds(api) == {"Gadget", "Widget"}


async def test_a_removed_kind_goes_at_once(cluster: Cluster) -> None:
    cluster.served.append("Widget")
    cluster.documented.append("Widget")
    async with started(cluster) as (api, _):
        cluster.served.remove("Widget")
        assert await api.reload(patient=True)
        assert kinds(api) == {"Gadget"}


async def test_the_documents_of_excluded_groups_are_not_fetched(cluster: Cluster) -> None:
    async with started(cluster, Filters.parse(exclude=["*.example.com"])) as (api, server):
        assert not await api.reload(patient=True)
        assert not [item for item in server.requests if item.path.startswith("/openapi/v3/")]


def test_the_age_of_an_api_that_is_not_served_is_no_change() -> None:
    discovery = discovery_of(resource("example.com/v1", "Gadget"))
    described = Described(
        discovery,
        discovery,
        {GADGETS: definitions("Gadget")},
        installed=InstalledAPIs({"gadgets.example.com": "2026"}, {}),
    )
    more = {"gadgets.example.com": "2026", "widgets.example.com": "2026"}
    services = {"v1.other.com": APIService("2026", Origin.CRD)}
    assert replace(described, installed=InstalledAPIs(more, services)).equals(described)
    for changed in (
        InstalledAPIs({"gadgets.example.com": "2027"}, {}),
        InstalledAPIs({}, {}),
        InstalledAPIs(None, {}),
        InstalledAPIs(more, {"v1.example.com": APIService("2026", Origin.CRD)}),
    ):
        assert not replace(described, installed=changed).equals(described)


def test_a_new_group_version_without_a_document_waits_and_is_no_problem() -> None:
    before = discovery_of(resource("example.com/v1", "Gadget"))
    after = discovery_of(resource("example.com/v1", "Gadget"), resource("new.com/v1", "Thing"))
    documents = {GADGETS: definitions("Gadget")}
    waiting = Described(after, after, documents).without_untyped(Described(before, before, documents))
    assert waiting.served == before


def test_a_description_lacks_types_until_the_document_of_each_group_version_names_its_kinds() -> None:
    discovery = discovery_of(resource("example.com/v1", "Gadget"), resource("example.com/v1", "Widget"))
    assert Described(discovery, discovery, {}).lacks_types
    assert Described(discovery, discovery, {GADGETS: definitions("Gadget")}).lacks_types
    assert not Described(discovery, discovery, {GADGETS: definitions("Gadget", "Widget")}).lacks_types
