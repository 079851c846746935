"""Other people's clients outlive their gateway: each finds the next one by itself, and what is true there."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.api import API, core
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.clients import RECONNECTING, check_clients, watching
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.tap import tapped
from tests.fixtures.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.node

QUERY = """subscription($n: String, $v: String) {
  configMaps(namespace: $n, labelSelector: "mine", resourceVersion: $v) {
    type resourceVersion object { metadata { name } data } } }"""

ENDINGS = {"told to end": signal.SIGTERM, "killed": signal.SIGKILL}


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    check_clients()


class Successors:
    """One gateway after the other at the same address."""

    def __init__(self, directory: Path, kubeconfig: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._kubeconfig = kubeconfig
        self._count = 0
        self._running = ExitStack()
        self.gateway: GatewayProcess

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def start(self) -> None:
        self._count += 1
        options = ("--kubeconfig", str(self._kubeconfig))
        started = start_gateway(self._directory / str(self._count), *options, port=self.port)
        self.gateway = self._running.enter_context(started)

    def end(self, how: signal.Signals) -> None:
        process = self.gateway.process
        process.child.send_signal(how)
        status = process.wait()
        assert status == (0 if how is signal.SIGTERM else -how), process.output()
        assert "ERROR" not in process.output()

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def successors(backend: Backend, tmp_path: Path) -> Iterator[Successors]:
    successors = Successors(tmp_path, backend.kubeconfig)
    successors.start()
    yield successors
    successors.close()


CHANGED = {"changes": {"value": "2"}, "comes": {"value": "1"}, "stays": {"value": "1"}}


def config_map(name: str, value: str) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": {"mine": "yes"}}, "data": {"value": value}}


def plant(api: API, path: str) -> None:
    for name in ("changes", "goes", "stays"):
        api.create(path, config_map(name, "1"))


def change_everything(api: API, path: str) -> None:
    """What was planted becomes ``CHANGED``: one comes, one changes, one goes, one stays as it was."""
    api.create(path, config_map("comes", "1"))
    api.merge(f"{path}/changes", {"data": {"value": "2"}})
    api.delete(f"{path}/goes")


WITH_ONE_ADDRESS = ("subscriptions-transport-ws", "urql, server-sent events")
ON_BOTH = ("graphql-ws", "graphql-sse, distinct connections")
each_client = pytest.mark.parametrize(
    ("backend", "client"),
    [
        *(pytest.param("demo", item, id=f"demo-{item}") for item in RECONNECTING),
        *(pytest.param("real", item, id=f"real-{item}", marks=pytest.mark.cluster) for item in ON_BOTH),
    ],
    indirect=["backend"],
)


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (event["type"], event["object"]["metadata"]["name"] if event["object"] else "") for event in events
    ]


@pytest.mark.parametrize("how", ENDINGS.values(), ids=list(ENDINGS))
@each_client
async def test_a_client_goes_on_with_the_next_gateway(
    successors: Successors, backend: Backend, namespace: str, client: str, how: signal.Signals
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    plant(api, path)
    async with watching(client, successors.url, QUERY, {"n": namespace}) as watcher:
        await watcher.until_synced(1)
        successors.end(how)
        change_everything(api, path)
        successors.start()
        await watcher.until_synced(2)
        await watcher.until_knows(CHANGED)
        api.merge(f"{path}/stays", {"data": {"value": "2"}})
        await watcher.until_knows({**CHANGED, "stays": {"value": "2"}})
    assert (watcher.afresh, watcher.resumed, watcher.shown) == (2, 0, [])


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
@pytest.mark.parametrize("client", [item for item in RECONNECTING if item not in WITH_ONE_ADDRESS])
async def test_a_client_that_knows_of_two_gateways_goes_on_where_the_first_one_ended(
    successors: Successors, gateway: GatewayProcess, backend: Backend, namespace: str, client: str
) -> None:
    """The other one has been watching meanwhile, for somebody else: it knows what was missed."""
    api, path = backend.api(), core("configmaps", namespace)
    plant(api, path)
    urls = f"{successors.url},{gateway.url}/graphql"
    async with gateway.subscribe(QUERY, {"n": namespace}) as somebody:
        await somebody.synced()
        async with watching(client, urls, QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            change_everything(api, path)
            await watcher.until_knows(CHANGED)
            successors.end(signal.SIGTERM)
            api.merge(f"{path}/stays", {"data": {"value": "2"}})
            await watcher.until_knows({**CHANGED, "stays": {"value": "2"}})
    assert told(watcher.events[-2:]) == [("SYNCED", ""), ("MODIFIED", "stays")]
    assert (watcher.afresh, watcher.resumed, watcher.shown) == (1, 1, [])


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
async def test_clients_that_do_not_read_do_not_hold_up_the_end(
    successors: Successors, backend: Backend, namespace: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    body, headers = {"query": QUERY, "variables": {"n": namespace}}, {"Accept": "text/event-stream"}
    async with (
        successors.gateway.socket() as socket,
        httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as http,
    ):
        socket.connection.transport.pause_reading()
        await socket.subscribe(QUERY, {"n": namespace})
        async with http.stream("POST", successors.url, json=body, headers=headers) as response:
            assert response.status_code == 200
            api.create(path, config_map("large", "x" * 900_000))
            for number in range(30):
                api.merge(f"{path}/large", {"data": {"number": str(number)}})
            successors.end(signal.SIGTERM)
        # no closing handshake with a process that is gone
        socket.connection.transport.abort()


@each_client
async def test_a_client_that_lost_its_connection_gets_exactly_what_it_missed(
    gateway: GatewayProcess, backend: Backend, namespace: str, client: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    plant(api, path)
    with tapped("127.0.0.1", gateway.port, None) as line:
        async with watching(client, f"{line.url}/graphql", QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            line.cut()
            change_everything(api, path)
            before = len(watcher.events)
            line.mend()
            await watcher.until_knows(CHANGED)
            api.merge(f"{path}/stays", {"data": {"value": "2"}})
            await watcher.until_knows({**CHANGED, "stays": {"value": "2"}})
    assert told(watcher.events[before:]) == [
        ("SYNCED", ""),
        ("ADDED", "comes"),
        ("MODIFIED", "changes"),
        ("DELETED", "goes"),
        ("MODIFIED", "stays"),
    ]
    assert (watcher.afresh, watcher.resumed, watcher.shown) == (1, 1, [])


@each_client
async def test_a_client_that_was_away_for_too_long_gets_everything_afresh(
    tapped_gateway: TappedGateway, backend: Backend, namespace: str, client: str
) -> None:
    """Its gateway has stopped to watch meanwhile, and the API server has forgotten its history."""
    gateway, upstream = tapped_gateway.gateway, tapped_gateway.tap
    api, path = backend.api(), core("configmaps", namespace)
    plant(api, path)
    with tapped("127.0.0.1", gateway.port, None) as line:
        async with watching(client, f"{line.url}/graphql", QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            line.cut()
            wait_until(lambda: not upstream.open_watches("configmaps"), "the gateway to stop watching")
            change_everything(api, path)
            backend.forget()
            before = len(watcher.events)
            line.mend()
            await watcher.until_synced(2)
    assert watcher.objects == CHANGED
    assert sorted(told(watcher.events[before:])[:-1]) == [("ADDED", name) for name in sorted(CHANGED)]
    assert (watcher.afresh, watcher.resumed, watcher.shown) == (2, 0, [])


@pytest.mark.parametrize("client", ["graphql-ws"])
async def test_however_often_the_line_is_cut_no_change_is_lost_and_none_comes_twice(
    gateway: GatewayProcess, backend: Backend, namespace: str, client: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    api.create(path, config_map("one", "0"))
    with tapped("127.0.0.1", gateway.port, None) as line:
        async with watching(client, f"{line.url}/graphql", QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            for cut in range(5):
                for number in range(10):
                    if number == 3 + cut:
                        line.cut()
                    await asyncio.to_thread(
                        api.merge, f"{path}/one", {"data": {"value": str(cut * 10 + number + 1)}}
                    )
                line.mend()
                await watcher.until_knows({"one": {"value": str(cut * 10 + 10)}})
    values = [int(event["object"]["data"]["value"]) for event in watcher.events if event["object"]]
    # several changes may have become one while they waited to be sent
    assert values == sorted(set(values))
    assert values[-1] == 50
    assert (watcher.afresh, watcher.resumed, watcher.shown) == (1, 5, [])
