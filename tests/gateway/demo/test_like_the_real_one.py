"""Side by side: the same requests to the demo and to a real kube-apiserver get the same answers."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.demo import run_demo
from tests.fixtures.control_plane import ControlPlane
from tests.fixtures.waiting import wait_until
from tests.gateway.demo.apiserver.test_custom_resources import DEFINITIONS, definition, widget
from tests.gateway.demo.demo_client import PATCHES, config_map, deployment, pod
from tests.record_openapi import RECORDED, main

pytestmark = pytest.mark.cluster

NAMESPACE = "side-by-side"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
WEB = f"{DEPLOYMENTS}/web"
# fields that differ between any two clusters
VOLATILE = frozenset(
    ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue", "message")
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; ``patch`` is the kind of patch that the body is."""

    method: str
    path: str
    body: Any = None
    patch: str = ""
    query: dict[str, Any] = field(default_factory=dict)

    def of(self, client: httpx.Client) -> httpx.Response:
        headers = {"Content-Type": PATCHES[self.patch]} if self.patch else {}
        return client.request(self.method, self.path, json=self.body, params=self.query, headers=headers)


def patch(kind: str, body: Any, path: str = WEB, **query: Any) -> Ask:
    return Ask("PATCH", path, body, kind, query)


def intent(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def containers(*items: dict[str, Any], **directives: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(items), **directives}}}}


