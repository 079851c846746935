"""Third-party clients reconnect to the same gateway or another, and reach the current state."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.api import API, core
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.clients import RECONNECTING, check_clients, watching
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.tap import Refusal, Request, tapped
from tests.fixtures.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.node

QUERY = """subscription($n: String, $v: String) {
  configMaps(namespace: $n, labelSelector: "mine", resourceVersion: $v) {
    type resourceVersion object { metadata { name } data } } }"""

ENDINGS = {"terminated": signal.SIGTERM, "killed": signal.SIGKILL}


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    check_clients()


class Successors:
    """Consecutive gateways at one address."""

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

    def end(self, number: signal.Signals) -> None:
        process = self.gateway.process
        process.child.send_signal(number)
        status = process.wait()
        assert status == (0 if number is signal.SIGTERM else -number), process.output()
        assert "ERROR" not in process.output()

    def close(self) -> None:
        self._running.close()


@pytest.fixture
def successors(backend: Backend, tmp_path: Path) -> Iterator[Successors]:
    successors = Successors(tmp_path, backend.kubeconfig)
    successors.start()
    yield successors
    successors.close()


AFTER_CHANGES = {"changes": {"value": "2"}, "comes": {"value": "1"}, "stays": {"value": "1"}}


def config_map(name: str, value: str) -> dict[str, object]:
    return {"metadata": {"name": name, "labels": {"mine": "yes"}}, "data": {"value": value}}


def create_objects(api: API, path: str) -> None:
    for name in ("changes", "goes", "stays"):
        api.create(path, config_map(name, "1"))


def make_changes(api: API, path: str) -> None:
    """Create one object, change one, delete one and leave one: ``AFTER_CHANGES`` is the result."""
    api.create(path, config_map("comes", "1"))
    api.merge(f"{path}/changes", {"data": {"value": "2"}})
    api.delete(f"{path}/goes")


WITH_ONE_ADDRESS = ("subscriptions-transport-ws", "urql, server-sent events")
ON_BOTH = ("graphql-ws", "graphql-sse, distinct connections")
every_client = pytest.mark.parametrize(
    ("backend", "client"),
    [
        *(pytest.param("demo", client, id=f"demo-{client}") for client in RECONNECTING),
        *(pytest.param("real", client, id=f"real-{client}", marks=pytest.mark.cluster) for client in ON_BOTH),
    ],
    indirect=["backend"],
)


def brief(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (event["type"], event["object"]["metadata"]["name"] if event["object"] else "") for event in events
    ]


@pytest.mark.parametrize("number", ENDINGS.values(), ids=list(ENDINGS))
@every_client
async def test_a_client_continues_with_the_next_gateway(
    successors: Successors, backend: Backend, namespace: str, client: str, number: signal.Signals
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    create_objects(api, path)
    async with watching(client, successors.url, QUERY, {"n": namespace}) as watcher:
        await watcher.until_synced(1)
        successors.end(number)
        make_changes(api, path)
        successors.start()
        await watcher.until_synced(2)
        await watcher.until_knows(AFTER_CHANGES)
        api.merge(f"{path}/stays", {"data": {"value": "2"}})
        await watcher.until_knows({**AFTER_CHANGES, "stays": {"value": "2"}})
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (2, 0, [])


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
@pytest.mark.parametrize("client", [client for client in RECONNECTING if client not in WITH_ONE_ADDRESS])
async def test_a_client_with_two_addresses_resumes_at_the_other_gateway(
    successors: Successors, gateway: GatewayProcess, backend: Backend, namespace: str, client: str
) -> None:
    """Another subscriber keeps the informer of the other gateway running, so it has the missed changes."""
    api, path = backend.api(), core("configmaps", namespace)
    create_objects(api, path)
    urls = f"{successors.url},{gateway.url}/graphql"
    async with gateway.subscribe(QUERY, {"n": namespace}) as other:
        await other.synced()
        async with watching(client, urls, QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            make_changes(api, path)
            await watcher.until_knows(AFTER_CHANGES)
            successors.end(signal.SIGTERM)
            api.merge(f"{path}/stays", {"data": {"value": "2"}})
            await watcher.until_knows({**AFTER_CHANGES, "stays": {"value": "2"}})
    assert brief(watcher.events[-2:]) == [("SYNCED", ""), ("MODIFIED", "stays")]
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (1, 1, [])


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
async def test_clients_that_do_not_read_do_not_delay_the_shutdown(
    successors: Successors, backend: Backend, namespace: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    body, headers = {"query": QUERY, "variables": {"n": namespace}}, {"Accept": "text/event-stream"}
    async with (
        successors.gateway.socket() as socket,
        httpx.AsyncClient(timeout=DEADLINE, trust_env=False, verify=False) as http,
    ):
        socket.connection.transport.pause_reading()
        await socket.subscribe(QUERY, {"n": namespace})
        async with http.stream("POST", successors.url, json=body, headers=headers) as response:
            assert response.status_code == 200
            api.create(path, config_map("large", "x" * 900_000))
            for number in range(30):
                api.merge(f"{path}/large", {"data": {"number": str(number)}})
            successors.end(signal.SIGTERM)
        # abort: the process has exited and answers no closing handshake
        socket.connection.transport.abort()


@every_client
async def test_a_client_that_lost_its_connection_gets_exactly_the_missed_changes(
    gateway: GatewayProcess, backend: Backend, namespace: str, client: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    create_objects(api, path)
    with tapped("127.0.0.1", gateway.port, None) as line:
        async with watching(client, f"{line.url}/graphql", QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            line.cut()
            make_changes(api, path)
            before = len(watcher.events)
            line.mend()
            await watcher.until_knows(AFTER_CHANGES)
            api.merge(f"{path}/stays", {"data": {"value": "2"}})
            await watcher.until_knows({**AFTER_CHANGES, "stays": {"value": "2"}})
    assert brief(watcher.events[before:]) == [
        ("SYNCED", ""),
        ("ADDED", "comes"),
        ("MODIFIED", "changes"),
        ("DELETED", "goes"),
        ("MODIFIED", "stays"),
    ]
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (1, 1, [])


@every_client
async def test_a_client_with_an_expired_version_gets_all_objects_again(
    tapped_gateway: TappedGateway, backend: Backend, namespace: str, client: str
) -> None:
    """The gateway stops watching meanwhile, and the API server drops its history."""
    gateway, upstream = tapped_gateway.gateway, tapped_gateway.tap
    api, path = backend.api(), core("configmaps", namespace)
    create_objects(api, path)
    with tapped("127.0.0.1", gateway.port, None) as line:
        async with watching(client, f"{line.url}/graphql", QUERY, {"n": namespace}) as watcher:
            await watcher.until_synced(1)
            line.cut()
            wait_until(lambda: not upstream.open_watches("configmaps"), "the gateway to stop watching")
            make_changes(api, path)
            backend.forget()
            before = len(watcher.events)
            line.mend()
            await watcher.until_synced(2)
    assert watcher.objects == AFTER_CHANGES
    assert sorted(brief(watcher.events[before:])[:-1]) == [("ADDED", name) for name in sorted(AFTER_CHANGES)]
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (2, 0, [])


def unavailable(request: Request) -> Refusal | None:
    return Refusal(500, "InternalError") if "/configmaps" in request.target else None


def forbidden(request: Request) -> Refusal | None:
    return Refusal(403, "Forbidden") if "/configmaps" in request.target else None


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
async def test_every_client_subscribes_again_after_a_passing_error(
    tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    """A list that fails for ten seconds ends a subscription; the next one succeeds."""
    gateway, upstream = tapped_gateway.gateway, tapped_gateway.tap
    create_objects(backend.api(), core("configmaps", namespace))
    upstream.refuse = unavailable
    async with AsyncExitStack() as stack:
        watchers = {
            client: await stack.enter_async_context(
                watching(client, f"{gateway.url}/graphql", QUERY, {"n": namespace})
            )
            for client in RECONNECTING
        }
        for watcher in watchers.values():
            await watcher.until(lambda item: len(item.streams) > 1, "a second subscription")
        upstream.refuse = lambda _: None
        for watcher in watchers.values():
            await watcher.until_synced(1)
    for client, watcher in watchers.items():
        assert (client, watcher.shown, len(watcher.objects)) == (client, [], 3)


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
async def test_every_client_stops_at_a_final_error_and_shows_it(
    tapped_gateway: TappedGateway, namespace: str
) -> None:
    gateway = tapped_gateway.gateway
    tapped_gateway.tap.refuse = forbidden
    async with AsyncExitStack() as stack:
        watchers = {
            client: await stack.enter_async_context(
                watching(client, f"{gateway.url}/graphql", QUERY, {"n": namespace})
            )
            for client in RECONNECTING
        }
        for client, watcher in watchers.items():
            await watcher.until(lambda item: bool(item.shown), f"{client} to show the error")
            assert "refused by the tap" in watcher.shown[0]["error"], client
            assert len(watcher.streams) == 1, client


@pytest.mark.parametrize("client", ["graphql-ws"])
async def test_repeated_cuts_lose_and_repeat_no_change(
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
    # pending changes of one object may be coalesced
    assert values == sorted(set(values))
    assert values[-1] == 50
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (1, 5, [])


@pytest.fixture(scope="module")
def expiring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose callers have tokens; the demo accepts every token."""
    options = ("--demo", "--auth", "passthrough")
    with start_gateway(tmp_path_factory.mktemp("expiring"), *options) as started:
        yield started


@pytest.mark.parametrize("client", RECONNECTING)
async def test_a_client_comes_back_with_a_fresh_token(expiring: GatewayProcess, client: str) -> None:
    """Each connection ends before its token does; no end reaches the user."""
    url = f"{expiring.url}/graphql"
    async with watching(client, url, QUERY, {"n": "default"}, token_seconds=3.0) as watcher:
        await watcher.until_synced(4)
    assert watcher.shown == []
    assert "ERROR" not in expiring.process.output()
