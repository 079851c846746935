"""Third-party clients reconnect to the same gateway or another, and reach the current state.

All clients pass through one outage at the same time (:class:`Outages`); one test for each client asserts on
its events.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.api import API, core
from tests.fixtures.backends import Backend, TappedGateway, running_behind_tap, running_namespace
from tests.fixtures.clients import RECONNECTING, Watcher, check_clients, each, watching
from tests.fixtures.gateways import NO_TLS, GatewayProcess, Successors, start_gateway
from tests.fixtures.tap import Refusal, Request, Tap, tapped
from tests.fixtures.waiting import DEADLINE, wait_until

pytestmark = pytest.mark.node

QUERY = """subscription($n: String, $v: String) {
  configMaps(namespace: $n, labelSelector: "mine", resourceVersion: $v) {
    type resourceVersion object { metadata { name } data } } }"""

ENDINGS = {"terminated": signal.SIGTERM, "killed": signal.SIGKILL}

Watchers = dict[str, Watcher]
"""The watchers of an outage by client."""


class Outages:
    """The outages so far. Each happens once, in the test of the first client that lives through it."""

    def __init__(self) -> None:
        self._watchers: dict[tuple[str, ...], Watchers] = {}

    async def once(self, *name: str, watch: Callable[[], Awaitable[Watchers]]) -> Watchers:
        """The result of ``watch`` for that name; no client runs any more."""
        if name not in self._watchers:
            self._watchers[name] = await watch()
        return self._watchers[name]


@pytest.fixture(scope="module")
def outages() -> Outages:
    return Outages()


@pytest.fixture(autouse=True, scope="module")
def _clients_installed() -> None:
    check_clients()


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
WITH_TWO_ADDRESSES = [client for client in RECONNECTING if client not in WITH_ONE_ADDRESS]
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


def clients_of(backend: Backend) -> Sequence[str]:
    return ON_BOTH if backend.is_real else RECONNECTING


async def until_synced(watchers: Watchers, streams: int) -> None:
    await each(watchers, lambda watcher: watcher.until_synced(streams))


async def until_known(watchers: Watchers, objects: Mapping[str, Any]) -> None:
    await each(watchers, lambda watcher: watcher.until_knows(objects))


async def change_last(watchers: Watchers, api: API, path: str) -> None:
    """Change the remaining object, and wait until each client knows it."""
    api.merge(f"{path}/stays", {"data": {"value": "2"}})
    await until_known(watchers, {**AFTER_CHANGES, "stays": {"value": "2"}})


async def watch_succession(backend: Backend, directory: Path, number: signal.Signals) -> Watchers:
    """One gateway ends, and the next one begins at its address."""
    with (
        closing(Successors(directory, backend.kubeconfig)) as successors,
        running_namespace(backend) as namespace,
    ):
        api, path = backend.api(), core("configmaps", namespace)
        create_objects(api, path)
        async with watching(clients_of(backend), successors.url, QUERY, {"n": namespace}) as watchers:
            await until_synced(watchers, 1)
            successors.end(number)
            make_changes(api, path)
            successors.start()
            await until_synced(watchers, 2)
            await until_known(watchers, AFTER_CHANGES)
            await change_last(watchers, api, path)
    return watchers


@pytest.mark.parametrize("number", ENDINGS.values(), ids=list(ENDINGS))
@every_client
async def test_a_client_continues_with_the_next_gateway(
    outages: Outages, backend: Backend, tmp_path: Path, client: str, number: signal.Signals
) -> None:
    watch = partial(watch_succession, backend, tmp_path, number)
    watchers = await outages.once("succession", backend.name, number.name, watch=watch)
    watcher = watchers[client].passed()
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (2, 0, [])


async def watch_departure(backend: Backend, gateway: GatewayProcess, directory: Path) -> Watchers:
    """The gateway at the first of two addresses ends.

    Another subscriber keeps the informer of the other gateway running, so it has the missed changes.
    """
    with (
        closing(Successors(directory, backend.kubeconfig)) as successors,
        running_namespace(backend) as namespace,
    ):
        api, path = backend.api(), core("configmaps", namespace)
        create_objects(api, path)
        urls = f"{successors.url},{gateway.url}/graphql"
        async with gateway.subscribe(QUERY, {"n": namespace}) as other:
            await other.synced()
            async with watching(WITH_TWO_ADDRESSES, urls, QUERY, {"n": namespace}) as watchers:
                await until_synced(watchers, 1)
                make_changes(api, path)
                await until_known(watchers, AFTER_CHANGES)
                successors.end(signal.SIGTERM)
                await change_last(watchers, api, path)
    return watchers


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
@pytest.mark.parametrize("client", WITH_TWO_ADDRESSES)
async def test_a_client_with_two_addresses_resumes_at_the_other_gateway(
    outages: Outages, gateway: GatewayProcess, backend: Backend, tmp_path: Path, client: str
) -> None:
    watchers = await outages.once("departure", watch=partial(watch_departure, backend, gateway, tmp_path))
    watcher = watchers[client].passed()
    assert brief(watcher.events[-2:]) == [("SYNCED", ""), ("MODIFIED", "stays")]
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (1, 1, [])


@pytest.fixture
def successors(backend: Backend, tmp_path: Path) -> Iterator[Successors]:
    with closing(Successors(tmp_path, backend.kubeconfig)) as successors:
        yield successors


@pytest.mark.parametrize("backend", ["demo"], indirect=True)
async def test_clients_that_do_not_read_do_not_delay_the_shutdown(
    successors: Successors, backend: Backend, namespace: str
) -> None:
    api, path = backend.api(), core("configmaps", namespace)
    body, headers = {"query": QUERY, "variables": {"n": namespace}}, {"Accept": "text/event-stream"}
    async with (
        successors.gateway.socket() as socket,
        httpx.AsyncClient(timeout=DEADLINE, trust_env=False, verify=NO_TLS) as http,
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


@asynccontextmanager
async def synced_clients(
    backend: Backend, gateway: GatewayProcess
) -> AsyncIterator[tuple[API, str, Tap, Watchers]]:
    """All clients behind a tap after their first SYNCED, with the API and the path of their objects."""
    with running_namespace(backend) as namespace, tapped("127.0.0.1", gateway.port, None) as line:
        api, path = backend.api(), core("configmaps", namespace)
        create_objects(api, path)
        url = f"{line.url}/graphql"
        async with watching(clients_of(backend), url, QUERY, {"n": namespace}) as watchers:
            await until_synced(watchers, 1)
            yield api, path, line, watchers


async def watch_interruption(backend: Backend, gateway: GatewayProcess) -> Watchers:
    """The clients lose their connections, and the gateway continues."""
    async with synced_clients(backend, gateway) as (api, path, line, watchers):
        line.cut()
        make_changes(api, path)
        for watcher in watchers.values():
            watcher.mark()
        line.mend()
        await until_known(watchers, AFTER_CHANGES)
        await change_last(watchers, api, path)
    return watchers


@every_client
async def test_a_client_that_lost_its_connection_gets_exactly_the_missed_changes(
    outages: Outages, gateway: GatewayProcess, backend: Backend, client: str
) -> None:
    watch = partial(watch_interruption, backend, gateway)
    watchers = await outages.once("interruption", backend.name, watch=watch)
    watcher = watchers[client].passed()
    assert brief(watcher.later) == [
        ("SYNCED", ""),
        ("ADDED", "comes"),
        ("MODIFIED", "changes"),
        ("DELETED", "goes"),
        ("MODIFIED", "stays"),
    ]
    assert (watcher.restarted, watcher.resumed, watcher.shown) == (1, 1, [])


async def watch_expiry(backend: Backend, gateway: GatewayProcess, tap: Tap) -> Watchers:
    """The gateway stops watching while the clients are disconnected, and the API server drops its history."""
    async with synced_clients(backend, gateway) as (api, path, line, watchers):
        line.cut()
        wait_until(lambda: not tap.open_watches("configmaps"), "the gateway to stop watching")
        make_changes(api, path)
        backend.forget()
        for watcher in watchers.values():
            watcher.mark()
        line.mend()
        await until_synced(watchers, 2)
    return watchers


@every_client
async def test_a_client_with_an_expired_version_gets_all_objects_again(
    outages: Outages, backend: Backend, tmp_path: Path, client: str
) -> None:
    async def watch() -> Watchers:
        with running_behind_tap(backend, tmp_path) as started:
            return await watch_expiry(backend, started.gateway, started.tap)

    watchers = await outages.once("expiry", backend.name, watch=watch)
    watcher = watchers[client].passed()
    assert watcher.objects == AFTER_CHANGES
    assert sorted(brief(watcher.later)[:-1]) == [("ADDED", name) for name in sorted(AFTER_CHANGES)]
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
    async with watching(RECONNECTING, f"{gateway.url}/graphql", QUERY, {"n": namespace}) as watchers:
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
    async with watching(RECONNECTING, f"{gateway.url}/graphql", QUERY, {"n": namespace}) as watchers:
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
        async with watching([client], f"{line.url}/graphql", QUERY, {"n": namespace}) as watchers:
            watcher = watchers[client]
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


async def watch_expirations(gateway: GatewayProcess) -> Watchers:
    """The tokens of the clients expire three times."""
    url = f"{gateway.url}/graphql"
    async with watching(RECONNECTING, url, QUERY, {"n": "default"}, token_seconds=3.0) as watchers:
        await until_synced(watchers, 4)
    return watchers


@pytest.mark.parametrize("client", RECONNECTING)
async def test_a_client_comes_back_with_a_fresh_token(
    outages: Outages, expiring: GatewayProcess, client: str
) -> None:
    """Each connection ends before its token does; no end reaches the user."""
    watchers = await outages.once("expirations", watch=partial(watch_expirations, expiring))
    assert watchers[client].passed().shown == []
    assert "ERROR" not in expiring.process.output()
