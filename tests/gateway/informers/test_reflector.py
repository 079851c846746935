import asyncio
import json
from collections.abc import Callable

import pytest

from gateway.errors import (
    BadRequest,
    CredentialsError,
    Forbidden,
    NotFound,
    ServerFailure,
    StatusError,
    Unauthenticated,
    UpstreamUnavailable,
)
from gateway.informers import InformerRegistry, Scope, Timing
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.credentials import Credential, Credentials
from gateway.kube.pools import Pools
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import InstantClock, reading, until_watched
from tests.gateway.informers.scripted_server import (
    CONFIG_MAPS,
    Reply,
    Request,
    ScriptedServer,
    failure,
    status,
)

Answer = Callable[[Request], Reply | None]


@pytest.mark.parametrize("watch_list", [True, False])
async def test_initial_events_then_synced_then_changes(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, watch_list: bool
) -> None:
    server.watch_list = watch_list
    await server.create("a", v=1)
    await server.create("b", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert reader.told == [("ADDED", "default/a"), ("ADDED", "default/b"), ("SYNCED", "")]
        assert reader.resource_version == str(server.resource_version)
        await server.update("a", v=2)
        await server.delete("b")
        await server.create("c", v=1)
        await reader.until_data(a=2, c=1)
        assert reader.told[3:] == [
            ("MODIFIED", "default/a"),
            ("DELETED", "default/b"),
            ("ADDED", "default/c"),
        ]


@pytest.mark.parametrize("watch_list", [True, False])
async def test_objects_carry_kind_and_api_version(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, watch_list: bool
) -> None:
    server.watch_list = watch_list
    await server.create("a", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        assert reader.objects["default/a"]["kind"] == "ConfigMap"
        assert reader.objects["default/a"]["apiVersion"] == "v1"


@pytest.mark.parametrize("watch_list", [True, False])
async def test_a_broken_connection_resumes_and_loses_nothing(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, watch_list: bool
) -> None:
    server.watch_list = watch_list
    await server.create("a", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        await server.stop()
        await server.update("a", v=2)
        await server.create("b", v=1)
        await server.start()
        await reader.until_data(a=2, b=1)
        assert reader.told[2:] == [("MODIFIED", "default/a"), ("ADDED", "default/b")]
    assert registry.counters.relists == 0


async def test_an_api_server_that_is_not_there_yet_is_waited_for(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, clock: InstantClock
) -> None:
    await server.stop()
    await server.create("a", v=1)

    async def tried() -> bool:
        return len(clock.slept) > 3

    async with asyncio.TaskGroup() as tasks:
        entering = tasks.create_task(first_events(registry, client))
        await eventually(tried, "several attempts")
        await server.start()
        assert await entering == ["ADDED", "SYNCED"]


async def first_events(registry: InformerRegistry, client: KubeClient) -> list[str]:
    async with reading(registry, client) as reader:
        await reader.until_synced()
        return reader.types


@pytest.mark.parametrize("as_event", [True, False])
@pytest.mark.parametrize("watch_list", [True, False])
async def test_after_410_subscribers_see_exactly_the_changes(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, as_event: bool, watch_list: bool
) -> None:
    server.watch_list = watch_list
    server.gone_as_event = as_event
    for name in ("same", "changed", "deleted", "replaced"):
        await server.create(name, v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        deleted = reader.known["default/deleted"].object
        await server.stop()
        await server.update("changed", v=2)
        await server.delete("deleted")
        await server.delete("replaced")
        await server.create("replaced", v=3)
        await server.create("added", v=1)
        await server.update("added", v=4)
        server.compact()
        await server.start()
        await reader.until_data(same=1, changed=2, replaced=3, added=4)
        assert sorted(reader.told[5:]) == [
            ("ADDED", "default/added"),
            ("ADDED", "default/replaced"),
            ("DELETED", "default/deleted"),
            ("DELETED", "default/replaced"),
            ("MODIFIED", "default/changed"),
        ]
        assert next(item for item in reader.events[5:] if item.key == "default/deleted").object == deleted
        assert reader.resource_version == str(server.resource_version)
        await server.update("same", v=2)
        await reader.until_data(same=2, changed=2, replaced=3, added=4)
    assert registry.counters.relists == 1


async def test_410_without_a_change_is_not_noticed(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        await server.stop()
        await server.create("b", namespace="other")
        await server.delete("b", namespace="other")
        server.compact()
        await server.start()
        await until_watched(server)
        await server.update("a", v=2)
        await reader.until_data(a=2)
        assert reader.types == ["ADDED", "SYNCED", "MODIFIED"]


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (403, "Forbidden", Forbidden),
        (401, "Unauthorized", Unauthenticated),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", BadRequest),
    ],
)
@pytest.mark.parametrize("watch_list", [True, False])
async def test_a_refusal_of_the_first_list_is_final(
    server: ScriptedServer,
    client: KubeClient,
    registry: InformerRegistry,
    code: int,
    reason: str,
    expected: type[StatusError],
    watch_list: bool,
) -> None:
    server.watch_list = watch_list
    server.on_request = lambda request: (
        failure(code, reason, "no") if watch_list or not request.is_watch else None
    )
    with pytest.raises(expected):
        async with registry.subscribe(client, CONFIG_MAPS, Scope()):
            pytest.fail("there is nothing to read")
    assert not registry.informers


REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def refuse_with_review(reply: Reply, review: bytes, discovery: bytes = b'{"resources":[]}') -> Answer:
    """Refuse every list and watch; answer access reviews and discovery with the given bodies."""

    def answer(request: Request) -> Reply | None:
        if request.path == REVIEWS:
            return Reply(201, review)
        return Reply(200, discovery) if request.path == "/api/v1" else reply

    return answer


DENIED, ALLOWED = b'{"status":{"allowed":false}}', b'{"status":{"allowed":true}}'
SERVED = b'{"resources":[{"name":"configmaps"}]}'


async def test_a_lost_right_that_a_review_confirms_ends_every_subscription(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as first, reading(registry, client) as second:
        await first.until_synced()
        server.on_request = refuse_with_review(failure(403, "Forbidden", "not any more"), DENIED)
        await server.disconnect()
        for reader in (first, second):
            await reader.until(lambda item: item.ended)
            assert isinstance(reader.error, Forbidden)
    # one request that synced, then two refusals, each with a review and a check of readiness
    assert len(server.requests) == 7


async def test_a_resource_that_discovery_no_longer_lists_ends_its_subscriptions(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = refuse_with_review(failure(404, "NotFound", "no such resource"), ALLOWED)
        await server.end_watches()
        await reader.until(lambda item: item.ended)
        assert isinstance(reader.error, NotFound)


REFUSALS = [
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (400, "BadRequest"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
@pytest.mark.parametrize("confirmation", ["contradicts", "is refused too"])
async def test_a_passing_refusal_after_the_first_list_is_retried(
    server: ScriptedServer,
    client: KubeClient,
    registry: InformerRegistry,
    clock: InstantClock,
    code: int,
    reason: str,
    confirmation: str,
) -> None:
    """A kube-apiserver that was just restarted refuses everything until its RBAC informers are synced."""
    refusal = failure(code, reason, "not yet")
    await server.create("a", v=1)
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = (
            (lambda _: refusal)
            if confirmation == "is refused too"
            else refuse_with_review(refusal, ALLOWED, SERVED)
        )
        await server.disconnect()

        async def tried() -> bool:
            return len(clock.slept) > 5

        await eventually(tried, "several attempts")
        server.on_request = lambda _: None
        await server.update("a", v=2)
        await reader.until_data(a=2)
        assert reader.types == ["ADDED", "SYNCED", "MODIFIED"]


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
async def test_a_refusal_that_lasts_is_final_without_a_confirmation(
    server: ScriptedServer, client: KubeClient, clock: InstantClock, code: int, reason: str
) -> None:
    registry = InformerRegistry(clock=clock, timing=Timing(refusal=0.3))
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = lambda _: failure(code, reason, "for good")
        await server.disconnect()
        await reader.until(lambda item: item.ended)
        assert isinstance(reader.error, StatusError)
        assert reader.error.status.code == code
    await registry.aclose()


async def test_one_denied_review_is_not_a_confirmation(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    reviews: list[bytes] = []

    def answer(request: Request) -> Reply | None:
        if len(reviews) >= 5:
            return None
        if request.path == REVIEWS:
            reviews.append(ALLOWED if len(reviews) % 2 else DENIED)
            return Reply(201, reviews[-1])
        return failure(403, "Forbidden", "not yet")

    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = answer
        await server.disconnect()
        await server.create("a", v=1)
        await reader.until_data(a=1)


async def test_a_denial_by_an_api_server_that_is_not_ready_is_not_a_confirmation(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, clock: InstantClock
) -> None:
    """Its RBAC informers are half synced: it serves access reviews, and denies every right."""
    denied = refuse_with_review(failure(403, "Forbidden", "not yet"), DENIED)
    starting = failure(500, "InternalError", "informer-sync failed")
    async with reading(registry, client) as reader:
        await reader.until_synced()
        server.on_request = lambda request: starting if request.path == "/readyz" else denied(request)
        await server.disconnect()

        async def tried() -> bool:
            return len(clock.slept) > 5

        await eventually(tried, "several attempts")
        server.on_request = lambda _: None
        await server.create("a", v=1)
        await reader.until_data(a=1)


class FailingCredentials(Credentials):
    """Gives no credential while ``fails``, as a token file in the middle of a rotation."""

    fails = False

    async def current(self) -> Credential:
        if self.fails:
            raise CredentialsError("the token file is empty")
        return Credential()

    async def refresh(self, rejected: Credential) -> Credential | None:  # noqa: ARG002 (the protocol's)
        return None


@pytest.mark.parametrize("lasts", [False, True])
async def test_a_missing_credential_is_retried_for_a_minute(
    server: ScriptedServer, clock: InstantClock, lasts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    credentials, pools = FailingCredentials(), Pools(ClusterConfig(server=server.url))
    pools.prepare(None)
    client = KubeClient(pools, credentials, "me")
    registry = InformerRegistry(clock=clock, timing=Timing(refusal=0.1 if lasts else 60))
    async with reading(registry, client) as reader:
        await reader.until_synced()
        credentials.fails = True
        await server.disconnect()
        if lasts:
            await reader.until(lambda item: item.ended)
            assert isinstance(reader.error, CredentialsError)
        else:

            async def tried() -> bool:
                return len(clock.slept) > 5

            await eventually(tried, "several attempts")
            credentials.fails = False
            await server.create("a", v=1)
            await reader.until_data(a=1)
    await registry.aclose()
    await client.aclose()


async def test_a_first_list_that_keeps_failing_is_an_error_with_the_message_of_the_server(
    server: ScriptedServer, client: KubeClient, clock: InstantClock
) -> None:
    registry = InformerRegistry(clock=clock, first_list_seconds=0.3)
    server.on_request = lambda _: failure(500, "InternalError", "conversion webhook failed")
    for _ in range(2):
        with pytest.raises(ServerFailure, match="conversion webhook failed") as raised:
            async with registry.subscribe(client, CONFIG_MAPS, Scope()):
                pytest.fail("there is nothing to read")
        assert raised.value.status.code == 500
    server.on_request = lambda _: None
    async with reading(registry, client) as reader:
        await reader.until_synced()
    await registry.aclose()


async def test_a_watch_cache_that_stays_empty_is_an_error_with_the_message_of_the_list(
    server: ScriptedServer, client: KubeClient, clock: InstantClock
) -> None:
    """kube-apiserver 1.36, for a kind with custom objects whose conversion webhook is gone."""
    registry = InformerRegistry(clock=clock, first_list_seconds=0.3)
    too_large = failure(504, "Timeout", "Too large resource version: 733, current: 727")
    failing = failure(500, "InternalError", "conversion webhook failed")
    server.on_request = lambda request: too_large if request.is_watch else failing
    with pytest.raises(ServerFailure, match="cannot list the objects: conversion webhook failed"):
        async with registry.subscribe(client, CONFIG_MAPS, Scope()):
            pytest.fail("there is nothing to read")
    await registry.aclose()


async def test_an_unreachable_api_server_is_an_error_of_a_reader_that_waits_for_the_first_list(
    server: ScriptedServer, client: KubeClient, clock: InstantClock
) -> None:
    registry = InformerRegistry(clock=clock, first_list_seconds=0.3)
    await server.stop()
    with pytest.raises(UpstreamUnavailable, match="cannot list the objects"):
        async with registry.subscribe(client, CONFIG_MAPS, Scope()):
            pytest.fail("there is nothing to read")
    await registry.aclose()


async def test_a_narrow_reader_does_not_depend_on_a_wider_list_that_fails(
    server: ScriptedServer, client: KubeClient, clock: InstantClock
) -> None:
    """An object of another namespace cannot be converted."""
    registry = InformerRegistry(clock=clock, first_list_seconds=0.3)
    await server.create("a", v=1)
    server.on_request = lambda request: (
        None if "/namespaces/" in request.path else failure(500, "InternalError", "conversion webhook failed")
    )
    with pytest.raises(ServerFailure):
        async with registry.subscribe(client, CONFIG_MAPS, Scope()):
            pytest.fail("there is nothing to read")
    assert registry.informers
    async with reading(registry, client, Scope(namespace="default")) as reader:
        await reader.until_data(a=1)
    await registry.aclose()


async def test_too_many_requests_waits_as_long_as_the_server_asks(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, clock: InstantClock
) -> None:
    async with reading(registry, client) as reader:
        await reader.until_synced()
        busy = status(429, "TooManyRequests", "later")
        server.scripted.append(Reply(429, json.dumps(busy).encode(), {"Retry-After": "1000"}))
        await server.disconnect()
        await server.create("a", v=1)
        await reader.until_data(a=1)
    # the client itself waits for short delays
    assert [item for item in clock.slept if item >= 1000]


@pytest.mark.parametrize("line", [b"{\n", b'{"type":"ADDED","object":7}\n', b'{"type":"ODD","object":{}}\n'])
async def test_a_line_that_cannot_be_read_costs_a_reconnect(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry, line: bytes
) -> None:
    async with reading(registry, client) as reader:
        await reader.until_synced()
        await server.send(line)

        async def resumed() -> bool:
            return len(server.watches) > 1

        await eventually(resumed, "another watch")
        await server.create("a", v=1)
        await reader.until_data(a=1)


async def test_events_that_come_in_pieces_are_put_together(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    server.piece = 7
    async with reading(registry, client) as reader:
        await reader.until_synced()
        await server.create("a", v="x" * 3000)
        await server.create("b", v="y")
        await reader.until_data(a="x" * 3000, b="y")
