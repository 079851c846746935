"""``serve --workers N`` behaves as one gateway in several processes.

Covers ``gateway/cli/workers/child.py``, ``gateway/cli/workers/child_process.py`` and
``gateway/cli/workers/signals.py``.
"""

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
from tests.fixtures.backends import Backend
from tests.fixtures.processes import start_process
from tests.fixtures.waiting import DEADLINE, eventually, wait_until
from tests.fixtures.workers import Workers, running, start_workers

WORKERS = 3
CONNECTIONS = 60
"""One of three workers gets none of 60 connections once in ten billion runs."""
CONFIG_MAPS = 'subscription { configMaps(namespace: "default") { type object { metadata { name } } } }'
TOKEN = "x-graphql-event-stream-token"


@pytest.fixture(scope="module")
def workers(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    directory = tmp_path_factory.mktemp("workers")
    with start_workers(directory, WORKERS, "--kubeconfig", str(backend.kubeconfig)) as started:
        yield started


def create(backend: Backend, name: str) -> None:
    backend.api().create(core("configmaps", "default"), {"metadata": {"name": name}})


async def test_requests_reach_every_worker(workers: Workers) -> None:
    before = (await workers.scrape()).get("kube_graphql_operations_total", {})
    for _ in range(CONNECTIONS):
        assert await workers.gateway.data("{ __typename }") == {"__typename": "Query"}
    after = (await workers.scrape())["kube_graphql_operations_total"]
    answered = {item: after[item] - before.get(item, 0) for item in after}
    assert sum(answered.values()) == CONNECTIONS
    assert len(answered) == WORKERS


async def test_subscriptions_of_all_workers_see_the_same_events(workers: Workers, backend: Backend) -> None:
    before = (await workers.scrape())["kube_graphql_informers"]
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(workers.gateway.subscribe(CONFIG_MAPS))
            for _ in range(CONNECTIONS)
        ]
        for stream in streams:
            await stream.synced()
        found = await workers.scrape()
        assert sum(found["kube_graphql_websockets"].values()) == CONNECTIONS
        assert min(found["kube_graphql_subscribers"].values()) > 0
        assert found["kube_graphql_informers"] == {item: count + 1 for item, count in before.items()}
        create(backend, "seen-by-all")
        for stream in streams:
            event = await stream.event()
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen-by-all")


async def test_single_connection_mode_works_across_workers(workers: Workers) -> None:
    body = {"query": "{ __typename }", "extensions": {"operationId": "1"}}
    for _ in range(12):
        token = {TOKEN: (await workers.gateway.request("PUT", "/graphql")).text}
        client = httpx.AsyncClient(
            base_url=workers.gateway.url, timeout=DEADLINE, trust_env=False, verify=False
        )
        async with client, client.stream("GET", "/graphql", headers=token) as response:
            assert response.status_code == 200
            started = await workers.gateway.request("POST", "/graphql", json=body, headers=token)
            assert started.status_code == 202
            assert "Query" in await first_data(response.aiter_lines())


async def first_data(lines: AsyncIterator[str]) -> str:
    async with asyncio.timeout(DEADLINE):
        return await anext(line async for line in lines if line.startswith("data: {"))


async def test_metrics_do_not_wait_for_a_hanging_worker(workers: Workers) -> None:
    stopped = min(workers.children)
    os.kill(stopped, signal.SIGSTOP)
    try:
        # of 20 concurrent requests, some reach another worker
        requests = [asyncio.create_task(workers.gateway.request("GET", "/metrics")) for _ in range(20)]
        text = (await next(asyncio.as_completed(requests, timeout=20))).text
    finally:
        # before the supervisor replaces it
        os.kill(stopped, signal.SIGCONT)
    await asyncio.gather(*requests)
    up = re.findall(r'kube_graphql_worker_up\{worker="\d"\} (\S+)', text)
    assert sorted(up) == ["0.0", "1.0", "1.0"]
    await workers.all_up()


def test_the_greeting_is_printed_once_and_counts_the_workers(workers: Workers, backend: Backend) -> None:
    (line,) = workers.gateway.process.stdout.read_text().splitlines()
    assert line.startswith(f"{workers.gateway.url}/graphql serves ")
    assert backend.server in line
    assert line.endswith(f", auth local, {WORKERS} workers")


