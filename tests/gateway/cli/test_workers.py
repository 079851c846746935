"""``serve --workers N``: one gateway to its users, in several processes."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend, demo_server
from tests.fixtures.processes import start_process
from tests.fixtures.waiting import DEADLINE, eventually, wait_until
from tests.fixtures.workers import Workers, running, start_workers

NUMBER = 3
MANY = 60
"""Connections: that one of three workers gets none of so many happens once in ten billion runs."""
CONFIG_MAPS = 'subscription { configMaps(namespace: "default") { type object { metadata { name } } } }'
TOKEN = "x-graphql-event-stream-token"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with demo_server(tmp_path_factory.mktemp("demo")) as server:
        yield server


@pytest.fixture(scope="module")
def workers(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    directory = tmp_path_factory.mktemp("workers")
    with start_workers(directory, NUMBER, "--kubeconfig", str(backend.kubeconfig)) as started:
        yield started


def create(backend: Backend, name: str) -> None:
    backend.api().create(core("configmaps", "default"), {"metadata": {"name": name}})


async def test_requests_reach_every_worker(workers: Workers) -> None:
    before = (await workers.scrape()).get("kube_graphql_operations_total", {})
    for _ in range(MANY):
        assert await workers.gateway.data("{ __typename }") == {"__typename": "Query"}
    after = (await workers.scrape())["kube_graphql_operations_total"]
    answered = {each: after[each] - before.get(each, 0) for each in after}
    assert sum(answered.values()) == MANY
    assert len(answered) == NUMBER


async def test_subscriptions_live_at_every_worker_and_see_the_same_events(
    workers: Workers, backend: Backend
) -> None:
    before = (await workers.scrape())["kube_graphql_informers"]
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(workers.gateway.subscribe(CONFIG_MAPS)) for _ in range(MANY)
        ]
        for each in streams:
            await each.synced()
        found = await workers.scrape()
        assert sum(found["kube_graphql_websockets"].values()) == MANY
        assert min(found["kube_graphql_subscribers"].values()) > 0
        assert found["kube_graphql_informers"] == {each: count + 1 for each, count in before.items()}
        create(backend, "seen-by-all")
        for each in streams:
            event = await each.event()
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen-by-all")


async def test_a_stream_of_single_connection_mode_works_over_any_connection(workers: Workers) -> None:
    body = {"query": "{ __typename }", "extensions": {"operationId": "1"}}
    for _ in range(12):
        token = {TOKEN: (await workers.gateway.request("PUT", "/graphql")).text}
        client = httpx.AsyncClient(base_url=workers.gateway.url, timeout=DEADLINE, trust_env=False)
        async with client, client.stream("GET", "/graphql", headers=token) as response:
            assert response.status_code == 200
            started = await workers.gateway.request("POST", "/graphql", json=body, headers=token)
            assert started.status_code == 202
            assert "Query" in await first_data(response.aiter_lines())


async def first_data(lines: AsyncIterator[str]) -> str:
    async with asyncio.timeout(DEADLINE):
        return await anext(line async for line in lines if line.startswith("data: {"))


async def test_a_worker_that_hangs_does_not_hold_up_the_metrics(workers: Workers) -> None:
    stopped = min(workers.children)
    os.kill(stopped, signal.SIGSTOP)
    try:
        # of so many at once, some reach one of the others
        asked = [asyncio.create_task(workers.gateway.request("GET", "/metrics")) for _ in range(20)]
        text = (await next(asyncio.as_completed(asked, timeout=20))).text
    finally:
        # before it is taken for one that hangs for ever
        os.kill(stopped, signal.SIGCONT)
    await asyncio.gather(*asked)
    up = re.findall(r'kube_graphql_worker_up\{worker="\d"\} (\S+)', text)
    assert sorted(up) == ["0.0", "1.0", "1.0"]
    await workers.all_up()


def test_the_greeting_comes_once_and_says_how_many_there_are(workers: Workers, backend: Backend) -> None:
    (line,) = workers.gateway.process.stdout.read_text().splitlines()
    assert line.startswith(f"{workers.gateway.url}/graphql serves ")
    assert backend.server in line
    assert line.endswith(f", auth local, {NUMBER} workers")


def directories(parent: Path) -> list[os.stat_result]:
    """Where gateways have their workers' sockets."""
    return [each.stat() for each in parent.glob("kube-graphql-*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_of_them(
    backend: Backend, tmp_path: Path, short_path: Path, number: signal.Signals
) -> None:
    temporary = {"TMPDIR": str(short_path)}
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path / "run", 2, *options, variables=temporary) as workers:
        everybody = workers.children
        assert len(everybody) == 2
        assert [each.st_mode & 0o777 for each in directories(short_path)] == [0o700]
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(workers.gateway.socket()) for _ in range(8)]
            for each in sockets:
                await (await each.subscribe(CONFIG_MAPS)).synced()
            workers.gateway.process.child.send_signal(number)
            assert workers.gateway.process.wait() == 0
            for each in sockets:
                await each.connection.wait_closed()
                assert each.connection.close_code == 1012
        assert running(everybody) == frozenset()
        assert directories(short_path) == []
        assert workers.gateway.process.stderr.read_text() == ""


