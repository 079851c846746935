"""``/metrics`` where several workers serve one address."""

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
from gateway.server.workers import metrics as worker_metrics
from tests.fixtures.graphql_ws import open_socket
from tests.gateway.server.conftest import Served, running

BOTH = {"0", "1"}


async def scrape(served: Served) -> list[Metric]:
    response = await served.http.get("/metrics")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/plain")
    return list(plain(response.text))


def by_worker(families: list[Metric], sample: str) -> dict[str, float]:
    """That sample's values; it has no other labels."""
    return {
        each.labels["worker"]: each.value
        for family in families
        for each in family.samples
        if each.name == sample
    }


async def test_whoever_is_asked_speaks_for_all(short_path: Path) -> None:
    async with (
        running(Local, Siblings(0, 2, str(short_path))) as one,
        running(Local, Siblings(1, 2, str(short_path))) as two,
        open_socket(two.websocket_url) as websocket,
    ):
        await websocket.initialise()
        for each in (one, two):
            found = await scrape(each)
            assert by_worker(found, "kube_graphql_websockets") == {"0": 0, "1": 1}
            assert by_worker(found, "kube_graphql_worker_up") == {"0": 1, "1": 1}


async def test_every_family_comes_once_and_every_sample_has_its_worker(short_path: Path) -> None:
    async with (
        running(Local, Siblings(0, 2, str(short_path))) as one,
        running(Local, Siblings(1, 2, str(short_path))),
        running(Local) as alone,
    ):
        found, single = await scrape(one), list(plain((await alone.http.get("/metrics")).text))
        asking = {"Accept": "application/openmetrics-text; version=1.0.0"}
        open_text = (await one.http.get("/metrics", headers=asking)).text
    expected = {each.name: (each.type, each.documentation) for each in single}
    for families in (found, list(openmetrics(open_text))):  # type: ignore[no-untyped-call]  # prometheus_client does not type this one
        assert len({each.name for each in families}) == len(families)
        described = {each.name: (each.type, each.documentation) for each in families}
        assert described.pop("kube_graphql_worker_up")[0] == "gauge"
        assert described == expected
        workers: defaultdict[str, set[str]] = defaultdict(set)
        for family in families:
            for each in family.samples:
                workers[each.name].add(each.labels["worker"])
        assert all(each == BOTH for each in workers.values()), workers


async def test_a_worker_that_is_not_there_is_said_to_be_down(short_path: Path) -> None:
    async with running(Local, Siblings(0, 2, str(short_path))) as one:
        found = await scrape(one)
    assert by_worker(found, "kube_graphql_worker_up") == {"0": 1, "1": 0}
    assert by_worker(found, "kube_graphql_websockets") == {"0": 0}


async def test_a_worker_that_does_not_answer_is_not_waited_for(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_metrics, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(short_path / "1.sock"))
        silent.listen()
        async with running(Local, Siblings(0, 2, str(short_path))) as one:
            assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 0}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup 1",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_worker_that_answers_nonsense_is_said_to_be_down(short_path: Path, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async with (
        await asyncio.start_unix_server(answer, str(short_path / "1.sock")),
        running(Local, Siblings(0, 2, str(short_path))) as one,
    ):
        assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 0}


async def test_no_token_is_needed(short_path: Path) -> None:
    async with (
        running(Passthrough, Siblings(0, 2, str(short_path))) as one,
        running(Passthrough, Siblings(1, 2, str(short_path))),
    ):
        assert by_worker(await scrape(one), "kube_graphql_worker_up") == {"0": 1, "1": 1}
