"""``--share-informers``: informers of the gateway's identity serve all callers, behind access reviews."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, bearer, bearer_token, core, fetch_token, grant, let_see_pods, pod
from tests.fixtures.backends import Backend, TappedGateway, write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import Stream, StreamEnded
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import wait_until

WATCH = """subscription($n: String) {
    pods(namespace: $n) { type object { metadata { name } spec { nodeName } } }
}"""
WATCH_MAPS = "subscription { configMaps { type object { metadata { name } } } }"
CACHED = """query($n: String, $f: String) {
    pods(namespace: $n, fieldSelector: $f, resourceVersion: "0") { items { metadata { name } } }
}"""
CACHED_OBJECT = """query($name: String!, $n: String) {
    pod(name: $name, namespace: $n, resourceVersion: "0") { metadata { name } }
}"""
SHARING = ("--auth", "passthrough", "--share-informers", "--grace-period", "0.2")
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}


@pytest.fixture
def shared(backend: Backend, tmp_path: Path) -> Iterator[TappedGateway]:
    """A passthrough gateway that itself is the administrator."""
    with backend.tapped() as tap:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        with start_gateway(tmp_path / "gateway", "--kubeconfig", str(kubeconfig), *SHARING) as gateway:
            yield TappedGateway(gateway, tap)


async def test_callers_with_tokens_of_their_own_share_one_watch(shared: TappedGateway) -> None:
    gateway, tap = shared.gateway, shared.tap
    async with AsyncExitStack() as stack:
        for user in ("admin", "bob"):
            events = gateway.subscribe(WATCH, {"n": "team-1"}, params=bearer(user))
            stream = await stack.enter_async_context(events)
            assert len(await stream.synced()) == 5
        assert len(tap.open_watches("pods")) == 1
        reads = len(pod_requests(tap))
        for user in ("admin", "bob"):
            data = await gateway.data(CACHED, {"n": "team-1"}, headers=bearer(user))
            assert len(data["pods"]["items"]) == 5
        assert len(pod_requests(tap)) == reads


async def test_a_named_cache_serves_callers(backend: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), *SHARING, "--cache", "pods")
    with start_gateway(tmp_path, *options) as gateway:
        data = await gateway.data(CACHED, {"n": "team-1"}, headers=bearer("bob"))
        assert len(data["pods"]["items"]) == 5


def pod_requests(tap: Tap) -> list[str]:
    return [request.target for request in tap.requests if "/pods" in request.target]


# the real API server, with a gateway that may list and watch pods and nothing else


@dataclass(frozen=True, slots=True)
class Guarded:
    """A gateway on the real API server, and a namespace with one pod and service accounts as callers."""

    gateway: GatewayProcess
    tap: Tap
    api: API
    namespace: str

    def caller(self, name: str) -> str:
        """A token of a new service account."""
        account = {"metadata": {"name": name}}
        self.api.create(core("serviceaccounts", self.namespace), account)
        return fetch_token(self.api, self.namespace, name)

    def grant(self, name: str, rule: dict[str, list[str]], *, everywhere: bool = False) -> str:
        """Give a caller one rule in the namespace, and wait until it has taken effect."""
        subject = f"system:serviceaccount:{self.namespace}:{name}"
        namespace = None if everywhere else self.namespace
        return grant(self.api, f"{self.namespace}-{name}", subject, rule, namespace=namespace)


@pytest.fixture
def guarded(seeded_cluster: Backend, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guarded]:
    api = seeded_cluster.api()
    namespace = f"shared-{abs(hash(request.node.name)) % 10**8}"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(core("pods", namespace), pod("seen", labels={}))
    api.create(core("pods", namespace), pod("hidden", labels={}))
    with seeded_cluster.tapped() as tap:
        guarded = Guarded(None, tap, api, namespace)  # type: ignore[arg-type]  # set below
        token = guarded.caller("gateway")
        guarded.grant("gateway", {**READ_PODS, "verbs": ["list", "watch"]}, everywhere=True)
        own = API(seeded_cluster.server, seeded_cluster.trust, token)
        wait_until(lambda: own.request("GET", core("pods")).is_success, "the gateway's role to take effect")
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url, token=token)
        with start_gateway(tmp_path / "gateway", "--kubeconfig", str(kubeconfig), *SHARING) as gateway:
            yield Guarded(gateway, tap, api, namespace)


@pytest.mark.cluster
async def test_two_hundred_callers_cost_one_watch(guarded: Guarded) -> None:
    namespace = guarded.namespace
    guarded.caller("reader")
    grant(guarded.api, f"{namespace}-all", f"system:serviceaccounts:{namespace}", READ_PODS)
    tokens = await asyncio.gather(
        *(asyncio.to_thread(fetch_token, guarded.api, namespace, "reader") for _ in range(200))
    )
    assert len(set(tokens)) == 200
    async with AsyncExitStack() as stack:
        streams = []
        for token in tokens:
            events = guarded.gateway.subscribe(WATCH, params=bearer_token(token))
            streams.append(await stack.enter_async_context(events))
        await asyncio.gather(*(stream.synced() for stream in streams))
        assert len(guarded.tap.open_watches("pods")) == 1
        assert reviews(guarded.tap) >= 200

        guarded.api.create(core("pods", namespace), pod("later", labels={}))

        for stream in streams:
            await stream.until(
                lambda event: (event["object"] or {}).get("metadata", {}).get("name") == "later"
            )
        assert len([item for item in pod_requests(guarded.tap) if "watch=" in item]) == 1


@pytest.mark.cluster
async def test_a_revoked_right_ends_only_its_own_subscription(guarded: Guarded) -> None:
    binding = None
    async with AsyncExitStack() as stack:
        streams = {}
        for name in ("one", "two"):
            token = guarded.caller(name)
            path = guarded.grant(name, READ_PODS)
            binding = binding or path
            streams[name] = await stack.enter_async_context(open_stream(guarded, token))
            await streams[name].synced()
        assert len(guarded.tap.open_watches("pods")) == 1

        assert binding is not None
        revoked_at = time.monotonic()
        await asyncio.to_thread(guarded.api.delete, binding)
        message = await streams["one"].message()

        assert time.monotonic() - revoked_at < 15
        assert message["type"] == "error"
        (error,) = message["payload"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["extensions"]["kubernetes"]["status"] == "Failure"
        guarded.api.create(core("pods", guarded.namespace), pod("later", labels={}))
        assert (await streams["two"].event())["object"]["metadata"]["name"] == "later"


@pytest.mark.cluster
async def test_a_revoked_right_to_its_root_ends_a_tree(guarded: Guarded) -> None:
    token = guarded.caller("one")
    binding = guarded.grant("one", READ_PODS)
    query = """subscription($n: String!) {
        tree(kind: "Pod", name: "seen", namespace: $n) { object { metadata { name } } } }"""
    async with guarded.gateway.subscribe(
        query, {"n": guarded.namespace}, params=bearer_token(token)
    ) as stream:
        assert (await stream.result())["data"]["tree"] == [{"object": {"metadata": {"name": "seen"}}}]
        revoked_at = time.monotonic()
        await asyncio.to_thread(guarded.api.delete, binding)
        errors = await errors_at_end(stream)
    assert time.monotonic() - revoked_at < 15
    assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]


@pytest.mark.cluster
async def test_a_caller_without_the_right_gets_nothing_from_a_shared_informer(guarded: Guarded) -> None:
    reader, stranger = guarded.caller("reader"), guarded.caller("stranger")
    guarded.grant("reader", READ_PODS)
    async with open_stream(guarded, reader) as stream:
        assert len(await stream.synced()) == 2
        cached = {"n": guarded.namespace}
        assert await guarded.gateway.data(CACHED, cached, headers=bearer_token(reader))
        error = await guarded.gateway.error(CACHED, cached, headers=bearer_token(stranger))
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "stranger" in error["message"]
        async with open_stream(guarded, stranger) as refused:
            message = await refused.message()
        assert message["type"] == "error"
        (error,) = message["payload"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert 'watch resource "pods"' in error["message"]


@pytest.mark.cluster
async def test_a_right_to_one_name_serves_that_object_and_that_field_selector(guarded: Guarded) -> None:
    token = guarded.caller("narrow")
    guarded.grant("narrow", {**READ_PODS, "resourceNames": ["seen"]})
    headers, namespace = bearer_token(token), guarded.namespace
    one = WATCH.replace("pods(", 'pod(name: "seen", ')
    selected = WATCH.replace("namespace: $n", 'namespace: $n, fieldSelector: "metadata.name=seen"')
    async with AsyncExitStack() as stack:
        for query in (one, selected):
            events = guarded.gateway.subscribe(query, {"n": namespace}, params=headers)
            stream = await stack.enter_async_context(events)
            assert [event["object"]["metadata"]["name"] for event in await stream.synced()] == ["seen"]
        assert len(guarded.tap.open_watches("pods")) == 1
        reads = len(pod_requests(guarded.tap))
        variables = {"n": namespace, "f": "metadata.name=seen"}
        listed = await guarded.gateway.data(CACHED, variables, headers=headers)
        assert len(listed["pods"]["items"]) == 1
        variables = {"n": namespace, "name": "seen"}
        found = await guarded.gateway.data(CACHED_OBJECT, variables, headers=headers)
        assert found["pod"]["metadata"]["name"] == "seen"
        assert len(pod_requests(guarded.tap)) == reads
        for query, variables in (
            (CACHED, {"n": namespace}),
            (CACHED, {"n": namespace, "f": "metadata.name=hidden"}),
            (CACHED_OBJECT, {"n": namespace, "name": "hidden"}),
        ):
            error = await guarded.gateway.error(query, variables, headers=headers)
            assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.cluster
@pytest.mark.parametrize("resource", ["pods", "configmaps"], ids=["shared informer", "own informer"])
async def test_a_right_to_one_name_everywhere_serves_all_namespaces(guarded: Guarded, resource: str) -> None:
    token = guarded.caller("narrow")
    rule = {**READ_PODS, "resources": [resource], "resourceNames": ["seen"]}
    guarded.grant("narrow", rule, everywhere=True)
    guarded.api.create(core("configmaps", guarded.namespace), {"metadata": {"name": "seen"}})
    field = {"pods": "pods", "configmaps": "configMaps"}[resource]
    query = f'{field}(fieldSelector: "metadata.name=seen")'
    where = {"namespace": guarded.namespace, "name": "seen"}
    listed = await guarded.gateway.data(
        f"{{ {query} {{ items {{ metadata {{ namespace name }} }} }} }}", headers=bearer_token(token)
    )
    assert where in [item["metadata"] for item in listed[field]["items"]]
    watch = f"subscription {{ {query} {{ type object {{ metadata {{ namespace name }} }} }} }}"
    async with guarded.gateway.subscribe(watch, params=bearer_token(token)) as stream:
        assert where in [event["object"]["metadata"] for event in await stream.synced()]
    requests = [item for item in guarded.tap.requests if f"/{resource}" in item.target]
    assert all("metadata.name%3Dseen" in item.target for item in requests)
    assert len(requests) <= 4


@pytest.mark.cluster
async def test_where_the_gateway_may_not_watch_each_caller_has_an_informer(guarded: Guarded) -> None:
    rule = {**READ_PODS, "resources": ["configmaps"]}
    async with AsyncExitStack() as stack:
        for name in ("one", "two"):
            token = guarded.caller(name)
            guarded.grant(name, rule, everywhere=True)
            events = guarded.gateway.subscribe(WATCH_MAPS, params=bearer_token(token))
            stream = await stack.enter_async_context(events)
            await stream.synced()
        watches = [item for item in guarded.tap.requests if item.is_watch_of("configmaps")]
        # the attempt of the gateway, then one per caller
        assert len(watches) == 3


@pytest.mark.cluster
async def test_a_restart_of_the_api_server_does_not_end_shared_subscriptions(
    guarded: Guarded, seeded_cluster: Backend
) -> None:
    control_plane = seeded_cluster.control_plane
    assert control_plane is not None
    token = guarded.caller("reader")
    guarded.grant("reader", READ_PODS)
    async with open_stream(guarded, token) as stream:
        await stream.synced()
        await asyncio.to_thread(control_plane.restart_apiserver)
        guarded.api.create(core("pods", guarded.namespace), pod("later", labels={}))
        assert (await stream.event())["object"]["metadata"]["name"] == "later"


@pytest.mark.cluster
async def test_impersonated_callers_share_informers_by_default(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    let_see_pods(seeded_cluster.api(), "dora", "team-1")
    secret = tmp_path / "secret"
    secret.write_text("correct-horse-battery-staple")
    with seeded_cluster.tapped() as tap:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        options = ("--kubeconfig", str(kubeconfig), "--auth", "impersonate")
        with start_gateway(tmp_path / "gateway", *options, "--proxy-secret-file", str(secret)) as gateway:
            async with AsyncExitStack() as stack:
                for user in ("bob", "dora"):
                    headers = {**bearer_token(secret.read_text()), "x-remote-user": user}
                    events = gateway.subscribe(WATCH, {"n": "team-1"}, headers=headers)
                    assert len(await (await stack.enter_async_context(events)).synced()) == 5
                assert len(tap.open_watches("pods")) == 1
                headers["x-remote-user"] = "carol"
                async with gateway.subscribe(WATCH, {"n": "team-1"}, headers=headers) as refused:
                    message = await refused.message()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def errors_at_end(stream: Stream) -> list[dict[str, Any]]:
    """The errors that end the subscription, after any number of results."""
    try:
        while True:
            await stream.result()
    except StreamEnded as ended:
        return ended.errors


def open_stream(guarded: Guarded, token: str) -> AbstractAsyncContextManager[Stream]:
    return guarded.gateway.subscribe(WATCH, {"n": guarded.namespace}, params=bearer_token(token))


def reviews(tap: Tap) -> int:
    return len([request for request in tap.requests if "selfsubjectaccessreviews" in request.target])