def test_the_workers_end_when_the_supervisor_is_killed(
    backend: Backend, tmp_path: Path, short_path: Path
) -> None:
    temporary = {"TMPDIR": str(short_path)}
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path / "run", 2, *options, variables=temporary) as workers:
        everybody = workers.children
        workers.gateway.process.child.kill()
        wait_until(lambda: not running(everybody), "the workers to end")
        assert directories(short_path) == []


async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(
    backend: Backend, tmp_path: Path
) -> None:
    with start_workers(tmp_path, 2, "--kubeconfig", str(backend.kubeconfig)) as workers:
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(workers.gateway.subscribe(CONFIG_MAPS)) for _ in range(20)
            ]
            for each in streams:
                await each.synced()
            killed, other = sorted(workers.children)
            os.kill(killed, signal.SIGKILL)

            async def replaced() -> bool:
                return len(workers.children) == 2 and killed not in workers.children

            await eventually(replaced, "another worker")
            assert other in workers.children
            await workers.all_up()
            create(backend, "after-the-death")
            seen = await asyncio.gather(*(each.event() for each in streams), return_exceptions=True)
            survivors = [each for each in seen if not isinstance(each, BaseException)]
            assert 0 < len(survivors) < len(streams)
            assert {each["object"]["metadata"]["name"] for each in survivors} == {"after-the-death"}
        for _ in range(20):
            assert await workers.gateway.data("{ __typename }") == {"__typename": "Query"}
        (line,) = workers.gateway.process.stderr.read_text().splitlines()
        assert re.search(r"worker \d is started again in 0 s: was ended by SIGKILL", line)


async def test_the_demo_is_one_for_all_workers(tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--demo") as workers:
        everybody = workers.children
        assert len(everybody) == 3
        mutation = 'mutation { createNamespace(object: {metadata: {name: "own"}}) { metadata { uid } } }'
        uid = (await workers.gateway.data(mutation))["createNamespace"]["metadata"]["uid"]
        for _ in range(20):
            found = await workers.gateway.data('{ namespace(name: "own") { metadata { uid } } }')
            assert found == {"namespace": {"metadata": {"uid": uid}}}
        workers.gateway.process.interrupt()
        assert workers.gateway.process.wait() == 0
        assert running(everybody) == frozenset()


def test_any_free_port_will_do(backend: Backend, tmp_path: Path) -> None:
    options = ["--kubeconfig", str(backend.kubeconfig), "--port", "0", "--workers", "2"]
    with start_process([sys.executable, "-m", "gateway", "serve", *options], tmp_path) as process:
        url = process.wait_for_output(", 2 workers\n").split()[0]
        host, port = url.removeprefix("http://").removesuffix("/graphql").split(":")
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert b" 200 " in connection.recv(100)


def test_each_line_of_the_log_says_whose_it_is(backend: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--log-level", "debug")
    with start_workers(tmp_path, 2, *options, variables={"XDG_CACHE_HOME": str(tmp_path)}) as workers:
        workers.gateway.process.wait_for_output("worker 0 gateway.telemetry: ready")
        workers.gateway.process.wait_for_output("worker 1 gateway.telemetry: ready")


def test_the_openapi_cache_stays_whole_when_all_workers_write_it(backend: Backend, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with start_workers(tmp_path / "run", NUMBER, "--kubeconfig", str(backend.kubeconfig), variables=cache):
        files = [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
    assert files
    for each in files:
        assert each.suffix == ".json", f"left behind: {each}"
        json.loads(each.read_bytes().partition(b"\n")[2])
