"""Subscriptions: initial events, SYNCED, changes; many subscribers share one upstream watch."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.fixtures.api import core, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import eventually

PODS = """subscription($n: String, $labels: String, $fields: String) {
  pods(namespace: $n, labelSelector: $labels, fieldSelector: $fields) {
    type resourceVersion object { metadata { name labels } status { phase } } } }"""


async def test_initial_events_then_synced_then_changes(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    api.create(core("pods", namespace), pod("first", labels={"app": "a"}))
    async with gateway.subscribe(PODS, {"n": namespace}) as stream:
        (initial,) = await stream.synced()
        assert (initial["type"], initial["object"]["metadata"]["name"]) == ("ADDED", "first")
        api.create(core("pods", namespace), pod("second", labels={"app": "a"}))
        added = await stream.event()
        assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "second")
        api.merge(core("pods", namespace, "second"), {"metadata": {"labels": {"app": "b"}}})
        modified = await stream.event()
        assert (modified["type"], modified["object"]["metadata"]["labels"]) == ("MODIFIED", {"app": "b"})
        assert int(modified["resourceVersion"]) > int(added["resourceVersion"])
        api.delete(core("pods", namespace, "second"))
        (*_, deleted) = await stream.until(lambda event: event["type"] == "DELETED")
        assert deleted["object"]["metadata"]["name"] == "second"


async def test_synced_comes_for_an_empty_set_and_has_no_object(
    gateway: GatewayProcess, namespace: str
) -> None:
    async with gateway.subscribe(PODS, {"n": namespace}) as stream:
        event = await stream.event()
        assert (event["type"], event["object"]) == ("SYNCED", None)
        assert int(event["resourceVersion"]) > 0


async def test_one_object_is_watched_through_its_creation_and_deletion(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    query = (
        'subscription($n: String) { pod(name: "one", namespace: $n) { type object { metadata { name } } } }'
    )
    async with gateway.subscribe(query, {"n": namespace}) as stream:
        assert await stream.synced() == []
        api.create(core("pods", namespace), pod("other", labels={}))
        api.create(core("pods", namespace), pod("one", labels={}))
        assert await stream.event() == {"type": "ADDED", "object": {"metadata": {"name": "one"}}}
        api.delete(core("pods", namespace, "one"))
        (*_, deleted) = await stream.until(lambda event: event["type"] == "DELETED")
        assert deleted["object"] == {"metadata": {"name": "one"}}


async def test_objects_that_enter_or_leave_a_selector_are_added_or_deleted(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    api.create(core("pods", namespace), pod("moves", labels={"app": "out"}))
    async with gateway.subscribe(PODS, {"n": namespace, "labels": "app=in"}) as stream:
        assert await stream.synced() == []
        api.merge(core("pods", namespace, "moves"), {"metadata": {"labels": {"app": "in"}}})
        added = await stream.event()
        assert (added["type"], added["object"]["metadata"]["labels"]) == ("ADDED", {"app": "in"})
        api.merge(core("pods", namespace, "moves"), {"metadata": {"labels": {"app": "out"}}})
        deleted = await stream.event()
        assert (deleted["type"], deleted["object"]["metadata"]["name"]) == ("DELETED", "moves")


async def test_a_field_selector_follows_the_status(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    api.create(core("pods", namespace), pod("starts", labels={}))
    async with gateway.subscribe(PODS, {"n": namespace, "fields": "status.phase=Running"}) as stream:
        assert await stream.synced() == []
        api.merge(core("pods", namespace, "starts", "status"), {"status": {"phase": "Running"}})
        added = await stream.event()
        assert (added["type"], added["object"]["status"]) == ("ADDED", {"phase": "Running"})
        api.merge(core("pods", namespace, "starts", "status"), {"status": {"phase": "Failed"}})
        assert (await stream.event())["type"] == "DELETED"


async def test_a_subscriber_resumes_at_its_resource_version(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    query = """subscription($n: String, $initial: Boolean, $from: String) {
      deployments(namespace: $n, sendInitialEvents: $initial, resourceVersion: $from) {
        type resourceVersion object { metadata { name } spec { replicas } } } }"""
    path = grouped("apps/v1", "deployments", namespace)
    async with gateway.subscribe(query, {"n": namespace, "initial": True}) as stream:
        synced = (await stream.until(lambda event: event["type"] == "SYNCED"))[-1]
    backend.api().merge(f"{path}/web", {"spec": {"replicas": 8}})
    backend.api().delete(f"{path}/api")
    arguments = {"n": namespace, "initial": False, "from": synced["resourceVersion"]}
    async with gateway.subscribe(query, arguments) as stream:
        seen: list[tuple[str, str]] = []
        while len(seen) < 2:
            event = await stream.event()
            if event["type"] != "SYNCED":
                seen.append((event["type"], event["object"]["metadata"]["name"]))
        assert seen == [("MODIFIED", "web"), ("DELETED", "api")]


async def test_an_invalid_selector_ends_the_subscription_with_an_error(
    gateway: GatewayProcess, namespace: str
) -> None:
    async with gateway.subscribe(PODS, {"n": namespace, "labels": "a in"}) as stream:
        errors = await stream.errors()
        assert errors[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_operations_share_a_connection_and_end_independently(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    async with gateway.socket() as socket:
        pods = await socket.subscribe(PODS, {"n": namespace})
        deployments = await socket.subscribe(
            "subscription($n: String) { deployments(namespace: $n) { type object { metadata { name } } } }",
            {"n": namespace},
        )
        query = await socket.subscribe("{ version { gitVersion } }")
        assert (await query.result())["data"]["version"]["gitVersion"]
        with pytest.raises(StreamEnded):
            await query.result()
        assert len(await deployments.synced()) == 2
        assert await pods.synced() == []
        await pods.complete()
        backend.api().create(core("pods", namespace), pod("unseen", labels={}))
        backend.api().delete(grouped("apps/v1", "deployments", namespace, "api"))
        deleted = await deployments.event()
        assert (deleted["type"], deleted["object"]["metadata"]["name"]) == ("DELETED", "api")


async def test_subscribers_share_one_upstream_watch(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    gateway, tap = shared_tapped_gateway.gateway, shared_tapped_gateway.tap
    queries = [
        "subscription($n: String) { deployments(namespace: $n) { type object { spec { replicas } } } }",
        """subscription($n: String) { apps_v1_deployments(namespace: $n) {
          type object { metadata { name } spec { replicas } } } }""",
    ]
    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(gateway.socket())
        streams = [await socket.subscribe(queries[number % 2], {"n": namespace}) for number in range(20)]
        for stream in streams:
            assert len(await stream.synced()) == 2
        assert len(tap.open_watches("deployments")) == 1
        backend.api().merge(grouped("apps/v1", "deployments", namespace, "web"), {"spec": {"replicas": 2}})
        for stream in streams:
            event = await stream.event()
            assert (event["type"], event["object"]["spec"]["replicas"]) == ("MODIFIED", 2)
        assert len([request for request in tap.requests if request.is_watch_of("deployments")]) == 1


async def test_metadata_subscribers_watch_partial_objects_until_whole_ones_are_needed(
    shared_tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    gateway, tap = shared_tapped_gateway.gateway, shared_tapped_gateway.tap
    web = grouped("apps/v1", "deployments", namespace, "web")
    names = (
        "subscription($n: String) { deployments(namespace: $n) { type object { kind metadata { labels } } } }"
    )
    whole = "subscription($n: String) { deployments(namespace: $n) { type object { spec { replicas } } } }"
    async with gateway.subscribe(names, {"n": namespace}) as metadata_only:
        assert len(await metadata_only.synced()) == 2
        (watch,) = tap.open_watches("deployments")
        assert "as=PartialObjectMetadata;" in watch.accept

        async with gateway.subscribe(whole, {"n": namespace}) as complete:
            assert {item["object"]["spec"]["replicas"] for item in await complete.synced()} == {1}
            await eventually(lambda: only_complete(tap), "the watch of metadata to end")

            backend.api().merge(web, {"spec": {"replicas": 2}})
            assert (await complete.event())["object"] == {"spec": {"replicas": 2}}
            backend.api().merge(web, {"metadata": {"labels": {"seen": "yes"}}})
            # neither the new watch nor the change of the replicas is an event for the metadata selection
            changed = await metadata_only.event()
            assert (changed["type"], changed["object"]["kind"]) == ("MODIFIED", "Deployment")
            assert changed["object"]["metadata"]["labels"]["seen"] == "yes"


async def only_complete(tap: Tap) -> bool:
    """Whether the only upstream watch is one of whole objects."""
    return ["PartialObjectMetadata" in watch.accept for watch in tap.open_watches("deployments")] == [False]


async def test_the_watch_ends_after_the_last_subscriber(
    shared_tapped_gateway: TappedGateway, namespace: str
) -> None:
    tap = shared_tapped_gateway.tap
    async with shared_tapped_gateway.gateway.subscribe(PODS, {"n": namespace}) as stream:
        await stream.synced()
        assert len(tap.open_watches("pods")) == 1

    async def ended() -> bool:
        return not tap.open_watches("pods")

    await eventually(ended, "the upstream watch to end")


async def test_every_subscriber_sees_the_last_state(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    query = "subscription($n: String) { deployments(namespace: $n) { type object { spec { replicas } } } }"
    async with (
        gateway.subscribe(query, {"n": namespace}) as one,
        gateway.subscribe(query, {"n": namespace}) as two,
    ):
        await one.synced()
        await two.synced()
        await asyncio.to_thread(
            lambda: [backend.api().merge(path, {"spec": {"replicas": n}}) for n in range(2, 22)]
        )
        for stream in (one, two):
            seen = await stream.until(lambda event: event["object"]["spec"]["replicas"] == 21)
            replicas = [event["object"]["spec"]["replicas"] for event in seen]
            assert replicas == sorted(set(replicas)), "in order, without repetitions"
