"""Every error of a result has a code."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLFieldResolver

from gateway.errors import (
    BadArgument,
    GatewayError,
    PodLogUnreadable,
    Status,
    SubscriberTooSlow,
    UpstreamTimeout,
    UpstreamUnavailable,
    status_error,
)
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext
from schema.building import (
    ClusterResolvers,
    DrainedResources,
    LazySchema,
    ManifestResolvers,
    RootField,
    StateResolvers,
)
from schema.model import Model
from schema.relations import Relation
from schema.resources import GroupVersionKind, GroupVersionResource, Resource, Subresource
from tests.schema.models import gadget_resource, served_gadget, small_model

FORBIDDEN = Status(403, "Forbidden", 'pods is forbidden: User "bob"', details={"kind": "pods"})


class Failing:
    """Every root field raises the given exception, a subscription after its first event."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.cluster = ClusterResolvers(*[lambda _source, _info, **_: None] * 6)
        self.manifests = ManifestResolvers(*[lambda _source, _info, **_: None] * 3)
        self.state = StateResolvers(*[lambda _source, _info, **_: None] * 3)

    def resolver(self, _root: RootField) -> GraphQLFieldResolver:
        async def resolve(_source: object, _info: object, **_arguments: Any) -> Any:
            raise self.error

        return resolve

    def subscriber(self, _root: RootField) -> Callable[..., Any]:
        async def subscribe(_source: object, _info: object, **_arguments: Any) -> AsyncIterator[Any]:
            yield {"type": "SYNCED", "object": None, "resourceVersion": "1"}
            raise self.error

        return subscribe

    def pod_log_subscriber(self, _pods: Resource) -> Callable[..., Any]:
        async def subscribe(_source: object, _info: object, **_arguments: Any) -> AsyncIterator[Any]:
            yield self.error

        return subscribe

    relation_rules = ()

    def relation(self, _relation: Relation) -> Any:
        return lambda _source, _info, **_arguments: None

    def node_drain_subscriber(self, _resources: DrainedResources) -> Callable[..., Any]:
        return lambda _source, _info, **_: None


def failing(error: Exception, model: Model | None = None) -> KubernetesSchema:
    return KubernetesSchema(LazySchema(model or small_model(), Failing(error)))


def pods_model() -> Model:
    """A model of pods with the log subresource."""
    kind = GroupVersionKind("", "v1", "Pod")
    log = Subresource("log", kind, frozenset({"get"}))
    gvr = GroupVersionResource("", "v1", "pods")
    return small_model(served_gadget(replace(gadget_resource(), gvr=gvr, kind=kind, subresources=(log,))))


def gateway_context() -> RequestContext:
    """A context with the gateway's own identity, which needs no access review."""
    client = KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1"))
    return RequestContext(client, InformerRegistry())


async def error_of(schema: KubernetesSchema, query: str) -> dict[str, Any]:
    result = await schema.execute(query, context_value=gateway_context())
    assert result.errors
    assert len(result.errors) == 1
    return dict(result.errors[0].formatted)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (status_error(Status(401, "Unauthorized")), "UNAUTHENTICATED"),
        (status_error(FORBIDDEN), "FORBIDDEN"),
        (status_error(Status(404, "NotFound")), "NOT_FOUND"),
        (status_error(Status(409, "Conflict")), "CONFLICT"),
        (status_error(Status(409, "AlreadyExists")), "ALREADY_EXISTS"),
        (status_error(Status(422, "Invalid")), "INVALID"),
        (status_error(Status(400, "BadRequest")), "BAD_REQUEST"),
        (status_error(Status(415, "UnsupportedMediaType")), "BAD_REQUEST"),
        (status_error(Status(410, "Expired")), "GONE"),
        (status_error(Status(429, "TooManyRequests", retry_after_seconds=3)), "TOO_MANY_REQUESTS"),
        (status_error(Status(504, "Timeout")), "UPSTREAM_TIMEOUT"),
        (status_error(Status(500, "InternalError")), "UPSTREAM_UNAVAILABLE"),
        (UpstreamUnavailable("no connection"), "UPSTREAM_UNAVAILABLE"),
        (UpstreamTimeout("too late"), "UPSTREAM_TIMEOUT"),
        (BadArgument("limit is -1"), "BAD_REQUEST"),
    ],
)
async def test_each_upstream_failure_has_its_code(error: GatewayError, code: str) -> None:
    formatted = await error_of(failing(error), '{ gadget(name: "a") { kind } }')

    assert formatted["extensions"]["code"] == code
    assert formatted["message"] == str(error)
    assert formatted["path"] == ["gadget"]


async def test_the_api_servers_status_is_in_the_extensions() -> None:
    formatted = await error_of(failing(status_error(FORBIDDEN)), '{ gadget(name: "a") { kind } }')

    assert formatted["extensions"]["kubernetes"] == {
        "status": "Failure",
        "reason": "Forbidden",
        "message": 'pods is forbidden: User "bob"',
        "details": {"kind": "pods"},
        "retryAfterSeconds": None,
    }


async def test_an_unexpected_exception_is_masked_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    schema = failing(RuntimeError("secret detail"))

    with caplog.at_level(logging.ERROR, "gateway"):
        formatted = await error_of(schema, '{ gadget(name: "a") { kind } }')

    assert formatted["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(formatted)
    assert formatted["extensions"]["id"] in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("query", ["{ gadget(", "{ nothing }", '{ gadget(name: "a", limit: 1) { kind } }'])
async def test_errors_of_the_request_are_bad_requests(query: str) -> None:
    formatted = await error_of(failing(RuntimeError()), query)

    assert formatted["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("query", ["{" + " a" * 30_000 + "}", "{a" * 5_000 + "}" * 5_000])
async def test_a_document_beyond_the_parsers_limits_is_refused(query: str) -> None:
    formatted = await error_of(failing(RuntimeError()), query)

    assert formatted["extensions"]["code"] == "QUERY_TOO_COMPLEX"


async def test_an_error_during_a_subscription_has_its_code_and_ends_the_stream() -> None:
    schema = failing(SubscriberTooSlow("resume with resourceVersion"))

    stream = await schema.subscribe("subscription { gadgets { type } }", context_value=gateway_context())
    results = [result async for result in stream]

    assert [result.data for result in results] == [{"gadgets": {"type": "SYNCED"}}, None]
    assert results[1].errors
    assert results[1].errors[0].extensions == {"code": "SUBSCRIBER_TOO_SLOW"}


async def test_an_unreadable_container_log_is_a_result_that_names_the_container() -> None:
    where = {"namespace": "shop", "pod": "web-1", "container": "main"}
    schema = failing(PodLogUnreadable(status_error(FORBIDDEN), **where), pods_model())

    stream = await schema.subscribe(
        'subscription { podLogs(labelSelector: "") { line } }', context_value=gateway_context()
    )
    (result,) = [result async for result in stream]

    assert result.data == {"podLogs": None}
    assert result.errors
    assert result.errors[0].path == ["podLogs"]
    extensions = dict(result.errors[0].extensions or {})
    assert extensions.pop("kubernetes")["reason"] == "Forbidden"
    assert extensions == {"code": "FORBIDDEN", **where}
    assert "container main in pod shop/web-1" in result.errors[0].message
