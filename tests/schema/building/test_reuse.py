"""A schema that has parts of the one before is the schema that a fresh start builds, whatever changed."""

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
    """Tells apart what answers the root fields."""

    cluster = ClusterResolvers(*[answer] * 4)

    def resolver(self, root: RootField) -> Any:
        return partial(answer, root)

    def subscriber(self, root: RootField) -> Any:
        return partial(answer, root, "stream")

    def pod_log_subscriber(self, pods: Resource) -> Any:
        return partial(answer, pods)


def functions(field: Any) -> list[Any]:
    """What each function of a field does, as something that can be compared."""
    return [spelled(getattr(field, name, None)) for name in ("resolve", "subscribe", "out_type")]


def spelled(function: Any) -> Any:
    if isinstance(function, partial):
        return function.func, function.args, function.keywords
    cells = getattr(function, "__closure__", None) or ()
    return getattr(function, "__qualname__", function), [each.cell_contents for each in cells]


def contents(schema: GraphQLSchema) -> list[Any]:
    """Everything that a schema says, in its order."""
    return [type_contents(each) for each in schema.type_map.values()]


def type_contents(type_: Any) -> Any:
    known = (type(type_), type_.name, type_.description, type_.extensions)
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return known
    interfaces = [each.name for each in getattr(type_, "interfaces", ())]
    fields = [(name, field_contents(each)) for name, each in type_.fields.items()]
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
        [(name, str(each.type), each.description, each.out_name) for name, each in arguments.items()],
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
# what one of a cluster's changes is about: kinds that are there from now on, and those that are not any more
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
    for each, properties in there.values():
        schemas = by_group_version.setdefault(
            each.gvr.group_version, {PART: part, f"{META}.ObjectMeta": meta}
        )
        api_version, kind = each.gvr.group_version.api_version, each.kind.kind
        schemas[id_of(api_version, kind)] = kind_schema(api_version, kind, **properties)
    documents = {each: document(**schemas) for each, schemas in by_group_version.items()}
    return lower(discovery_of(*(each for each, _ in there.values())), documents, kept)


@settings(max_examples=100, deadline=None)
@given(changes)
def test_any_changes_give_the_schema_of_a_fresh_start(changes: list[tuple[Any, ...]]) -> None:
    kept, there = LoweredDefinitions(), dict[Any, tuple[Resource, Any]]()
    schemas: list[tuple[GraphQLSchema, list[Any]]] = []
    before: GraphQLSchema | None = None
    for changed, removed, part, meta in changes:
        there |= {each.gvr: (each, properties) for each, properties in changed.items()}
        for gvr in [each for number, each in enumerate(there) if number in removed]:
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


def test_what_has_not_changed_is_not_built_again() -> None:
    before = build_schema(two_kinds(OBJECT), Resolvers())
    after = build_schema(two_kinds(META_PART), Resolvers(), before)

    again = {name for name, each in after.type_map.items() if before.type_map.get(name) is not each}
    gadget = {f"ExampleIoV1Gadget{rest}" for rest in ("", "Input", "List", "Event", "Spec", "SpecInput")}
    assert again == {*gadget, "Query", "Mutation", "Subscription"}
    assert before.query_type
    assert after.query_type
    assert after.query_type.fields["widgets"] is before.query_type.fields["widgets"]
