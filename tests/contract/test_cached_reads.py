"""Reads at ``resourceVersion`` 0 and N, answered from a running informer as the API server answers them.

Covers ``gateway/resolvers/cached.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.tap import Request
from tests.fixtures.waiting import eventually

WATCH = "subscription($n: String) { pods(namespace: $n) { type object { spec { nodeName } } } }"
TEAM_0 = 'namespace: "team-0"'


@asynccontextmanager
async def watching(gateway: GatewayProcess, namespace: str | None = None) -> AsyncIterator[None]:
    """Keep a synced subscription to the pods open, and with it an informer."""
    async with gateway.subscribe(WATCH, {"n": namespace}) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")
        yield


def reads_of_pods(tapped: TappedGateway) -> list[Request]:
    """The upstream requests for pods, except watches."""
    return [
        request
        for request in tapped.tap.requests
        if request.method == "GET" and "/pods" in request.target and not request.is_watch_of("pods")
    ]


SELECTIONS = [
    "{ items { metadata { name namespace labels } spec { nodeName containers { name image } } } }",
    "{ kind apiVersion __typename items { kind apiVersion __typename metadata { name } } }",
    "{ a: items { meta: metadata { id: name } } b: items { status { phase } } metadata { continue } }",
    '{ items { metadata { label(key: "app") creationTimestamp } status { phase } } }',
    "{ items { json } }",
    "{ metadata { remainingItemCount } }",
]


@pytest.mark.parametrize("selection", SELECTIONS)
async def test_a_cached_list_equals_the_api_servers(
    shared_tapped_gateway: TappedGateway, selection: str
) -> None:
    gateway = shared_tapped_gateway.gateway
    async with watching(gateway):
        live = await gateway.data(f"{{ pods({TEAM_0}) {selection} }}")
        upstream = len(reads_of_pods(shared_tapped_gateway))

        for _ in range(2):
            cached = await gateway.data(f'{{ pods({TEAM_0}, resourceVersion: "0") {selection} }}')
            assert cached == live

        assert len(reads_of_pods(shared_tapped_gateway)) == upstream


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        'labelSelector: "app=app-0"',
        'labelSelector: "tier notin (db),app"',
        f'{TEAM_0}, fieldSelector: "status.phase!=Pending,spec.nodeName=node-1"',
        f'{TEAM_0}, fieldSelector: "metadata.name=app-0-00000"',
        f"{TEAM_0}, limit: 2",
        f"{TEAM_0}, allPages: true, limit: 2",
        'namespace: "empty"',
    ],
)
async def test_the_cache_evaluates_selectors_and_keeps_the_api_servers_order(
    gateway: GatewayProcess, backend: Backend, arguments: str
) -> None:
    params = {"resourceVersion": "0"}
    async with watching(gateway):
        await gateway.data("{ pods { metadata { resourceVersion } } }")
        query = (
            f'{{ pods(resourceVersion: "0", {arguments}) {{ items {{ metadata {{ namespace name }} }} }} }}'
        )
        cached = (await gateway.data(query))["pods"]["items"]
    for argument in filter(None, arguments.split(", ")):
        name, _, value = argument.partition(": ")
        if name.endswith("Selector"):
            params[name] = value.strip('"')
    space = next((part[12:-1] for part in arguments.split(", ") if part.startswith("namespace")), None)
    live = backend.api().get(core("pods", space), params=params)["items"]
    assert [item["metadata"] for item in cached] == [
        {"namespace": item["metadata"]["namespace"], "name": item["metadata"]["name"]} for item in live
    ]


async def test_a_cached_list_has_its_resource_version(gateway: GatewayProcess, backend: Backend) -> None:
    async with watching(gateway):
        query = '{ pods(resourceVersion: "0") { metadata { resourceVersion continue } } }'
        metadata = (await gateway.data(query))["pods"]["metadata"]
    newest = int(backend.api().get(core("pods"))["metadata"]["resourceVersion"])
    assert 0 < int(metadata["resourceVersion"]) <= newest
    assert metadata["continue"] is None


OBJECT = (
    '{ pod(name: "%s", namespace: "team-0", resourceVersion: "0") { metadata { name } spec { nodeName } } }'
)


async def test_a_cached_object_needs_no_upstream_request(shared_tapped_gateway: TappedGateway) -> None:
    gateway = shared_tapped_gateway.gateway
    async with watching(gateway, "team-0"):
        upstream = len(reads_of_pods(shared_tapped_gateway))
        found = (await gateway.data(OBJECT % "app-0-00000"))["pod"]
        assert len(reads_of_pods(shared_tapped_gateway)) == upstream
    assert found == {"metadata": {"name": "app-0-00000"}, "spec": {"nodeName": "node-1"}}


async def test_an_absent_object_has_the_api_servers_error(gateway: GatewayProcess) -> None:
    live = await gateway.error(OBJECT % "absent")
    async with watching(gateway):
        cached = await gateway.error(OBJECT % "absent")
    assert cached == live
    assert cached["extensions"]["code"] == "NOT_FOUND"


async def test_without_an_informer_the_api_servers_cache_answers(
    shared_tapped_gateway: TappedGateway,
) -> None:
    gateway = shared_tapped_gateway.gateway
    async with watching(gateway, "team-1"):
        await gateway.data(f'{{ pods({TEAM_0}, resourceVersion: "0") {{ items {{ kind }} }} }}')
        await gateway.data(OBJECT % "app-0-00000")
    first, second = reads_of_pods(shared_tapped_gateway)
    assert "resourceVersion=0" in first.target
    assert "resourceVersion=0" in second.target


async def test_the_cache_reads_your_own_write(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = """query($n: String!, $v: String!) {
      pods(namespace: $n, resourceVersion: $v) { metadata { resourceVersion } items { metadata { name } } }
      pod(name: "p4", namespace: $n, resourceVersion: $v) { metadata { name } } }"""
    async with watching(gateway, namespace):
        for number in range(5):
            created = backend.api().create(core("pods", namespace), pod(f"p{number}", labels={}))
        version = created["metadata"]["resourceVersion"]

        data = await gateway.data(query, {"n": namespace, "v": version})

    assert [item["metadata"]["name"] for item in data["pods"]["items"]] == [
        f"p{number}" for number in range(5)
    ]
    assert int(data["pods"]["metadata"]["resourceVersion"]) >= int(version)
    assert data["pod"] == {"metadata": {"name": "p4"}}


async def test_a_version_ahead_of_the_cache_is_read_upstream(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    gateway = shared_tapped_gateway.gateway
    async with watching(gateway, namespace):
        # a write to another resource: the watch of the pods gets no event
        other = grouped("apps/v1", "deployments", namespace, "web")
        written = backend.api().merge(other, {"metadata": {"labels": {"a": "b"}}})
        version = written["metadata"]["resourceVersion"]
        query = "query($n: String, $v: String) { pods(namespace: $n, resourceVersion: $v) { %s } }"
        selected = query % "metadata { resourceVersion }"
        answer: dict[str, Any] = await gateway.data(selected, {"n": namespace, "v": version})
    assert int(answer["pods"]["metadata"]["resourceVersion"]) >= int(version)


@pytest.mark.parametrize(
    "arguments",
    [
        'resourceVersion: "%s", resourceVersionMatch: EXACT',
        'resourceVersion: "%s", limit: 2',
        "",
    ],
)
async def test_reads_without_a_cache_guarantee_go_upstream(
    shared_tapped_gateway: TappedGateway, backend: Backend, arguments: str
) -> None:
    gateway = shared_tapped_gateway.gateway
    version = backend.api().get(core("pods"))["metadata"]["resourceVersion"]
    if "%" in arguments:
        arguments %= version
    async with watching(gateway):
        before = len(reads_of_pods(shared_tapped_gateway))
        await gateway.data(f"{{ pods({TEAM_0}, {arguments}) {{ items {{ kind }} }} }}")
        assert len(reads_of_pods(shared_tapped_gateway)) == before + 1


@pytest.mark.parametrize("argument", ['labelSelector: "a in"', 'fieldSelector: "spec.colour=red"'])
async def test_an_invalid_selector_has_the_api_servers_error(gateway: GatewayProcess, argument: str) -> None:
    query = f'{{ pods(resourceVersion: "0", {argument}) {{ items {{ kind }} }} }}'
    live = await gateway.error(query)
    async with watching(gateway):
        assert await gateway.error(query) == live


async def test_equal_reads_of_one_operation_share_an_upstream_request(
    shared_tapped_gateway: TappedGateway,
) -> None:
    query = f"""{{ a: pods({TEAM_0}) {{ items {{ spec {{ nodeName }} }} }}
                   b: core_v1_pods({TEAM_0}) {{ items {{ status {{ phase }} }} }}
                   c: pods({TEAM_0}) {{ items {{ metadata {{ name }} }} }} }}"""

    async def share() -> bool:
        """Fields share a request in flight: not if the answer arrives before the second field begins."""
        shared_tapped_gateway.tap.requests.clear()
        data = await shared_tapped_gateway.gateway.data(query)
        assert [len(data[alias]["items"]) for alias in "abc"] == [5, 5, 5]
        return len(reads_of_pods(shared_tapped_gateway)) == 2

    await eventually(share, "two requests for three fields")
    whole, metadata = sorted(reads_of_pods(shared_tapped_gateway), key=lambda request: len(request.accept))
    assert "PartialObjectMetadata" not in whole.accept
    assert "PartialObjectMetadata" in metadata.accept
