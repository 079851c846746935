"""Subscriptions of an ordinary identity outlast passing refusals; lasting ones end them with an error."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.api import API, CRDS, core, crd, grouped
from tests.fixtures.backends import Backend, TappedGateway, write_kubeconfig
from tests.fixtures.custom_kinds import install_kind
from tests.fixtures.gateways import start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.protocols import PROTOCOLS, Results
from tests.fixtures.tap import Refusal, Request
from tests.fixtures.waiting import DEADLINE, eventually, wait_until

pytestmark = pytest.mark.cluster

CONFIG_MAPS = """subscription($n: String, $v: String) {
  configMaps(namespace: $n, resourceVersion: $v) { type object { metadata { name } data } } }"""
RBAC = "rbac.authorization.k8s.io"
SUBSCRIBERS = 50
NUMBERS = itertools.count()


@contextmanager
def allowed(api: API, user: str) -> Iterator[Callable[[], None]]:
    """Let a user read the config maps of all namespaces during the block; yields the revocation."""
    role = grouped(f"{RBAC}/v1", "clusterroles")
    binding = grouped(f"{RBAC}/v1", "clusterrolebindings")
    name = f"{user}-reads-{next(NUMBERS)}"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    subject = {"kind": "User", "name": user, "apiGroup": RBAC}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    api.create(role, {"metadata": {"name": name}, "rules": [rule]})
    api.create(binding, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})

    def revoke() -> None:
        api.delete(f"{binding}/{name}")

    try:
        yield revoke
    finally:
        for path in (binding, role):
            api.request("DELETE", f"{path}/{name}")


class Ordinary:
    """A gateway whose user may read config maps only, with a namespace of its own."""

    def __init__(self, gateway: TappedGateway, backend: Backend, namespace: str, token: Path) -> None:
        self.gateway = gateway.gateway
        self.tap = gateway.tap
        self.token = token
        self.backend = backend
        self.namespace = namespace
        self.revoke: Callable[[], None] = lambda: None

    @property
    def path(self) -> str:
        return core("configmaps", self.namespace)

    def write(self, value: str) -> None:
        self.backend.api().merge(f"{self.path}/one", {"data": {"v": value}})

    def is_allowed(self) -> bool:
        return self.backend.api("gateway").request("GET", self.path).is_success

    def reconnect(self) -> None:
        """Break the watches, so that they are requested again."""
        self.tap.cut()
        self.tap.mend()

    @asynccontextmanager
    async def readers(self, count: int = len(PROTOCOLS)) -> AsyncIterator[list["Reader"]]:
        """Synced subscribers, over all protocols in turn."""
        request = {"query": CONFIG_MAPS, "variables": {"n": self.namespace}}
        openings = itertools.islice(itertools.cycle(PROTOCOLS), count)
        async with AsyncExitStack() as stack:
            readers = [
                Reader(await stack.enter_async_context(opening(self.gateway, request)))
                for opening in openings
            ]
            for reader in readers:
                await reader.until(lambda item: "SYNCED" in item.types)
            yield readers
            for reader in readers:
                reader.task.cancel()
            await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Shared:
    """The gateway of all tests; its identity comes from a token file."""

    gateway: TappedGateway
    token: Path


@pytest.fixture(scope="module")
def shared(seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    directory = tmp_path_factory.mktemp("ordinary")
    token, kubeconfig = directory / "token", directory / "kubeconfig"
    token.write_text("gateway-token")
    with seeded_cluster.tapped() as tap:
        config = {
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": tap.url}}],
            "users": [{"name": "c", "user": {"tokenFile": str(token)}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        kubeconfig.write_text(yaml.safe_dump(config))
        options = ("--kubeconfig", str(kubeconfig), "--grace-period", "0.2")
        with start_gateway(directory / "gateway", *options) as started:
            yield Shared(TappedGateway(started, tap), token)


@pytest.fixture
def ordinary(seeded_cluster: Backend, shared: Shared) -> Iterator[Ordinary]:
    api, namespace = seeded_cluster.api(), f"refused-{next(NUMBERS)}"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(core("configmaps", namespace), {"metadata": {"name": "one"}, "data": {"v": "0"}})
    tap = shared.gateway.tap
    tap.reset()
    with allowed(api, "gateway") as revoke:
        ordinary = Ordinary(shared.gateway, seeded_cluster, namespace, shared.token)
        ordinary.revoke = revoke
        wait_until(ordinary.is_allowed, "the role to take effect")
        yield ordinary
        wait_until(lambda: not tap.open_watches("configmaps"), "the informer of the test to stop")


class Reader:
    """Reads one subscription in a task; ``known`` are the data by name, ``codes`` those of its end."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self.known: dict[str, Any] = {}
        self.types: list[str] = []
        self.codes: list[str] = []
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for result in self._results:
            if "errors" in result:
                self.codes += [error["extensions"]["code"] for error in result["errors"]]
                continue
            event = result["data"]["configMaps"]
            self.types.append(event["type"])
            if event["object"]:
                self.known[event["object"]["metadata"]["name"]] = event["object"]["data"]

    async def until_knows(self, value: str) -> None:
        await self.until(lambda item: item.known.get("one") == {"v": value})

    async def until(self, condition: Callable[["Reader"], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition(self):
                assert not self.task.done(), f"the subscription has ended: {self.codes} {self.task}"
                await asyncio.sleep(0.02)


async def test_subscribers_of_every_protocol_outlast_restarts_of_the_api_server(ordinary: Ordinary) -> None:
    control_plane = ordinary.backend.control_plane
    assert control_plane is not None
    async with ordinary.readers(SUBSCRIBERS) as readers:
        for value in ("1", "2", "3"):
            await asyncio.to_thread(control_plane.kill_apiserver)
            await asyncio.to_thread(control_plane.start_apiserver)
            ordinary.write(value)
            for reader in readers:
                await reader.until_knows(value)
        for reader in readers:
            assert (reader.types, reader.codes) == (["ADDED", "SYNCED", *["MODIFIED"] * 3], [])


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(400, "BadRequest"),
        Refusal(401, "Unauthorized"),
        Refusal(403, "Forbidden"),
        Refusal(404, "NotFound"),
    ],
    ids=lambda item: item.reason,
)
async def test_subscribers_of_every_protocol_outlast_a_refusal_that_nothing_confirms(
    ordinary: Ordinary, refusal: Refusal
) -> None:
    def refuse(request: Request) -> Refusal | None:
        return refusal if request.is_watch_of("configmaps") else None

    async with ordinary.readers() as readers:
        ordinary.tap.refuse = refuse
        before = len(ordinary.tap.requests)
        ordinary.reconnect()

        async def refused() -> bool:
            watches = [item for item in ordinary.tap.requests[before:] if item.is_watch_of("configmaps")]
            return len(watches) >= 3

        await eventually(refused, "several refusals")
        ordinary.tap.refuse = lambda _: None
        ordinary.write("1")
        for reader in readers:
            await reader.until_knows("1")
            assert (reader.types, reader.codes) == (["ADDED", "SYNCED", "MODIFIED"], [])


