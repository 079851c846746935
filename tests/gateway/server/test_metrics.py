"""``/metrics`` over HTTP: samples, formats and access."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.waiting import eventually
from tests.gateway.server.conftest import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def scrape(served: Served) -> dict[str, float]:
    """All samples without labels."""
    response = await served.http.get("/metrics")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/plain")
    families = text_string_to_metric_families(response.text)
    return {item.name: item.value for family in families for item in family.samples if not item.labels}


async def test_all_samples_exist_from_the_start(local: Served) -> None:
    samples = await scrape(local)
    for name in (
        "informers",
        "subscribers",
        "waiting_events",
        "websockets",
        "upstream_requests_in_flight",
        "events_total",
        "relists_total",
        "subscribers_too_slow_total",
        "log_subscriptions",
        "log_streams",
        "log_lines_total",
        "event_lag_seconds_count",
        "event_lag_seconds_sum",
    ):
        assert samples[f"kube_graphql_{name}"] == 0
    assert samples["process_resident_memory_bytes"] > 0


async def test_reviews_of_all_results_exist_from_the_start(local: Served) -> None:
    text = (await local.http.get("/metrics")).text
    for result in ("cached", "allowed", "denied", "failed"):
        assert f'kube_graphql_access_reviews_total{{result="{result}"}} 0.0' in text


async def test_open_websockets_are_counted_until_they_close(local: Served) -> None:
    async with open_socket(local.websocket_url) as socket:
        await socket.initialise()
        assert (await scrape(local))["kube_graphql_websockets"] == 1

    async def closed() -> bool:
        return (await scrape(local))["kube_graphql_websockets"] == 0

    await eventually(closed, "the websocket to be removed")


async def test_openmetrics_is_negotiated(local: Served) -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await local.http.get("/metrics", headers=headers)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_metrics_require_no_token(passthrough: Served) -> None:
    assert (await scrape(passthrough))["kube_graphql_informers"] == 0


async def test_metrics_are_refused_for_a_foreign_host(local: Served) -> None:
    response = await local.http.get("/metrics", headers={"Host": "evil.example"})
    assert response.status_code == 403
