"""The access log and the audit log, and secrets that must be in no log, metric or error.

Covers ``gateway/execution/operation_log.py``.
"""

import base64
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.fixtures.api import bearer, core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.waiting import wait_until

CANARY = "canary-71c4"
ENCODED = base64.b64encode(CANARY.encode()).decode()
_NUMBERS = itertools.count()

MUTATION = 'mutation { deletePod(name: "a") { status } }'


@dataclass(frozen=True)
class Logged:
    """A gateway with both logs; ``begins`` are the sizes of its logs at the beginning of the test."""

    gateway: GatewayProcess
    access: Path
    audit: Path
    begins: Mapping[Path, int]

    def text(self, path: Path) -> str:
        """The part of a log that the test has caused."""
        return path.read_bytes()[self.begins[path] :].decode()

    def lines(self, path: Path, count: int) -> list[dict[str, Any]]:
        """The lines of a log, once the test has caused that many."""
        wait_until(lambda: len(self.text(path).splitlines()) >= count, f"{count} more lines in {path.name}")
        return [json.loads(line) for line in self.text(path).splitlines()]


@pytest.fixture(scope="module")
def logging(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GatewayProcess, Path, Path]]:
    """A passthrough gateway with both logs, to which ``admin`` is the caller."""
    directory = tmp_path_factory.mktemp("logging")
    access, audit = directory / "access.jsonl", directory / "audit.jsonl"
    options = ["--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough", "--log-level", "debug"]
    logs = ["--access-log", str(access), "--audit-log", str(audit)]
    with start_gateway(directory / "gateway", *options, *logs, token="admin-token") as gateway:
        yield gateway, access, audit


@pytest.fixture
async def logged(logging: tuple[GatewayProcess, Path, Path]) -> AsyncIterator[Logged]:
    """The module's gateway; all lines of a test are written before the next test."""
    gateway, access, audit = logging
    logged = Logged(gateway, access, audit, {path: path.stat().st_size for path in (access, audit)})
    yield logged
    # a line is written right after its response, or at the end of a connection
    last = f"last-{next(_NUMBERS)}"
    await gateway.request(
        "POST", "/graphql", json={"query": "{ version { major } }"}, headers={"X-Request-Id": last}
    )
    wait_until(lambda: last in access.read_text(), "the last line of the test")


async def test_each_operation_is_one_line(logged: Logged) -> None:
    body = {"query": "query Who { whoAmI { username } ...F } fragment F on Query { version { gitVersion } }"}
    await logged.gateway.request("POST", "/graphql", json=body, headers={"X-Request-Id": "request-1"})
    await logged.gateway.request("POST", "/graphql", json={"query": "{ nothing }"})
    first, second = logged.lines(logged.access, 2)
    assert first.pop("durationMs") > 0
    assert first.pop("time").endswith("+00:00")
    user = first.pop("user")
    assert user
    assert first == {
        "log": "access",
        "requestId": "request-1",
        "operation": "query",
        "operationName": "Who",
        "fields": ["whoAmI", "version"],
        "status": "OK",
    }
    assert (second["status"], second["user"]) == ("BAD_REQUEST", user)
    assert len(second["requestId"]) == 16


async def test_a_request_that_is_refused_before_its_operation_is_one_line(logged: Logged) -> None:
    gateway = logged.gateway
    body = {"query": "{ version { major } }"}
    await gateway.request("PATCH", "/graphql", json=body)
    await gateway.request("POST", "/graphql", json=body, headers={"authorization": "Bearer wrong"})
    await gateway.request("POST", "/graphql", content="{", headers={"content-type": "application/json"})
    await gateway.request("POST", "/graphql", content="x" * (5 << 20))
    await gateway.request("GET", "/graphql", params={"query": 'mutation { deletePod(name: "a") { status } }'})
    async with connect(gateway.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": "Bearer x"}}))
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
    async with gateway.socket() as socket:
        request = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
        stream = await socket.request(request)
        with pytest.raises(StreamEnded):
            await stream.result()
    lines = logged.lines(logged.access, 7)
    # a line is written after its response, so the order of two requests may change
    refusals = {
        (line["status"], line.get("httpStatus"), line.get("closeCode")): line["user"] for line in lines
    }
    assert {refusal: user is not None for refusal, user in refusals.items()} == {
        ("BAD_REQUEST", 405, None): False,
        ("UNAUTHENTICATED", 401, None): False,
        ("BAD_REQUEST", 400, None): True,
        ("QUERY_TOO_COMPLEX", 413, None): False,
        ("BAD_REQUEST", None, None): True,
        ("UNAUTHENTICATED", None, 4403): False,
        ("PERSISTED_QUERY_NOT_FOUND", None, None): True,
    }
    assert len(set(refusals.values()) - {None}) == 1
    assert {frozenset(line["fields"]) for line in lines} == {frozenset(), frozenset({"deletePod"})}


async def test_each_root_field_of_a_mutation_is_in_the_audit_log(logged: Logged, namespace: str) -> None:
    mutation = """
    mutation ($namespace: String!, $object: ConfigMapInput!) {
      createConfigMap(namespace: $namespace, object: $object) { metadata { name } }
      patchConfigMap(namespace: $namespace, name: "a", patch: {data: {b: "c"}}, dryRun: true) { data }
      gone: deleteConfigMap(namespace: $namespace, name: "missing") { status }
    }
    """
    variables = {"namespace": namespace, "object": {"metadata": {"name": "a"}, "data": {"key": CANARY}}}
    await logged.gateway.execute(mutation, variables)
    lines = logged.lines(logged.audit, 3)
    said = [(line["field"], line["name"], line["dryRun"], line["outcome"]) for line in lines]
    assert said == [
        ("createConfigMap", "a", False, "OK"),
        ("patchConfigMap", "a", True, "OK"),
        ("deleteConfigMap", "missing", False, "NOT_FOUND"),
    ]
    assert {line["namespace"] for line in lines} == {namespace}
    assert all(line["user"] for line in lines)
    assert CANARY not in logged.audit.read_text()


async def test_each_object_of_a_manifest_is_in_the_audit_log(logged: Logged, namespace: str) -> None:
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": CANARY}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}, "unknown": 1},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}},
    ]
    variables = {"m": "\n---\n".join(map(json.dumps, objects)), "n": namespace}
    applied = "applyManifest(manifest: $m, namespace: $n, stopOnError: true) { documents { outcome } }"
    await logged.gateway.data(f"mutation ($m: String!, $n: String) {{ all: {applied} }}", variables)
    deleted = "deleteManifest(manifest: $m, namespace: $n, dryRun: true) { documents { outcome } }"
    await logged.gateway.data(f"mutation ($m: String!, $n: String) {{ {deleted} }}", variables)
    lines = logged.lines(logged.audit, 6)
    assert [(line["field"], line["name"], line["outcome"], line["code"]) for line in lines] == [
        ("applyManifest", "one", "CREATED", None),
        ("applyManifest", "two", "FAILED", "BAD_REQUEST"),
        ("applyManifest", "three", "SKIPPED", None),
        ("deleteManifest", "three", "NOT_FOUND", "NOT_FOUND"),
        ("deleteManifest", "two", "NOT_FOUND", "NOT_FOUND"),
        ("deleteManifest", "one", "DELETED", None),
    ]
    assert {(line["kind"], line["namespace"]) for line in lines} == {("ConfigMap", namespace)}
    assert [line["dryRun"] for line in lines] == [False] * 3 + [True] * 3
    assert CANARY not in logged.audit.read_text()


