"""The selection set decides the upstream request, the response and which changes are events."""

import pytest

from tests.fixtures.api import core, deployment, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess

METADATA = """{ pods(namespace: "team-1") {
  metadata { resourceVersion } items { kind apiVersion metadata { name label(key: "app") } } } }"""
EVENTS = """subscription($n: String) { deployments(namespace: $n) {
  t: type object { metadata { name } spec { replicas } } version: resourceVersion } }"""


@pytest.mark.parametrize(
    ("query", "partial"),
    [
        (METADATA, True),
        ('{ deployment(name: "app-1", namespace: "team-1") { kind metadata { name uid } } }', True),
        ('{ pods(namespace: "team-1") { items { metadata { name } status { phase } } } }', False),
        ('{ deployment(name: "app-1", namespace: "team-1") { yaml metadata { name } } }', False),
    ],
)
async def test_a_selection_of_metadata_requests_partial_objects(
    shared_tapped_gateway: TappedGateway, query: str, partial: bool
) -> None:
    seen = len(shared_tapped_gateway.tap.requests)

    await shared_tapped_gateway.gateway.data(query)

    # the gateway's own requests concern definitions and API services only
    requests = shared_tapped_gateway.tap.requests[seen:]
    (request,) = [request for request in requests if "/team-1/" in request.target]
    assert ("as=PartialObjectMetadata" in request.accept) is partial


async def test_partial_objects_keep_their_kind(gateway: GatewayProcess) -> None:
    data = await gateway.data(METADATA)

    items = data["pods"]["items"]
    assert items
    assert {(item["kind"], item["apiVersion"]) for item in items} == {("Pod", "v1")}
    assert {item["metadata"]["label"] for item in items} <= {f"app-{number}" for number in range(4)}


async def test_a_change_outside_the_selection_is_no_event(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api, deployments = backend.api(), grouped("apps/v1", "deployments", namespace)
    async with gateway.subscribe(EVENTS, {"n": namespace}) as stream:
        await stream.until(lambda event: event["t"] == "SYNCED")
        api.merge(f"{deployments}/web", {"metadata": {"labels": {"looked": "away"}}})
        api.create(deployments, deployment("later"))

        later = await stream.event()
        api.merge(f"{deployments}/web", {"spec": {"replicas": 7}})
        scaled = await stream.event()

        assert (later["t"], later["object"]["metadata"]["name"]) == ("ADDED", "later")
        assert scaled["t"] == "MODIFIED"
        assert scaled["object"] == {"metadata": {"name": "web"}, "spec": {"replicas": 7}}


async def test_every_change_is_an_event_when_the_whole_object_is_selected(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = "subscription($n: String) { deployments(namespace: $n) { type object { json } } }"
    web = grouped("apps/v1", "deployments", namespace, "web")
    async with gateway.subscribe(query, {"n": namespace}) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")
        backend.api().merge(web, {"metadata": {"labels": {"looked": "at"}}})

        event = await stream.event()

        assert event["type"] == "MODIFIED"
        assert event["object"]["json"]["metadata"]["labels"]["looked"] == "at"


async def test_an_event_may_select_its_object_under_two_aliases(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = """subscription($n: String) { pods(namespace: $n) {
      __typename a: object { metadata { name } } b: object { has: spec { containers { image } } } } }"""
    async with gateway.subscribe(query, {"n": namespace}) as stream:
        assert await stream.event() == {"__typename": "PodEvent", "a": None, "b": None}
        backend.api().create(core("pods", namespace), pod("two", labels={}))

        event = await stream.event()

        assert list(event) == ["__typename", "a", "b"]
        assert event["a"] == {"metadata": {"name": "two"}}
        assert len(event["b"]["has"]["containers"]) == 2
