"""``/metrics``: which activity of the gateway changes which samples."""

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.metrics import scrape
from tests.fixtures.waiting import eventually

PODS = "subscription($n: String) { pods(namespace: $n) { type object { metadata { name } } } }"
ABSENT_ROLLOUT = """subscription($n: String) {
  deploymentRollout(name: "no-such", namespace: $n) { message } }"""
LAG = "kube_graphql_event_lag_seconds_count"


async def test_informers_subscribers_events_and_lag_are_counted(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    before = await scrape(gateway)
    api = backend.api()
    async with (
        gateway.subscribe(PODS, {"n": namespace}) as one,
        gateway.subscribe(PODS, {"n": namespace}) as two,
    ):
        await one.synced()
        await two.synced()
        api.create(core("pods", namespace), pod("counted", labels={}))
        await one.event()
        await two.event()

        async def counted() -> bool:
            return (await scrape(gateway))[LAG] >= before[LAG] + 2

        await eventually(counted, "the lag of both subscribers to be measured")
        during = await scrape(gateway)
        assert during["kube_graphql_subscribers"] >= 2
        assert during["kube_graphql_websockets"] >= 2
        assert during["kube_graphql_informers"] >= 1
        assert during["kube_graphql_upstream_requests_in_flight"] >= 1
        assert during["kube_graphql_events_total"] > before["kube_graphql_events_total"]
        assert during["kube_graphql_event_lag_seconds_sum"] > 0
        assert during["kube_graphql_event_lag_seconds_bucket +Inf"] == during[LAG]


async def test_operations_are_counted_by_type_and_outcome(gateway: GatewayProcess, namespace: str) -> None:
    mutation = 'mutation($n: String) { deletePod(name: "no-such", namespace: $n) { __typename } }'
    expected = {
        "query OK",
        "query BAD_REQUEST",
        "mutation NOT_FOUND",
        "none BAD_REQUEST",
        "subscription OK",
        "subscription NOT_FOUND",
    }
    names = {f"kube_graphql_operations_total {label}" for label in expected}
    before = await scrape(gateway)
    await gateway.data("{ __typename }")
    await gateway.error("{ nothing }")
    await gateway.error(mutation, {"n": namespace})
    await gateway.error("{")
    async with gateway.subscribe(PODS, {"n": namespace}) as stream:
        await stream.synced()
    async with gateway.subscribe(ABSENT_ROLLOUT, {"n": namespace}) as stream:
        with pytest.raises(StreamEnded):
            await stream.result()

    async def counted() -> bool:
        after = await scrape(gateway)
        return all(after.get(name, 0) > before.get(name, 0) for name in names)

    await eventually(counted, "every operation to be counted; the subscription is counted at its end")


async def test_metrics_do_not_contain_names_of_the_cluster(gateway: GatewayProcess, namespace: str) -> None:
    async with gateway.subscribe(PODS, {"n": namespace}) as stream:
        await stream.synced()
        assert namespace not in (await gateway.request("GET", "/metrics")).text