READS = [
    *(
        Ask("GET", MAPS, query=query)
        for query in (
            {},
            {"labelSelector": "a=b"},
            {"labelSelector": "a,,b"},
            {"labelSelector": "a in (b,c),!d"},
            {"fieldSelector": "metadata.name=x"},
            {"fieldSelector": "data.key=x"},
            {"limit": "x"},
            {"resourceVersion": "x"},
            {"resourceVersion": "0"},
            {"resourceVersion": "999999999"},
            {"resourceVersionMatch": "Exact"},
            {"resourceVersion": "0", "resourceVersionMatch": "Exact"},
            {"resourceVersion": "1", "resourceVersionMatch": "Other"},
            {"sendInitialEvents": "true"},
            {"continue": "abc"},
            {"watch": "true", "sendInitialEvents": "true"},
            {"watch": "true", "resourceVersionMatch": "NotOlderThan"},
            {"watch": "true", "labelSelector": "a,,b"},
            {"watch": "true", "resourceVersion": "x"},
        )
    ),
    Ask("GET", f"{PODS}/none"),
    Ask("GET", f"{WEB}/nothing"),
    Ask("GET", "/apis/apps/v9/deployments"),
    Ask("GET", "/api/v1/nothings"),
    Ask("GET", "/nowhere"),
    Ask("POST", "/api/v1/pods", {}),
    Ask("PUT", PODS, {}),
]
WRITES = [
    Ask("POST", MAPS, config_map("one", labels={"a": "b"})),
    Ask("POST", MAPS, config_map("one")),
    Ask("POST", MAPS, config_map("A_b")),
    Ask("POST", MAPS, config_map("two", namespace="other")),
    Ask("POST", MAPS, config_map("two", labels={"-": "b"})),
    Ask("POST", MAPS, config_map("two", resourceVersion="5")),
    Ask("POST", MAPS, {**config_map("two"), "unknown": 1}, query={"dryRun": "All"}),
    Ask("POST", MAPS, {**config_map("two"), "unknown": 1}, query={"fieldValidation": "Strict"}),
    Ask("POST", MAPS, config_map("two"), query={"dryRun": "Some"}),
    Ask("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("one")),
    Ask("POST", DEPLOYMENTS, deployment("web"), query={"fieldManager": "me"}),
    Ask("POST", DEPLOYMENTS, deployment("other", replicas=-1)),
    Ask("POST", DEPLOYMENTS, deployment("other", replicas="x")),
    Ask("POST", DEPLOYMENTS, deployment("other", selector={"matchLabels": {"app": "x"}})),
    Ask("POST", DEPLOYMENTS, {"metadata": {"name": "other"}, "spec": {}}),
    Ask("PUT", WEB, {**deployment("web"), "metadata": {"name": "web", "resourceVersion": "1"}}),
    Ask("PUT", WEB, deployment("other")),
    Ask("PUT", f"{DEPLOYMENTS}/none", deployment("none")),
    Ask("GET", f"{WEB}/scale"),
    patch("merge", {"spec": {"replicas": 4}}, f"{WEB}/scale"),
    patch("merge", {"spec": {"replicas": -4}}, f"{WEB}/scale"),
    patch("merge", {"status": {"replicas": 3}, "spec": {"replicas": 9}}, f"{WEB}/status"),
    Ask("GET", WEB),
    Ask("DELETE", WEB, {"preconditions": {"uid": "x"}}),
    Ask("DELETE", WEB, query={"dryRun": "All"}),
    Ask("DELETE", WEB, query={"propagationPolicy": "Other"}),
    Ask("DELETE", WEB),
    Ask("DELETE", WEB),
    Ask("DELETE", f"{MAPS}/one"),
    Ask("POST", PODS, pod("near", node="node-1"), query={"dryRun": "All"}),
]
PATCHED = [
    Ask("POST", DEPLOYMENTS, deployment("web"), query={"fieldManager": "me"}),
    patch("merge", {"metadata": {"labels": {"a": "1", "b": "2"}}}, fieldManager="two"),
    patch("merge", {"metadata": {"labels": {"a": None}}}, fieldManager="two"),
    patch("merge", {"spec": {"replicas": "x"}}),
    patch("merge", {"spec": {"unknown": "x"}}),
    patch("merge", {"metadata": {"resourceVersion": "1"}}),
    patch("merge", {"metadata": {"name": "other"}}),
    patch("merge", {}, force="true"),
    patch("merge", {"spec": {"selector": {"matchLabels": {"app": "x"}}}}),
    patch("json", [{"op": "test", "path": "/spec/replicas", "value": 9}]),
    patch("json", [{"op": "replace", "path": "/spec/replicas", "value": 9}]),
    patch("json", [{"op": "remove", "path": "/spec/nothing"}]),
    patch("strategic", containers({"name": "side", "image": "side:1"})),
    patch("strategic", containers({"image": "side:1"})),
    patch(
        "strategic",
        containers(
            {"name": "third", "image": "third:1"},
            **{"$setElementOrder/containers": [{"name": "main"}, {"name": "side"}, {"name": "third"}]},
        ),
    ),
    patch("strategic", containers({"name": "third", "$patch": "delete"})),
    patch("strategic", containers({"$patch": "replace"}, {"name": "main", "image": "nginx:2"})),
    patch("strategic", {"metadata": {"finalizers": ["example.com/a"]}}),
    patch("strategic", {"metadata": {"finalizers": ["example.com/b"]}}),
    patch("strategic", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}),
    patch("strategic", {"metadata": {"finalizers": None}}),
    patch("strategic", {"spec": {"strategy": {"type": "Recreate"}}}),
    patch("strategic", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
    patch("strategic", {"spec": {"template": {"$patch": "other"}}}),
    Ask("DELETE", WEB),
]
APPLIED = [
    patch("apply", intent(**deployment("web")["spec"])),
    patch("apply", {"metadata": {"name": "web"}}, fieldManager="one"),
    patch("apply", {**intent(), "metadata": {"name": "other"}}, fieldManager="one"),
    patch("apply", intent(**deployment("web")["spec"]), fieldManager="one"),
    patch("apply", intent(replicas=5), fieldManager="two"),
    patch("apply", intent(replicas=5), fieldManager="two", force="true"),
    patch("apply", intent(), fieldManager="two"),
    patch("apply", intent(unknown=1), fieldManager="two"),
    patch("merge", {"spec": {"replicas": 3}}, fieldManager="three"),
    patch("apply", intent(replicas=4), fieldManager="two"),
    Ask("DELETE", WEB),
]


WIDGETS = f"/apis/stable.example.com/v1/namespaces/{NAMESPACE}/widgets"
ONE = f"{WIDGETS}/one"
CUSTOM = [
    Ask("GET", "/apis/stable.example.com"),
    Ask("POST", WIDGETS, widget(), query={"fieldManager": "me"}),
    Ask("POST", WIDGETS, widget()),
    Ask("POST", WIDGETS, widget("two", size=0, colour="green", label="toolong")),
    Ask("POST", WIDGETS, widget("two", size=None)),
    Ask("POST", WIDGETS, widget("two", unknown=1, free={"any": 1}), query={"fieldManager": "me"}),
    Ask("POST", WIDGETS, widget("three", unknown=1), query={"fieldValidation": "Strict"}),
    Ask("POST", WIDGETS, {"metadata": {"name": "three"}, "spec": {"size": 1}}),
    Ask("GET", WIDGETS),
    Ask("GET", WIDGETS, query={"fieldSelector": "spec.colour=red"}),
    Ask("GET", WIDGETS, query={"fieldSelector": "spec.size=1"}),
    Ask("GET", f"{ONE}/scale"),
    patch("merge", {"spec": {"replicas": 3}}, f"{ONE}/scale", fieldManager="me"),
    patch("strategic", {"spec": {"size": 3}}, ONE),
    patch("merge", {"spec": {"size": 4}, "status": {"size": 1}}, ONE, fieldManager="me"),
    patch("merge", {"spec": {"size": 5}, "status": {"size": 1}}, f"{ONE}/status", fieldManager="me"),
    Ask("PUT", ONE, widget(size=3)),
    patch("apply", widget("four"), f"{WIDGETS}/four", fieldManager="me"),
    Ask("DELETE", ONE),
    Ask("GET", ONE),
]


@pytest.fixture(scope="module")
def demo_url() -> Iterator[str]:
    """The demo in a thread of its own, bare as the real control plane is."""
    started, ending, found = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with run_demo(living=False, controllers=False, planted=False) as demo:
            found.append(demo.url)
            started.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(ending.set)
    thread.join(60)
    loop.close()


@pytest.fixture(scope="module")
def both(demo_url: str, real_cluster: ControlPlane) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client for each of the two, with the namespace there."""
    trust = ssl.create_default_context(cafile=str(real_cluster.certificate_authority))
    headers = {"Authorization": "Bearer admin-token"}
    with (
        httpx.Client(base_url=demo_url, timeout=60, verify=False) as demo,
        httpx.Client(base_url=real_cluster.server, verify=trust, headers=headers, timeout=60) as real,
    ):
        for client in (demo, real):
            body = {"metadata": {"name": NAMESPACE}}
            client.post("/api/v1/namespaces", json=body).raise_for_status()
            account = {"metadata": {"name": "default"}}
            client.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", json=account).raise_for_status()
        yield demo, real


def define(client: httpx.Client) -> None:
    """Have widgets served."""
    client.post(DEFINITIONS, json=definition()).raise_for_status()
    wait_until(lambda: client.get(WIDGETS).is_success, "widgets to be served")


def comparable(value: Any) -> Any:
    """The response without the fields that differ between any two clusters."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: comparable(item) for key, item in value.items() if key not in VOLATILE}
    for item in ("managedFields", "causes"):
        # the first are in the order of their times, which are seconds; the others in that of Go's maps
        if item in kept:
            kept[item] = sorted(kept[item], key=str)
    if value.get("kind") == "PodList" or value.get("kind") == "Pod":
        # admission plugins, which are set up differently from one cluster to the next, have their say
        return {key: kept[key] for key in ("kind", "apiVersion", "status") if key in kept}
    return kept


def answer(response: httpx.Response) -> tuple[Any, ...]:
    content = response.json() if "json" in response.headers["content-type"] else response.text
    return response.status_code, comparable(content), response.headers.get("warning")


@pytest.mark.parametrize(
    "asked", [READS, WRITES, PATCHED, APPLIED], ids=["reads", "writes", "patches", "applies"]
)
def test_the_demo_answers_as_a_real_api_server(
    both: tuple[httpx.Client, httpx.Client], asked: list[Ask]
) -> None:
    demo, real = both
    for ask in asked:
        assert answer(ask.of(demo)) == answer(ask.of(real)), ask


def test_the_demo_answers_as_a_real_api_server_for_custom_resources(
    both: tuple[httpx.Client, httpx.Client],
) -> None:
    demo, real = both
    for client in both:
        define(client)
    for ask in CUSTOM:
        assert answer(ask.of(demo)) == answer(ask.of(real)), ask
    for client in both:
        client.delete(f"{DEFINITIONS}/widgets.stable.example.com").raise_for_status()


def test_the_real_api_server_serves_the_recorded_documents(
    real_cluster: ControlPlane, tmp_path: Path
) -> None:
    main(real_cluster.kubeconfig, tmp_path)
    recorded = {item.name: item.read_bytes() for item in RECORDED.iterdir()}
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == recorded
