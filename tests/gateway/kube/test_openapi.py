import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.kube.client import KubeClient
from gateway.kube.config.loading import load_config
from gateway.kube.discovery import fetch_discovery
from gateway.kube.openapi import CONCURRENT_DOCUMENTS, OpenAPICache, fetch_openapi, parse_location
from schema.resources import GroupVersion
from tests.fixtures.control_plane import ControlPlane
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

CORE, APPS = GroupVersion("", "v1"), GroupVersion("apps", "v1")


class OpenAPIServer:
    """Serves an index and documents; ``hashes`` may change."""

    def __init__(self) -> None:
        self.hashes = {"api/v1": "h1", "apis/apps/v1": "h2", "apis": "h3", "version": "h4"}
        self.failing: set[str] = set()
        self.empty: set[str] = set()
        self.changed: dict[str, str] = {}
        self.most_at_once = self.at_once = 0

    async def __call__(self, request: Request) -> Reply:
        if request.path == "/openapi/v3":
            return json_reply(
                {"paths": {path: {"serverRelativeURL": self.url(path)} for path in self.hashes}}
            )
        path = request.path.removeprefix("/openapi/v3/")
        if path in self.failing:
            return status_reply(503, "ServiceUnavailable", "it is down")
        if path in self.empty:
            return Reply(200)
        if path in self.changed and request.params:
            return Reply(301, headers={"Location": f"/openapi/v3/{path}?hash={self.changed[path]}"})
        if path in self.changed:
            return json_reply({"path": path, "hash": self.changed[path]})
        assert request.params == {"hash": self.hashes[path]}
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return json_reply({"path": path, "hash": self.hashes[path]})

    def url(self, path: str) -> str:
        return f"/openapi/v3/{path}?hash={self.hashes[path]}"


def hashes(documents: Mapping[GroupVersion, bytes]) -> dict[GroupVersion, str]:
    return {group_version: json.loads(document)["hash"] for group_version, document in documents.items()}


async def test_every_group_version_has_its_document(connect: Connect) -> None:
    async with serve(OpenAPIServer()) as server:
        client = connect(server.url)
        found = await fetch_openapi(client)
        only = await fetch_openapi(client, [APPS, GroupVersion("gone", "v1")])
    assert hashes(found.documents) == {CORE: "h1", APPS: "h2"}
    assert found.problems == ()
    assert hashes(only.documents) == {APPS: "h2"}
    assert [problem.where for problem in only.problems] == ["gone/v1"]


async def test_only_changed_documents_are_fetched_again_even_by_another_process(
    connect: Connect, tmp_path: Path
) -> None:
    openapi = OpenAPIServer()
    async with serve(openapi) as server:
        client = connect(server.url)
        cache = OpenAPICache(tmp_path)
        await fetch_openapi(client, cache=cache)
        for reader in (cache, OpenAPICache(tmp_path)):
            server.requests.clear()
            found = await fetch_openapi(client, cache=reader)
            assert [request.path for request in server.requests] == ["/openapi/v3"]
            assert hashes(found.documents) == {CORE: "h1", APPS: "h2"}
        openapi.hashes["api/v1"] = "new"
        server.requests.clear()
        found = await fetch_openapi(client, cache=OpenAPICache(tmp_path))
    assert [request.path for request in server.requests] == ["/openapi/v3", "/openapi/v3/api/v1"]
    assert hashes(found.documents) == {CORE: "new", APPS: "h2"}


async def test_failed_document_is_reported_as_a_problem(connect: Connect) -> None:
    openapi = OpenAPIServer()
    openapi.failing.add("apis/apps/v1")
    async with serve(openapi) as server:
        client = connect(server.url)
        found = await fetch_openapi(client)
    assert hashes(found.documents) == {CORE: "h1"}
    assert [(problem.where, "it is down" in problem.what) for problem in found.problems] == [
        ("apps/v1", True)
    ]


async def test_an_empty_document_is_reported_as_a_problem_and_not_cached(
    connect: Connect, tmp_path: Path
) -> None:
    """kube-apiserver answers so, with status 200, while a group version appears or disappears."""
    openapi = OpenAPIServer()
    async with serve(openapi) as server:
        cache = OpenAPICache(tmp_path)
        openapi.empty.add("apis/apps/v1")
        found = await fetch_openapi(connect(server.url), cache=cache)
        openapi.empty.clear()
        again = await fetch_openapi(connect(server.url), cache=cache)
    assert hashes(found.documents) == {CORE: "h1"}
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("apps/v1", "OpenAPI cannot be fetched: the document is empty")
    ]
    assert hashes(again.documents) == {CORE: "h1", APPS: "h2"}


async def test_document_changed_after_the_index_is_used_but_not_cached(
    connect: Connect,
) -> None:
    cache = OpenAPICache(None)
    async with serve(handler := OpenAPIServer()) as server:
        client = connect(server.url)
        handler.changed = {"apis/apps/v1": "h9"}
        found = await fetch_openapi(client, cache=cache)
        handler.changed = {}
        again = await fetch_openapi(client, cache=cache)
    assert hashes(found.documents) == {CORE: "h1", APPS: "h9"}
    assert found.problems == ()
    assert hashes(again.documents) == {CORE: "h1", APPS: "h2"}


@pytest.mark.parametrize("body", [b"no", b"[]", b'{"paths": {"api/v1": {}}}'])
async def test_unusable_index_is_reported_as_a_problem(connect: Connect, body: bytes) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(404 if body == b"no" else 200, body)

    async with serve(answer) as server:
        client = connect(server.url)
        found = await fetch_openapi(client)
    assert found.documents == {}
    assert [problem.where for problem in found.problems] == ["openapi/v3"]


async def test_documents_are_fetched_with_bounded_concurrency(connect: Connect) -> None:
    openapi = OpenAPIServer()
    openapi.hashes |= {f"apis/g{number}/v1": "h" for number in range(30)}
    async with serve(openapi) as server:
        client = connect(server.url)
        found = await fetch_openapi(client)
    assert len(found.documents) == 32
    assert 1 < openapi.most_at_once <= CONCURRENT_DOCUMENTS


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/openapi/v3/api/v1",
        "//elsewhere.example/openapi/v3/api/v1",
        "/api/v1/secrets",
        "/openapi/v3/../../api/v1/secrets",
        "/openapi/v3/%2e%2e/%2e%2e/api/v1/secrets",
        "openapi/v3/api/v1",
        "",
        "http://[",
    ],
)
def test_document_outside_the_server_is_not_fetched(url: str) -> None:
    with pytest.raises(UpstreamProtocolError, match="elsewhere"):
        parse_location(CORE, url, "https://host:6443")


@pytest.mark.parametrize("url", ["/openapi/v3/api/v1?hash=a", "/k8s/c-1/openapi/v3/api/v1?hash=a"])
def test_document_below_a_path_prefix_is_found(url: str) -> None:
    location = parse_location(CORE, url, "https://host/k8s/c-1")
    assert (location.path, location.params) == ("openapi/v3/api/v1", {"hash": "a"})


@pytest.mark.cluster
async def test_real_server_describes_every_group_version_it_serves(
    real_cluster: ControlPlane, tmp_path: Path
) -> None:
    async with KubeClient.connect(load_config(real_cluster.kubeconfig)) as client:
        served = (await fetch_discovery(client)).group_versions
        fetched = await fetch_openapi(client, served, OpenAPICache(tmp_path))
        cached = await fetch_openapi(client, served, OpenAPICache(tmp_path))
    assert fetched.problems == ()
    assert set(fetched.documents) == set(served)
    assert cached.documents == fetched.documents
