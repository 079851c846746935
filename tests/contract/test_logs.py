"""``podLogs``: the lines of all containers of the selected pods; an unreachable pod is one error."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.fixtures.api import bearer, bearer_token, core, fetch_token, grant, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import Stream, StreamEnded
from tests.fixtures.metrics import scrape
from tests.fixtures.nodes import Node, running_node
from tests.fixtures.waiting import eventually

LOGS = """subscription(
    $name: String, $labels: String, $n: String, $follow: Boolean, $tail: Int, $stamps: Boolean) {
  podLogs(name: $name, labelSelector: $labels, namespace: $n, follow: $follow, tailLines: $tail,
          timestamps: $stamps) { namespace pod container time line } }"""


@pytest.fixture
def node(backend: Backend) -> Iterator[Node]:
    """A node for one test."""
    with running_node(backend) as node:
        yield node


async def results(stream: Stream) -> list[dict[str, Any]]:
    """All results of a stream; asserts that it ends without an error."""
    found: list[dict[str, Any]] = []
    with pytest.raises(StreamEnded) as ended:
        await collect(stream, found)
    assert ended.value.errors == []
    return found


async def collect(stream: Stream, found: list[dict[str, Any]]) -> None:
    while True:
        found.append(await stream.result())


async def test_all_containers_of_all_pods_are_followed_and_new_pods_join(
    gateway: GatewayProcess, namespace: str, node: Node
) -> None:
    node.run_pod("one", namespace, app="a")
    node.run_pod("two", namespace, app="b")
    async with gateway.subscribe(LOGS, {"labels": "app=a", "n": namespace, "tail": 1}) as stream:
        seen: set[tuple[str, str]] = set()
        while seen != {("one", "main"), ("one", "sidecar")}:
            line = await stream.event()
            assert line["namespace"] == namespace
            assert line["time"].startswith("20")
            seen.add((line["pod"], line["container"]))
        node.run_pod("three", namespace, app="a")
        await stream.until(lambda line: (line["pod"], line["container"]) == ("three", "sidecar"))


async def test_without_follow_the_stream_ends_after_the_existing_lines(
    gateway: GatewayProcess, namespace: str, node: Node
) -> None:
    node.run_pod("one", namespace, app="a")
    arguments = {"name": "one", "n": namespace, "follow": False, "tail": 2, "stamps": True}
    async with gateway.subscribe(LOGS, arguments) as stream:
        lines = [result["data"]["podLogs"] for result in await results(stream)]
    assert sorted(line["container"] for line in lines) == ["main"] * 2 + ["sidecar"] * 2
    assert all(line["line"].startswith(f"{line['time']} ") for line in lines)


async def test_the_stream_ends_when_its_pod_is_deleted(
    gateway: GatewayProcess, namespace: str, node: Node
) -> None:
    node.run_pod("one", namespace)
    async with gateway.subscribe(LOGS, {"name": "one", "n": namespace, "tail": 1}) as stream:
        # the logs of both containers are open
        seen: set[str] = set()
        while seen != {"main", "sidecar"}:
            seen.add((await stream.event())["container"])
        node.delete_pod("one", namespace)
        assert all("errors" not in result for result in await results(stream))


async def test_an_unreachable_pod_is_an_error_that_names_the_pod(
    gateway: GatewayProcess, namespace: str, backend: Backend, node: Node
) -> None:
    """The pod's node does not exist, so the API server finds no kubelet."""
    backend.api().create(core("pods", namespace), pod("mute", labels={"app": "a"}, node="nowhere"))
    node.run_pod("one", namespace, app="a")
    async with gateway.subscribe(LOGS, {"labels": "app=a", "n": namespace, "tail": 1}) as stream:
        failed, lines = None, 0
        while failed is None or not lines:
            result = await stream.result()
            if "errors" in result:
                failed = result
            else:
                lines += 1
    assert failed["data"] == {"podLogs": None}
    (error,) = failed["errors"]
    assert error["path"] == ["podLogs"]
    assert "nowhere" in error["message"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["extensions"]["kubernetes"]["reason"] == "NotFound"
    assert (error["extensions"]["namespace"], error["extensions"]["pod"]) == (namespace, "mute")


@pytest.mark.parametrize("follow", [True, False])
async def test_an_error_of_a_named_pod_ends_the_stream(
    gateway: GatewayProcess, namespace: str, backend: Backend, follow: bool
) -> None:
    backend.api().create(core("nodes"), {"metadata": {"name": f"mute-{namespace}-{follow}".lower()}})
    mute = pod("mute", labels={}, node=f"mute-{namespace}-{follow}".lower())
    backend.api().create(core("pods", namespace), mute)
    async with gateway.subscribe(LOGS, {"name": "mute", "n": namespace, "follow": follow}) as stream:
        with pytest.raises(StreamEnded) as ended:
            await stream.result()
    (error,) = ended.value.errors
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert (error["extensions"]["namespace"], error["extensions"]["pod"]) == (namespace, "mute")
    assert error["message"].endswith("no preferred addresses found; known addresses: []")


async def test_an_unscheduled_pod_has_no_lines(
    gateway: GatewayProcess, namespace: str, backend: Backend
) -> None:
    backend.api().create(core("pods", namespace), pod("waits", labels={}))
    async with gateway.subscribe(LOGS, {"name": "waits", "n": namespace, "follow": False}) as stream:
        assert await results(stream) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "BAD_REQUEST"),
        ({"name": "a", "labels": "a=b"}, "BAD_REQUEST"),
        ({"name": "a", "tail": -1}, "BAD_REQUEST"),
        ({"labels": "a in"}, "BAD_REQUEST"),
        ({"name": "absent"}, "NOT_FOUND"),
    ],
    ids=str,
)
async def test_invalid_arguments_have_an_error_code(
    gateway: GatewayProcess, namespace: str, arguments: dict[str, Any], code: str
) -> None:
    async with gateway.subscribe(LOGS, {"n": namespace, **arguments}) as stream:
        errors = await stream.errors()
    assert errors[0]["extensions"]["code"] == code