async def test_subscribers_outlast_a_token_file_that_lags_behind(ordinary: Ordinary) -> None:
    """The API server rejects the token before its successor is in the file."""

    logged = len(ordinary.gateway.process.output())

    async def is_logged(message: str) -> bool:
        output = ordinary.gateway.process.output()[logged:]
        return f"is refused, which is not confirmed yet: {message}" in output

    async with ordinary.readers() as readers:
        ordinary.token.write_text("expired-token")
        # the file is read again after a 401
        ordinary.tap.refuse = lambda _: Refusal(401, "Unauthorized", "rejected by the tap")
        ordinary.reconnect()
        await eventually(partial(is_logged, "rejected by the tap"), "the gateway to read the file again")
        ordinary.tap.refuse = lambda _: None
        await eventually(partial(is_logged, "Unauthorized"), "the API server to reject the token")
        ordinary.token.write_text("gateway-token")
        ordinary.write("1")
        for reader in readers:
            await reader.until_knows("1")
            assert (reader.types, reader.codes) == (["ADDED", "SYNCED", "MODIFIED"], [])


async def test_a_revoked_right_ends_the_subscribers_of_every_protocol(ordinary: Ordinary) -> None:
    async with ordinary.readers() as readers:
        ordinary.revoke()
        wait_until(lambda: not ordinary.is_allowed(), "the revocation to take effect")
        ordinary.reconnect()
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait([reader.task for reader in readers])
        assert [reader.codes for reader in readers] == [["FORBIDDEN"]] * len(PROTOCOLS)