async def test_a_manifest_that_cannot_be_read_is_one_line(logged: Logged, namespace: str) -> None:
    applied = f'applyManifest(manifest: "a: [", namespace: "{namespace}") {{ documents {{ outcome }} }}'
    await logged.gateway.error(f"mutation {{ {applied} }}")
    (line,) = logged.lines(logged.audit, 1)
    assert (line["field"], line["outcome"], line["name"]) == ("applyManifest", "BAD_REQUEST", None)


async def test_a_deleted_collection_is_counted_in_the_audit_log(
    backend: Backend, logged: Logged, namespace: str
) -> None:
    for name in ("one", "two"):
        created = {"metadata": {"name": name, "labels": {"app": "counted"}}}
        backend.api().create(core("configmaps", namespace), created)
    deleted = f'deleteConfigMaps(namespace: "{namespace}", labelSelector: "app=counted") {{ count }}'
    await logged.gateway.data(f"mutation {{ {deleted} }}")
    (line,) = logged.lines(logged.audit, 1)
    assert (line["field"], line["count"], line["outcome"]) == ("deleteConfigMaps", 2, "OK")
    assert line["namespace"] == namespace


async def test_a_subscription_is_logged_at_its_end(logged: Logged, namespace: str) -> None:
    async with logged.gateway.subscribe(
        f'subscription {{ pods(namespace: "{namespace}") {{ type }} }}'
    ) as stream:
        await stream.synced()
    (line,) = logged.lines(logged.access, 1)
    assert (line["operation"], line["fields"]) == ("subscription", ["pods"])
    assert line["status"] == "CANCELLED"


@pytest.mark.parametrize("transport", ["websocket", "server-sent events"])
async def test_a_subscription_that_fails_is_logged_with_its_error(logged: Logged, transport: str) -> None:
    query = 'subscription { deploymentRollout(namespace: "team-0", name: "absent") { message } }'
    if transport == "websocket":
        async with logged.gateway.subscribe(query) as stream:
            with pytest.raises(StreamEnded):
                await stream.result()
    else:
        accept = {"accept": "text/event-stream"}
        await logged.gateway.request("POST", "/graphql", json={"query": query}, headers=accept)
    (line,) = logged.lines(logged.access, 1)
    assert (line["fields"], line["status"]) == (["deploymentRollout"], "NOT_FOUND")


async def test_no_log_metric_or_error_has_a_secret(backend: Backend, logged: Logged, namespace: str) -> None:
    gateway = logged.gateway
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": CANARY}}
    backend.api().create(core("secrets", namespace), secret)
    stranger = {**bearer(CANARY), "X-Request-Id": f"bad id {CANARY}"}
    answers = [
        await gateway.request(
            "POST", "/graphql", json={"query": "{ whoAmI { username } }"}, headers=stranger
        ),
        await gateway.request("POST", "/graphql", content=f"{{ {CANARY}", headers=bearer(CANARY)),
        await gateway.request("GET", "/metrics"),
    ]
    await gateway.data(f'{{ secret(namespace: "{namespace}", name: "s") {{ data json yaml }} }}')
    variables = {"input": {"stringData": {"key": CANARY}, "immutable": CANARY}}
    mutation = f'patchSecret(namespace: "{namespace}", name: "s", patch: $input) {{ metadata {{ name }} }}'
    await gateway.execute(f"mutation ($input: SecretInput!) {{ {mutation} }}", variables)
    lines = logged.lines(logged.access, 2)
    texts = [gateway.process.output(), logged.access.read_text(), logged.audit.read_text()]
    texts += [answer.text for answer in answers]
    assert len(lines) >= 2
    for text in texts:
        assert CANARY not in text
        assert ENCODED not in text
        assert "admin-token" not in text
