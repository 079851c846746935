"""``podLogs`` exists if and only if the cluster serves pods with logs."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    parse,
    print_type,
    subscribe,
    validate_schema,
)

from schema.building import DrainedResources, LazySchema, compile_line
from schema.building.pod_logs import logged_pods
from schema.lowering import RESERVED_TYPES
from schema.model import ServedResource, Verb
from schema.relations import Relation
from schema.resources import GroupVersionKind, GroupVersionResource, Resource, Subresource
from tests.schema.documents import NoResolvers
from tests.schema.models import gadget_resource, served_gadget, small_model

POD = GroupVersionKind("", "v1", "Pod")
LOG = Subresource("log", POD, frozenset({"get"}))
PODS = replace(gadget_resource(), gvr=GroupVersionResource("", "v1", "pods"), kind=POD, subresources=(LOG,))


class Compiling(NoResolvers):
    """Records the selection of a line."""

    selected: object = "not asked"

    def pod_log_subscriber(self, _pods: Resource) -> Any:
        async def stream(_source: object, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
            self.selected = compile_line(info)
            yield None

        return stream

    relation_rules = ()

    def relation(self, _relation: Relation) -> Any:
        return lambda _source, _info, **_arguments: None

    def node_drain_subscriber(self, _resources: DrainedResources) -> Any:
        return lambda _source, _info, **_: None


def served(resource: Resource) -> ServedResource:
    return served_gadget(resource)


def build(resolvers: NoResolvers | None = None) -> GraphQLSchema:
    schema = LazySchema(small_model(served(PODS)), resolvers or NoResolvers())
    assert validate_schema(schema) == []
    return schema


def test_it_has_the_arguments_and_the_lines_of_the_contract() -> None:
    schema = build()

    field = schema.subscription_type.fields["podLogs"] if schema.subscription_type else None
    assert field is not None
    assert list(field.args) == [
        *("name", "labelSelector", "namespace", "container", "follow"),
        *("tailLines", "sinceSeconds", "timestamps", "previous"),
    ]
    assert isinstance(field.type, GraphQLObjectType)
    printed = print_type(field.type)
    for line in ("pod: String!", "container: String!", "time: DateTime\n", "line: String!"):
        assert line in printed
    assert field.type.name in RESERVED_TYPES


@pytest.mark.parametrize(
    "resource",
    [
        gadget_resource(),
        replace(PODS, subresources=()),
        replace(PODS, subresources=(replace(LOG, verbs=frozenset({"create"})),)),
        replace(PODS, gvr=GroupVersionResource("metrics.k8s.io", "v1", "pods")),
    ],
    ids=["no pods", "no logs", "logs that cannot be read", "other pods"],
)
def test_there_is_no_log_field_without_readable_logs_of_pods(resource: Resource) -> None:
    schema = LazySchema(small_model(served(resource)), NoResolvers())

    assert schema.subscription_type is not None
    assert "podLogs" not in schema.subscription_type.fields


def test_pods_that_cannot_be_watched_have_no_logs_to_follow() -> None:
    assert logged_pods(small_model(served_gadget(PODS, verbs=(Verb.LIST, Verb.GET)))) is None


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ("{ pod line }", (("pod", "pod"), ("line", "line"))),
        ("{ __typename at: time ...More }", (("__typename", "__typename"), ("at", "time"), ("pod", "pod"))),
        ("{ pod line @skip(if: true) }", (("pod", "pod"),)),
    ],
)
async def test_the_selection_of_a_line_is_compiled_before_the_first_line(
    selection: str, selected: object
) -> None:
    resolvers = Compiling()
    document = parse(
        f'subscription {{ podLogs(name: "a") {selection} }}'
        + ("fragment More on PodLogLine { pod }" if "More" in selection else "")
    )

    stream: Any = subscribe(build(resolvers), document)
    async for _ in stream:
        pass

    assert resolvers.selected == selected