async def test_readiness_follows_the_informer_of_a_cache(seeded_cluster: Backend, tmp_path: Path) -> None:
    api, user = seeded_cluster.api(), seeded_cluster.api("gateway")
    with allowed(api, "gateway") as revoke, seeded_cluster.tapped() as tap:
        wait_until(lambda: user.request("GET", core("configmaps")).is_success, "the role to take effect")
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        options = ("--kubeconfig", str(kubeconfig), "--context", "gateway", "--cache", "configmaps")
        with start_gateway(tmp_path / "gateway", *options) as gateway:
            revoke()
            wait_until(lambda: not user.request("GET", core("configmaps")).is_success, "the revocation")
            tap.cut()
            tap.mend()

            async def unready() -> str:
                response = await gateway.request("GET", "/readyz")
                return response.text if response.status_code == 503 else ""

            text = await eventually(unready, "the cache to be gone")
            assert text.startswith("waiting for the caches of configmaps (configmaps is forbidden: User")
            with allowed(api, "gateway"):

                async def ready() -> bool:
                    return (await gateway.request("GET", "/readyz")).is_success

                await eventually(ready, "the cache to be back")


OLD_FROM_V1 = {"apiVersion": "old.example.test/v1", "kind": "Old", "metadata": {"name": "one"}}


@contextmanager
def without_its_webhook(api: API) -> Iterator[None]:
    """A kind with an object that no server converts from v1 to v2."""
    definition = crd("old.example.test", "Old", {"type": "object"})
    (v1,) = definition["spec"]["versions"]
    definition["spec"]["versions"].append({**v1, "name": "v2", "storage": False})
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/convert"}}
    definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    path = grouped("old.example.test/v1", "olds", "default")
    try:
        install_kind(api, definition)
        api.create(path, OLD_FROM_V1)
        yield
    finally:
        # the API server converts every object of a definition that it deletes
        api.merge(
            f"{CRDS}/olds.old.example.test", {"spec": {"conversion": {"strategy": "None", "webhook": None}}}
        )
        api.delete(f"{CRDS}/olds.old.example.test")


async def test_a_subscriber_learns_that_a_conversion_webhook_is_gone(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    query = "subscription { old_example_test_v2_olds { type } }"
    with (
        without_its_webhook(seeded_cluster.api()),
        start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway,
    ):
        began = time.monotonic()
        async with gateway.subscribe(query) as stream:
            with pytest.raises(StreamEnded) as ended:
                await stream.result()
        waited = time.monotonic() - began
    (error,) = ended.value.errors
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert "conversion webhook for old.example.test/v1, Kind=Old failed" in error["message"]
    assert "conversion webhook" in error["extensions"]["kubernetes"]["message"]
    assert 10 <= waited < DEADLINE


async def test_a_resource_version_in_the_far_future_means_all_objects_afresh(ordinary: Ordinary) -> None:
    variables = {"n": ordinary.namespace, "v": "999999999999"}
    async with ordinary.gateway.subscribe(CONFIG_MAPS, variables) as stream:
        assert [event["type"] for event in await stream.synced()] == ["ADDED"]
    query = """subscription($n: String, $v: String) {
      configMaps(namespace: $n, resourceVersion: $v, sendInitialEvents: false) { type } }"""
    async with ordinary.gateway.subscribe(query, variables) as stream:
        with pytest.raises(StreamEnded) as ended:
            await stream.result()
    (error,) = ended.value.errors
    assert (error["extensions"]["code"], error["message"]) == (
        "GONE",
        "too new resource version: 999999999999",
    )
