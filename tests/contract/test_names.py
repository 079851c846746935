"""The schema as clients see it: names, introspection, and the printed SDL."""

import asyncio

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    get_introspection_query,
    validate_schema,
)

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.processes import run_gateway


@pytest.fixture(scope="module")
def schema(gateway: GatewayProcess) -> GraphQLSchema:
    """The schema from introspection, with descriptions."""
    introspection = asyncio.run(gateway.data(get_introspection_query(descriptions=True)))
    return build_client_schema(introspection)  # type: ignore[arg-type]  # a plain dict is accepted


def fields(schema: GraphQLSchema, operation: str) -> set[str]:
    root = schema.type_map[operation]
    assert isinstance(root, GraphQLObjectType)
    return set(root.fields)


async def test_introspection_shows_a_valid_schema(schema: GraphQLSchema) -> None:
    assert validate_schema(schema) == []


async def test_root_fields_have_short_and_pinned_names(schema: GraphQLSchema) -> None:
    assert {
        "pod", "pods", "core_v1_pod", "core_v1_pods", "deployments", "apps_v1_deployments",
        "networkPolicies", "networking_k8s_io_v1_networkPolicies", "endpointsList", "endpoints",
        "autoscaling_v1_horizontalPodAutoscalers", "autoscaling_v2_horizontalPodAutoscalers",
        "horizontalPodAutoscalers", "version", "resources",
    } <= fields(schema, "Query")  # fmt: skip
    assert {"patchDeployment", "apps_v1_patchDeployment", "patchPod"} <= fields(schema, "Mutation")
    assert {"pod", "pods", "deployments", "apps_v1_deployments"} <= fields(schema, "Subscription")


async def test_create_only_resources_have_no_query_fields(schema: GraphQLSchema) -> None:
    assert not {"tokenReviews", "tokenReview", "bindings"} & fields(schema, "Query")


async def test_the_preferred_version_has_the_short_name(gateway: GatewayProcess) -> None:
    query = """{ __schema { queryType { fields { name type { name } } } } }"""
    answers = {
        field["name"]: field["type"]["name"]
        for field in (await gateway.data(query))["__schema"]["queryType"]["fields"]
    }
    assert answers["horizontalPodAutoscalers"] == answers["autoscaling_v2_horizontalPodAutoscalers"]
    assert answers["horizontalPodAutoscalers"] != answers["autoscaling_v1_horizontalPodAutoscalers"]


async def test_pinned_fields_describe_their_short_name(schema: GraphQLSchema) -> None:
    root = schema.type_map["Query"]
    assert isinstance(root, GraphQLObjectType)
    assert "`deployments`" in (root.fields["apps_v1_deployments"].description or "")


async def test_kubernetes_types_have_kubernetes_fields(schema: GraphQLSchema) -> None:
    pod = schema.type_map["Pod"]
    assert isinstance(pod, GraphQLObjectType)
    assert {"apiVersion", "kind", "metadata", "spec", "status"} <= set(pod.fields)
    event = schema.type_map["PodEvent"]
    assert isinstance(event, GraphQLObjectType)
    assert {name: str(item.type) for name, item in event.fields.items()} == {
        "type": "WatchEventType!",
        "object": "Pod",
        "resourceVersion": "String!",
    }


async def test_short_and_pinned_names_return_the_same_data(gateway: GatewayProcess) -> None:
    query = """{ short: deployments(namespace: "team-0") { items { metadata { uid } } }
                 pinned: apps_v1_deployments(namespace: "team-0") { items { metadata { uid } } } }"""
    data = await gateway.data(query)
    assert data["short"]["items"]
    assert data["short"] == data["pinned"]


def test_the_printed_schema_is_valid_sorted_and_deterministic(backend: Backend) -> None:
    first = run_gateway("schema", "--kubeconfig", str(backend.kubeconfig))
    assert (first.returncode, first.stderr) == (0, "")
    printed = build_schema(first.stdout)
    assert validate_schema(printed) == []
    types = [line.split()[1] for line in first.stdout.splitlines() if line.startswith("type ")]
    assert types == sorted(types)
    second = run_gateway("schema", "--kubeconfig", str(backend.kubeconfig))
    assert second.stdout == first.stdout
