"""Subscriptions survive outages of the API server without lost or repeated events."""

from collections.abc import Callable
from typing import Any

from tests.fixtures.api import deployment, grouped
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.graphql_ws import Stream
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import eventually

DEPLOYMENTS = """subscription($n: String) {
  deployments(namespace: $n) { type object { metadata { name } spec { replicas } } } }"""


def go_down(backend: Backend, tap: Tap) -> None:
    """Kill the real kube-apiserver, and cut the connections; a killed demo would lose its objects."""
    if backend.control_plane is not None:
        backend.control_plane.kill_apiserver()
    tap.cut()


def come_back(backend: Backend, tap: Tap) -> None:
    if backend.control_plane is not None:
        backend.control_plane.start_apiserver()
    tap.mend()


def brief(event: dict[str, Any]) -> tuple[str, str, int]:
    return event["type"], event["object"]["metadata"]["name"], event["object"]["spec"]["replicas"]


async def expect_exactly(
    stream: Stream,
    expected: set[tuple[str, str, int]],
    change: Callable[[], object],
    last: tuple[str, str, int],
) -> None:
    """Expect the events in any order, once; after ``change()`` the next event must be ``last``."""
    seen = [brief(await stream.event()) for _ in expected]
    assert (len(seen), set(seen)) == (len(expected), expected)
    change()
    assert brief(await stream.event()) == last


async def test_no_event_is_lost_when_the_api_server_restarts(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    api, tap = backend.api(), shared_tapped_gateway.tap
    path = grouped("apps/v1", "deployments", namespace)
    async with shared_tapped_gateway.gateway.subscribe(DEPLOYMENTS, {"n": namespace}) as stream:
        assert len(await stream.synced()) == 2
        api.merge(f"{path}/web", {"spec": {"replicas": 2}})
        assert brief(await stream.event()) == ("MODIFIED", "web", 2)
        go_down(backend, tap)
        come_back(backend, tap)
        api.merge(f"{path}/web", {"spec": {"replicas": 3}})
        api.create(path, deployment("new", replicas=5))
        api.delete(f"{path}/api")
        await expect_exactly(
            stream,
            {("MODIFIED", "web", 3), ("ADDED", "new", 5), ("DELETED", "api", 1)},
            lambda: api.merge(f"{path}/new", {"spec": {"replicas": 6}}),
            ("MODIFIED", "new", 6),
        )


async def test_changes_during_a_disconnect_arrive_after_it(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    api, tap = backend.api(), shared_tapped_gateway.tap
    path = grouped("apps/v1", "deployments", namespace)
    async with shared_tapped_gateway.gateway.subscribe(DEPLOYMENTS, {"n": namespace}) as stream:
        await stream.synced()
        tap.cut()
        api.merge(f"{path}/web", {"spec": {"replicas": 7}})
        api.create(path, deployment("new"))
        api.delete(f"{path}/api")
        tap.mend()
        await expect_exactly(
            stream,
            {("MODIFIED", "web", 7), ("ADDED", "new", 1), ("DELETED", "api", 1)},
            lambda: api.merge(f"{path}/web", {"spec": {"replicas": 8}}),
            ("MODIFIED", "web", 8),
        )


async def test_after_an_expired_resource_version_only_the_difference_is_sent(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    """An API server without history answers a watch at an older resource version with 410."""
    api, tap = backend.api(), shared_tapped_gateway.tap
    path = grouped("apps/v1", "deployments", namespace)
    async with shared_tapped_gateway.gateway.subscribe(DEPLOYMENTS, {"n": namespace}) as stream:
        assert len(await stream.synced()) == 2
        tap.cut()
        api.merge(f"{path}/web", {"spec": {"replicas": 9}})
        api.create(path, deployment("new", replicas=2))
        api.delete(f"{path}/api")
        backend.forget()
        before = len(tap.requests)
        tap.mend()
        await expect_exactly(
            stream,
            {("MODIFIED", "web", 9), ("ADDED", "new", 2), ("DELETED", "api", 1)},
            lambda: api.merge(f"{path}/web", {"spec": {"replicas": 10}}),
            ("MODIFIED", "web", 10),
        )
        assert any(requests_whole_set(request.target) for request in tap.requests[before:])


def requests_whole_set(target: str) -> bool:
    """Whether a request is a list or a WatchList."""
    return "/deployments" in target and ("watch=" not in target or "sendInitialEvents=true" in target)


async def test_the_gateway_survives_an_unreachable_api_server(
    shared_tapped_gateway: TappedGateway,
) -> None:
    gateway, tap = shared_tapped_gateway.gateway, shared_tapped_gateway.tap
    query = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } } }'
    tap.cut()
    answer = await gateway.execute(query)
    assert answer["data"] == {"pod": None}
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    tap.mend()

    async def answers_again() -> bool:
        return "errors" not in await gateway.execute(query)

    await eventually(answers_again, "the gateway to answer again")
