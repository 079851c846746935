import json
from typing import Any

import pytest

from gateway.errors import Forbidden, UpstreamProtocolError, UpstreamUnavailable
from gateway.kube.client import KubeClient
from gateway.kube.config.loading import load_config
from gateway.kube.discovery import fetch_discovery
from schema.model import Problem
from schema.resources import GroupVersion
from tests.fixtures.control_plane import ControlPlane
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
LISTS: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [
            {"name": name, "versions": [{"groupVersion": f"{name}/v1", "version": "v1"}]}
            for name in ("apps", "metrics.k8s.io")
        ],
    },
    "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list"]}]},
    "/apis/apps/v1": {"resources": [{"name": "deployments", "kind": "Deployment", "verbs": ["list"]}]},
}


def group(name: str, kind: str, plural: str, freshness: str = "Current") -> dict[str, Any]:
    served = {"group": name, "version": "v1", "kind": kind}
    resource = {"resource": plural, "responseKind": served, "scope": "Namespaced", "verbs": ["list"]}
    return {
        "metadata": {"name": name},
        "versions": [{"version": "v1", "freshness": freshness, "resources": [resource]}],
    }


def aggregated(version: str, *groups: dict[str, Any]) -> Reply:
    body = {"kind": "APIGroupDiscoveryList", "items": groups}
    return Reply(200, json.dumps(body).encode(), {"content-type": AGGREGATED.format(version)})


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_aggregated_discovery_takes_two_requests(connect: Connect, version: str) -> None:
    async def answer(request: Request) -> Reply:
        assert AGGREGATED.format(version) in request.headers["accept"].split(",")
        if request.path == "/api":
            return aggregated(version, group("", "Pod", "pods"))
        return aggregated(version, group("apps", "Deployment", "deployments"))

    async with serve(answer) as server:
        client = connect(server.url)
        discovery = await fetch_discovery(client)
    assert [str(resource.gvr) for resource in discovery.resources] == ["pods.v1", "deployments.v1.apps"]
    assert discovery.problems == ()
    assert len(server.requests) == 2


async def test_stale_group_is_reported_as_a_problem(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        if request.path == "/api":
            return aggregated("v2", group("", "Pod", "pods"))
        return aggregated("v2", group("metrics.k8s.io", "PodMetrics", "pods", "Stale"))

    async with serve(answer) as server:
        client = connect(server.url)
        discovery = await fetch_discovery(client)
    assert [problem.where for problem in discovery.problems] == ["metrics.k8s.io/v1"]


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        (json_reply({}), ["pods.v1", "pods.v1.metrics.k8s.io"]),
        (status_reply(404, "NotFound"), ["pods.v1"]),
        (status_reply(403, "Forbidden"), ["pods.v1"]),
    ],
)
async def test_a_vanished_group_version_is_kept_while_its_api_service_exists(
    connect: Connect, registered: Reply, expected: list[str]
) -> None:
    """The discovery of an API server that has just restarted lacks the APIs that are not registered yet."""
    apis = [group("metrics.k8s.io", "PodMetrics", "pods")]

    async def answer(request: Request) -> Reply:
        if request.path == "/api":
            return aggregated("v2", group("", "Pod", "pods"))
        return aggregated("v2", *apis) if request.path == "/apis" else registered

    async with serve(answer) as server:
        client = connect(server.url)
        before = await fetch_discovery(client)
        assert await fetch_discovery(client, before) == before
        apis.clear()
        discovery = await fetch_discovery(client, before)
    assert [str(resource.gvr) for resource in discovery.resources] == expected
    assert server.requests[-1].path == "/apis/apiregistration.k8s.io/v1/apiservices/v1.metrics.k8s.io"


async def test_a_root_that_had_resources_is_not_empty_when_it_is_refused(connect: Connect) -> None:
    refused = False

    async def answer(request: Request) -> Reply:
        if request.path == "/api":
            return aggregated("v2", group("", "Pod", "pods"))
        return status_reply(403, "Forbidden") if refused else aggregated("v2", group("apps", "A", "as"))

    async with serve(answer) as server:
        client = connect(server.url)
        before = await fetch_discovery(client)
        refused = True
        with pytest.raises(Forbidden):
            await fetch_discovery(client, before)


async def test_legacy_discovery_fetches_one_list_per_group_version(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        if request.path in LISTS:
            return json_reply(LISTS[request.path])
        return status_reply(503, "ServiceUnavailable", "no endpoints")

    async with serve(answer) as server:
        client = connect(server.url)
        discovery = await fetch_discovery(client)
    assert [str(resource.gvr) for resource in discovery.resources] == ["pods.v1", "deployments.v1.apps"]
    assert discovery.problems == (Problem("metrics.k8s.io/v1", "discovery failed: no endpoints"),)


async def test_forbidden_root_does_not_hide_the_other_root(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        if request.path == "/api":
            return status_reply(403, "Forbidden")
        return aggregated("v2", group("apps", "Deployment", "deployments"))

    async with serve(answer) as server:
        client = connect(server.url)
        discovery = await fetch_discovery(client)
    assert [str(resource.gvr) for resource in discovery.resources] == ["deployments.v1.apps"]


async def test_discovery_with_both_roots_forbidden_raises_forbidden(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return status_reply(403, "Forbidden", "alice may not")

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(Forbidden, match="alice may not"):
            await fetch_discovery(client)


@pytest.mark.parametrize("body", [b"hello", b"[1]", b'{"versions": 5}', b"\xff"])
async def test_server_other_than_kubernetes_is_named_in_the_error(connect: Connect, body: bytes) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(200, body, {"content-type": "application/json"})

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamProtocolError, match="no Kubernetes API server"):
            await fetch_discovery(client)


async def test_unreachable_server_raises_a_single_error(connect: Connect) -> None:
    with pytest.raises(UpstreamUnavailable):
        await fetch_discovery(connect("http://127.0.0.1:1"))


@pytest.mark.cluster
async def test_aggregated_and_legacy_discovery_of_a_real_server_agree(
    real_cluster: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with KubeClient.connect(load_config(real_cluster.kubeconfig)) as client:
        modern = await fetch_discovery(client)
        monkeypatch.setattr("gateway.kube.discovery._AGGREGATED", "application/json")
        legacy = await fetch_discovery(client)
    assert modern.problems == legacy.problems == ()
    assert {resource.gvr for resource in modern.resources} == {resource.gvr for resource in legacy.resources}
    pods = next(resource for resource in modern.resources if str(resource.gvr) == "pods.v1")
    assert pods in legacy.resources
    assert pods.subresource("log")
    assert GroupVersion("apps", "v1") in modern.group_versions