@pytest.fixture(scope="module")
def real_passthrough(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    arguments = ["--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough"]
    with start_gateway(tmp_path_factory.mktemp("passthrough"), *arguments) as gateway:
        yield gateway


@pytest.mark.cluster
async def test_logs_are_read_as_the_caller(real_passthrough: GatewayProcess, seeded_cluster: Backend) -> None:
    """Bob may read the pods of team-1, but not their logs."""
    with running_node(seeded_cluster) as node:
        node.run_pod("secretive", "team-1", app="secretive")
        selected = {"labels": "app=secretive", "n": "team-1"}
        async with real_passthrough.subscribe(LOGS, selected, headers=bearer("bob")) as stream:
            (error,) = (await stream.result())["errors"]
        node.delete_pod("secretive", "team-1")
    assert error["extensions"]["code"] == "FORBIDDEN"


READ_LOGS = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}


@pytest.mark.cluster
async def test_a_revoked_right_to_logs_ends_them(
    real_passthrough: GatewayProcess, seeded_cluster: Backend
) -> None:
    """The right to the pods stays; another caller's logs go on."""
    api, space = seeded_cluster.api(), "revoked-logs"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    names = {"name": {"resourceNames": ["one"]}, "all": {}}
    bindings = []
    for caller, limits in names.items():
        user = f"{space}-{caller}"
        api.create(core("serviceaccounts", space), {"metadata": {"name": caller}})
        account = f"system:serviceaccount:{space}:{caller}"
        grant(api, f"{user}-pods", account, READ_PODS, namespace=space)
        bindings.append(grant(api, f"{user}-logs", account, {**READ_LOGS, **limits}, namespace=space))
    tokens = {caller: fetch_token(api, space, caller) for caller in names}
    with running_node(seeded_cluster) as node:
        node.run_pod("one", space, app="a")
        async with AsyncExitStack() as stack:

            async def follow(params: dict[str, str], **which: str) -> Stream:
                variables = {"n": space, "tail": 1, **which}
                stream = await stack.enter_async_context(
                    real_passthrough.subscribe(LOGS, variables, params=params)
                )
                await stream.event()
                return stream

            named = await follow(bearer_token(tokens["name"]), name="one")
            selected = await follow(bearer_token(tokens["all"]), labels="app=a")
            other = await follow(bearer("admin"), name="one")
            revoked_at = time.monotonic()
            for binding in bindings:
                await asyncio.to_thread(api.delete, binding)
            (ended,) = await errors_after_lines(named)
            (refused,) = await errors_after_lines(selected)
            assert time.monotonic() - revoked_at < 15
            await other.event()
        for error in (ended, refused):
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert (error["extensions"]["namespace"], error["extensions"]["pod"]) == (space, "one")
            assert 'get resource "pods/log"' in error["message"]
        node.delete_pod("one", space)


