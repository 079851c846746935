"""``/metrics`` with several workers on one address."""

import asyncio
import socket
from collections import defaultdict
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.identity import Local, Passthrough
from gateway.server import Siblings
from gateway.server.workers import merged_metrics
from tests.fixtures.graphql_ws import open_socket
from tests.gateway.server.conftest import Served, running

BOTH = {"0", "1"}


async def scrape(served: Served) -> list[Metric]:
    response = await served.http.get("/metrics")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/plain")
    return list(plain(response.text))


def by_worker(families: list[Metric], sample: str) -> dict[str, float]:
    """The values of a sample with no other labels."""
    return {
        item.labels["worker"]: item.value
        for family in families
        for item in family.samples
        if item.name == sample
    }


async def test_each_worker_answers_for_all(short_path: Path) -> None:
    async with (
        running(Local, Siblings(0, 2, str(short_path))) as one,
        running(Local, Siblings(1, 2, str(short_path))) as two,
        open_socket(two.websocket_url) as websocket,
    ):
        await websocket.initialise()
        for worker in (one, two):
            found = await scrape(worker)
            assert by_worker(found, "kube_graphql_websockets") == {"0": 0, "1": 1}
            assert by_worker(found, "kube_graphql_worker_up") == {"0": 1, "1": 1}


async def test_each_family_appears_once_and_each_sample_has_a_worker_label(short_path: Path) -> None:
    async with (
        running(Local, Siblings(0, 2, str(short_path))) as one,
        running(Local, Siblings(1, 2, str(short_path))),
        running(Local) as alone,
    ):
        found, single = await scrape(one), list(plain((await alone.http.get("/metrics")).text))
        asking = {"Accept": "application/openmetrics-text; version=1.0.0"}
        open_text = (await one.http.get("/metrics", headers=asking)).text
    expected = {family.name: (family.type, family.documentation) for family in single}
    for families in (found, list(openmetrics(open_text))):  # type: ignore[no-untyped-call]  # prometheus_client does not type this one
        assert len({family.name for family in families}) == len(families)
        described = {family.name: (family.type, family.documentation) for family in families}
        assert described.pop("kube_graphql_worker_up")[0] == "gauge"
        assert described == expected
        workers: defaultdict[str, set[str]] = defaultdict(set)
        for family in families:
            for sample in family.samples:
                workers[sample.name].add(sample.labels["worker"])
        assert all(found == BOTH for found in workers.values()), workers


async def test_a_missing_worker_is_reported_as_down(short_path: Path) -> None:
    async with running(Local, Siblings(0, 2, str(short_path))) as one:
        found = await scrape(one)
    assert by_worker(found, "kube_graphql_worker_up") == {"0": 1, "1": 0}
    assert by_worker(found, "kube_graphql_websockets") == {"0": 0}


async def test_a_silent_worker_is_reported_as_down_after_the_timeout(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_metrics, "_SIBLING_TIMEOUT_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(short_path / "1.sock"))
        silent.listen()
        async with running(Local, Siblings(0, 2, str(short_path))) as one:
            assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 0}


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup 1",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_worker_with_an_invalid_response_is_reported_as_down(
    short_path: Path, response: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async with (
        await asyncio.start_unix_server(answer, str(short_path / "1.sock")),
        running(Local, Siblings(0, 2, str(short_path))) as one,
    ):
        assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 0}


async def test_metrics_of_siblings_require_no_token(short_path: Path) -> None:
    async with (
        running(Passthrough, Siblings(0, 2, str(short_path))) as one,
        running(Passthrough, Siblings(1, 2, str(short_path))),
    ):
        assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 1}