def directories(parent: Path) -> list[os.stat_result]:
    """The directories of the workers' private sockets."""
    return [path.stat() for path in parent.glob("kube-graphql-*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_processes(
    backend: Backend, tmp_path: Path, short_path: Path, number: signal.Signals
) -> None:
    temporary = {"TMPDIR": str(short_path)}
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path / "run", 2, *options, variables=temporary) as workers:
        processes = workers.children
        assert len(processes) == 2
        assert [directory.st_mode & 0o777 for directory in directories(short_path)] == [0o700]
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(workers.gateway.socket()) for _ in range(8)]
            for item in sockets:
                await (await item.subscribe(CONFIG_MAPS)).synced()
            workers.gateway.process.child.send_signal(number)
            assert workers.gateway.process.wait() == 0
            for item in sockets:
                await item.connection.wait_closed()
                assert item.connection.close_code == 1012
        assert running(processes) == frozenset()
        assert directories(short_path) == []
        assert workers.gateway.process.stderr.read_text() == ""


def test_the_workers_end_when_the_supervisor_is_killed(
    backend: Backend, tmp_path: Path, short_path: Path
) -> None:
    temporary = {"TMPDIR": str(short_path)}
    options = ("--kubeconfig", str(backend.kubeconfig))
    with start_workers(tmp_path / "run", 2, *options, variables=temporary) as workers:
        processes = workers.children
        workers.gateway.process.child.kill()
        wait_until(lambda: not running(processes), "the workers to end")
        assert directories(short_path) == []


async def test_a_killed_worker_is_replaced_and_the_others_continue(backend: Backend, tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--kubeconfig", str(backend.kubeconfig)) as workers:
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(workers.gateway.subscribe(CONFIG_MAPS)) for _ in range(20)
            ]
            for stream in streams:
                await stream.synced()
            killed, other = sorted(workers.children)
            os.kill(killed, signal.SIGKILL)

            async def replaced() -> bool:
                return len(workers.children) == 2 and killed not in workers.children

            await eventually(replaced, "the worker to be replaced")
            assert other in workers.children
            await workers.all_up()
            create(backend, "after-the-kill")
            seen = await asyncio.gather(*(stream.event() for stream in streams), return_exceptions=True)
            survivors = [item for item in seen if not isinstance(item, BaseException)]
            assert 0 < len(survivors) < len(streams)
            assert {survivor["object"]["metadata"]["name"] for survivor in survivors} == {"after-the-kill"}
        for _ in range(20):
            assert await workers.gateway.data("{ __typename }") == {"__typename": "Query"}
        (line,) = workers.gateway.process.stderr.read_text().splitlines()
        assert re.search(r"worker \d is started again in 0 s: was ended by SIGKILL", line)


async def test_all_workers_share_one_demo(tmp_path: Path) -> None:
    with start_workers(tmp_path, 2, "--demo") as workers:
        processes = workers.children
        assert len(processes) == 3
        mutation = 'mutation { createNamespace(object: {metadata: {name: "own"}}) { metadata { uid } } }'
        uid = (await workers.gateway.data(mutation))["createNamespace"]["metadata"]["uid"]
        for _ in range(20):
            found = await workers.gateway.data('{ namespace(name: "own") { metadata { uid } } }')
            assert found == {"namespace": {"metadata": {"uid": uid}}}
        workers.gateway.process.interrupt()
        assert workers.gateway.process.wait() == 0
        assert running(processes) == frozenset()


def test_port_0_chooses_one_port_for_all_workers(backend: Backend, tmp_path: Path) -> None:
    options = ["--kubeconfig", str(backend.kubeconfig), "--port", "0", "--workers", "2"]
    with start_process([sys.executable, "-m", "gateway", "serve", *options], tmp_path) as process:
        url = process.wait_for_output(", 2 workers\n").split()[0]
        host, port = url.removeprefix("http://").removesuffix("/graphql").split(":")
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert b" 200 " in connection.recv(100)


def test_log_lines_name_their_worker(backend: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--log-level", "debug")
    with start_workers(tmp_path, 2, *options, variables={"XDG_CACHE_HOME": str(tmp_path)}) as workers:
        workers.gateway.process.wait_for_output("worker 0 gateway.telemetry: ready")
        workers.gateway.process.wait_for_output("worker 1 gateway.telemetry: ready")


def test_concurrent_writes_keep_the_openapi_cache_intact(backend: Backend, tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with start_workers(tmp_path / "run", WORKERS, "--kubeconfig", str(backend.kubeconfig), variables=cache):
        files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert file.suffix == ".json", f"left behind: {file}"
        json.loads(file.read_bytes().partition(b"\n")[2])
