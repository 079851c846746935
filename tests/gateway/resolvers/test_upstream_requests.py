"""No argument and no stored object makes an operation leave its resources' paths, or adds a query."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing, suppress
from functools import cache
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema
from schema.lowering import lower
from schema.verbs import Operation
from tests.fixtures.allowed_requests import FIRST_PAGE_TOKEN, check_request
from tests.fixtures.breakouts import Attempt, Case, attempts, cases_of, harmless
from tests.fixtures.properties import examples
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents
from tests.fixtures.waiting import DEADLINE
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

QUIET_SECONDS = 0.2
"""A subscription without a result for this time waits for changes, which do not come."""
HEADERS = {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}


@cache
def schema() -> KubernetesSchema:
    model = lower(kubernetes_discovery(), kubernetes_documents())
    return KubernetesSchema(LazySchema(model, Resolvers(model)))


@cache
def cases() -> list[Case]:
    return cases_of(schema().graphql_schema)


@cache
def drawn_attempts() -> st.SearchStrategy[Attempt]:
    return attempts(cases())


class Stored:
    """An API server that has one object at every path, with the attempt's texts as its names."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        resource = attempt.case.resource
        texts = attempt.stored
        self._plurals = {"pods", "replicasets", "controllerrevisions", "namespaces", "events"}
        self._plurals |= {resource.gvr.resource} if resource else set()
        owner = {"kind": "DaemonSet", "name": texts["owner"], "controller": True, "uid": "u"}
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
        self.object = {
            "apiVersion": resource.kind.api_version if resource else "v1",
            "kind": resource.kind.kind if resource else "Pod",
            "metadata": {
                "name": texts["name"],
                "namespace": texts["namespace"],
                "uid": "u",
                "resourceVersion": "5",
                "generation": 1,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [owner] if texts["owner"] else [],
            },
            "revision": 1,
            "data": {"spec": {"template": template}},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": template,
                "replicas": 1,
                "containers": [{"name": texts["container"], "image": "a"}],
            },
            "status": {"phase": "Active", "containerStatuses": [_running(texts["container"])]},
        }

    async def answer(self, request: Request) -> Reply:
        last = unquote(request.path.rpartition("/")[2])
        if request.params.get("watch"):
            return Reply(200, chunks=self._events(), headers={"content-type": "application/json"})
        if request.method == "GET" and last in self._plurals:
            return self._list(request)
        match request.method, last:
            case "GET", "log":
                return Reply(200, b"2026-01-01T00:00:00.5Z line\n", {"content-type": "text/plain"})
            case "POST", "eviction":
                return status_reply(404, "NotFound")
            case "POST", "selfsubjectaccessreviews":
                return json_reply({"status": {"allowed": True}})
            case "POST", "selfsubjectrulesreviews":
                return json_reply({"status": {"resourceRules": [], "incomplete": True}})
        return json_reply(self.object)

    def _list(self, request: Request) -> Reply:
        if self._attempt.arguments.get("partial") and "/namespaces" not in request.path:
            return status_reply(403, "Forbidden")
        more = (
            {"continue": FIRST_PAGE_TOKEN}
            if "limit" in request.params and "continue" not in request.params
            else {}
        )
        metadata = {"resourceVersion": "5", **more}
        return json_reply({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": [self.object]})

    async def _events(self) -> AsyncIterator[bytes]:
        ends = {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}
        for kind, item in (("ADDED", self.object), ("BOOKMARK", {"kind": "Pod", "metadata": ends})):
            yield json.dumps({"type": kind, "object": item}).encode() + b"\n"
        await asyncio.Event().wait()


def _running(container: str) -> Mapping[str, Any]:
    return {"name": container, "containerID": "c", "state": {"running": {}}}


async def requests_of(attempt: Attempt, results: int = 3, seconds: float = QUIET_SECONDS) -> list[Request]:
    """Execute the attempt; the requests that reach the API server.

    A subscription ends after that number of results, or after ``seconds`` without one.
    """
    informers = InformerRegistry(grace_period=0)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "*")
        async with (
            serve(Stored(attempt).answer) as server,
            KubeClient.connect(ClusterConfig(server=server.url)) as client,
            asyncio.timeout(DEADLINE),
        ):
            context = RequestContext(client, informers)
            document, arguments = attempt.case.document, dict(attempt.arguments)
            if attempt.case.operation is Operation.SUBSCRIPTION:
                await read_events(
                    await schema().stream(document, arguments, context_value=context), results, seconds
                )
            else:
                await schema().execute(document, arguments, context_value=context)
            await informers.aclose()
    return server.requests


async def read_events(stream: Any, results: int, seconds: float) -> None:
    if not hasattr(stream, "aclose"):
        return
    async with aclosing(stream):
        with suppress(StopAsyncIteration, TimeoutError):
            for _ in range(results):
                if (await asyncio.wait_for(anext(stream), seconds)).errors:
                    return


def check(attempt: Attempt, requests: Iterable[Request]) -> None:
    for request in requests:
        check_request(attempt, schema().graphql_schema.model, request.method, request.target)
        assert set(request.headers) <= HEADERS
        assert len(request.header_list) == len(request.headers)


@settings(max_examples=examples(400), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_no_argument_reaches_another_path_or_adds_a_query(data: st.DataObject) -> None:
    attempt = data.draw(drawn_attempts())
    check(attempt, await requests_of(attempt))


async def test_every_kind_of_root_field_sends_requests() -> None:
    for case in {case.verb or case.name: case for case in cases()}.values():
        attempt = harmless(case)
        requests = await requests_of(attempt, results=1, seconds=DEADLINE)
        assert requests, attempt
        check(attempt, requests)