async def errors_after_lines(stream: Stream) -> list[dict[str, Any]]:
    """The errors that follow the lines, beside them or at the end of the stream."""
    try:
        while "errors" not in (result := await stream.result()):
            pass
    except StreamEnded as ended:
        return ended.errors
    errors: list[dict[str, Any]] = result["errors"]
    return errors


async def test_unsubscribing_closes_the_upstream_connections(
    shared_tapped_gateway: TappedGateway, namespace: str, node: Node
) -> None:
    tap = shared_tapped_gateway.tap
    node.run_pod("one", namespace)
    async with shared_tapped_gateway.gateway.socket() as socket:
        stream = await socket.subscribe(LOGS, {"name": "one", "n": namespace, "tail": 1})
        await stream.until(lambda line: line["container"] == "sidecar")
        assert len(tap.open_logs()) == 2
        await stream.complete()

        async def closed() -> bool:
            return not tap.open_logs()

        await eventually(closed, "the log connections to close")


async def scrape_logs(gateway: GatewayProcess) -> dict[str, float]:
    """The log metrics: open subscriptions, open streams and the total of lines."""
    prefix = "kube_graphql_log_"
    samples = await scrape(gateway)
    return {name.removeprefix(prefix): value for name, value in samples.items() if name.startswith(prefix)}


async def test_log_streams_are_counted(tapped_gateway: TappedGateway, namespace: str, node: Node) -> None:
    gateway = tapped_gateway.gateway
    assert await scrape_logs(gateway) == {"subscriptions": 0, "streams": 0, "lines_total": 0}
    node.run_pod("one", namespace)
    async with gateway.subscribe(LOGS, {"name": "one", "n": namespace, "tail": 3}) as stream:
        seen = await stream.until(lambda line: line["container"] == "sidecar")
        during = await scrape_logs(gateway)
        assert (during["subscriptions"], during["streams"]) == (1, len(tapped_gateway.tap.open_logs()))
        assert during["lines_total"] >= len(seen)

    async def closed() -> bool:
        after = await scrape_logs(gateway)
        return (after["subscriptions"], after["streams"]) == (0, 0)

    await eventually(closed, "the log streams to close")
    assert (await scrape_logs(gateway))["lines_total"] >= len(seen)


async def test_a_cut_connection_loses_and_repeats_no_line(
    shared_tapped_gateway: TappedGateway, namespace: str, node: Node
) -> None:
    node.run_pod("one", namespace)
    async with shared_tapped_gateway.gateway.subscribe(
        LOGS, {"name": "one", "n": namespace, "tail": 3}
    ) as stream:
        times: list[str] = []
        for cuts in range(2):
            while len(times) < 3 + 2 * cuts:
                line = await stream.event()
                times += [line["time"]] if line["container"] == "main" else []
            shared_tapped_gateway.tap.cut()
            shared_tapped_gateway.tap.mend()
    api = node.backend.api()
    path = core("pods", namespace, "one", "log")
    answer = api.request("GET", path, params={"container": "main", "timestamps": "true"})
    written = [line.split(" ", 1)[0] for line in answer.text.splitlines()]
    begin = written.index(times[0])
    assert times == written[begin : begin + len(times)]
