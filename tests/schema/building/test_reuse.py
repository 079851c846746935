"""A schema that reuses parts of the previous one equals a schema built from scratch."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    print_schema,
    validate_schema,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.building import ClusterResolvers, RootField, build_schema
from schema.lowering import LoweredDefinitions, lower
from schema.model import Model
from schema.resources import GroupVersion, Resource
from tests.schema.documents import META, TEXT, discovery_of, document, id_of, kind_schema, ref, resource

META_PART = {"type": "object", "properties": {"name": TEXT}}
NUMBER = {"type": "integer", "format": "int32"}
OBJECT = {"type": "object", "properties": {"size": NUMBER, "input": META_PART}}
PART = "io.example.v1.Part"


def answer(root: RootField | Resource, *_arguments: Any) -> Any:
    return root


class Resolvers:
    """Gives every root field a distinguishable function."""

    cluster = ClusterResolvers(*[answer] * 4)

    def resolver(self, root: RootField) -> Any:
        return partial(answer, root)

    def subscriber(self, root: RootField) -> Any:
        return partial(answer, root, "stream")

    def pod_log_subscriber(self, pods: Resource) -> Any:
        return partial(answer, pods)


def functions(field: Any) -> list[Any]:
    """The functions of a field in a comparable form."""
    return [spelled(getattr(field, name, None)) for name in ("resolve", "subscribe", "out_type")]


def spelled(function: Any) -> Any:
    if isinstance(function, partial):
        return function.func, function.args, function.keywords
    cells = getattr(function, "__closure__", None) or ()
    return getattr(function, "__qualname__", function), [item.cell_contents for item in cells]


def contents(schema: GraphQLSchema) -> list[Any]:
    """Everything that a schema says, in its order."""
    return [type_contents(item) for item in schema.type_map.values()]


def type_contents(type_: Any) -> Any:
    known = (type(type_), type_.name, type_.description, type_.extensions)
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return known
    interfaces = [item.name for item in getattr(type_, "interfaces", ())]
    fields = [(name, field_contents(item)) for name, item in type_.fields.items()]
    return known, interfaces, fields, functions(type_)


def field_contents(field: GraphQLField | GraphQLInputField) -> Any:
    arguments: Mapping[str, Any] = getattr(field, "args", {})
    return (
        str(field.type),
        field.description,
        field.deprecation_reason,
        getattr(field, "out_name", None),
        field.extensions,
        functions(field),
        [(name, str(item.type), item.description, item.out_name) for name, item in arguments.items()],
    )


resources = st.builds(
    lambda group_version, kind, verbs, below: resource(group_version, kind, verbs=verbs, subresources=below),
    st.sampled_from(["example.io/v1", "example.io/v2", "other.dev/v1", "gateway.k8s.io/v1", "v1"]),
    # names that are contested: the list of one is the kind of another
    st.sampled_from(["Gadget", "GadgetList", "Pod", "Part", "Scale"]),
    st.sampled_from([("get", "list", "watch", "create", "delete", "patch"), ("get",), ()]),
    st.sampled_from([{}, {"status": ["patch"]}, {"scale": ["patch"]}]),
)
properties = st.dictionaries(
    st.sampled_from(["spec", "status", "x-y", "metadata"]),
    st.sampled_from(
        [TEXT, NUMBER, OBJECT, ref(PART), {"type": "array", "items": OBJECT}, ref(f"{META}.ObjectMeta")]
    ),
)
# one change of a cluster: kinds that are added or changed, and kinds that are removed
changes = st.lists(
    st.tuples(
        st.dictionaries(resources, properties, max_size=4),
        st.sets(st.integers(0, 7)),
        st.sampled_from([{}, OBJECT, {"properties": {"inner": ref(PART), "size": NUMBER}}, TEXT]),
        st.sampled_from([{}, META_PART, {"properties": {"name": TEXT, "label": TEXT}}]),
    ),
    min_size=2,
    max_size=5,
)


def model_of(
    there: Mapping[Any, tuple[Resource, Any]], part: Any, meta: Any, kept: LoweredDefinitions | None = None
) -> Model:
    by_group_version: dict[GroupVersion, dict[str, Any]] = {}
    for item, properties in there.values():
        schemas = by_group_version.setdefault(
            item.gvr.group_version, {PART: part, f"{META}.ObjectMeta": meta}
        )
        api_version, kind = item.gvr.group_version.api_version, item.kind.kind
        schemas[id_of(api_version, kind)] = kind_schema(api_version, kind, **properties)
    documents = {item: document(**schemas) for item, schemas in by_group_version.items()}
    return lower(discovery_of(*(item for item, _ in there.values())), documents, kept)


@settings(max_examples=100, deadline=None)
@given(changes)
def test_a_rebuild_after_any_change_equals_a_fresh_start(changes: list[tuple[Any, ...]]) -> None:
    kept, there = LoweredDefinitions(), dict[Any, tuple[Resource, Any]]()
    schemas: list[tuple[GraphQLSchema, list[Any]]] = []
    before: GraphQLSchema | None = None
    for changed, removed, part, meta in changes:
        there |= {item.gvr: (item, properties) for item, properties in changed.items()}
        for gvr in [item for number, item in enumerate(there) if number in removed]:
            del there[gvr]
        model, fresh = model_of(there, part, meta, kept), model_of(there, part, meta)
        assert model == fresh

        before = build_schema(model, Resolvers(), before)
        afresh = build_schema(fresh, Resolvers())

        assert contents(before) == contents(afresh)
        assert print_schema(before) == print_schema(afresh)
        assert validate_schema(before) == []
        schemas.append((before, contents(afresh)))
    # and none of them is another one now than it was
    for schema, said in schemas:
        assert contents(schema) == said


def two_kinds(spec: Mapping[str, Any]) -> Model:
    kinds = [resource("example.io/v1", "Gadget"), resource("other.dev/v1", "Widget")]
    there = {kinds[0].gvr: (kinds[0], {"spec": spec}), kinds[1].gvr: (kinds[1], {"spec": OBJECT})}
    return model_of(there, OBJECT, META_PART)


def test_unchanged_types_are_reused() -> None:
    before = build_schema(two_kinds(OBJECT), Resolvers())
    after = build_schema(two_kinds(META_PART), Resolvers(), before)

    again = {name for name, item in after.type_map.items() if before.type_map.get(name) is not item}
    gadget = {f"ExampleIoV1Gadget{rest}" for rest in ("", "Input", "List", "Event", "Spec", "SpecInput")}
    assert again == {*gadget, "Query", "Mutation", "Subscription"}
    assert before.query_type
    assert after.query_type
    assert after.query_type.fields["widgets"] is before.query_type.fields["widgets"]
