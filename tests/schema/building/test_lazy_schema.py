"""A lazy schema equals the complete one, and builds only the types that an operation needs."""

import itertools
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    execute_sync,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    lexicographic_sort_schema,
    parse,
    print_schema,
    validate,
    validate_schema,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.building import (
    ClusterResolvers,
    DrainedResources,
    LazySchema,
    ManifestResolvers,
    RootField,
    StateResolvers,
    complete_schema,
    print_sdl,
)
from schema.lowering import lower
from schema.model import Model
from schema.relations import Relation
from schema.resources import GroupVersion, Resource
from tests.fixtures.properties import examples
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents
from tests.schema.documents import (
    META,
    TEXT,
    NoResolvers,
    discovery_of,
    document,
    id_of,
    kind_schema,
    ref,
    resource,
)

META_PART = {"type": "object", "properties": {"name": TEXT}}
NUMBER = {"type": "integer", "format": "int32"}
OBJECT = {"type": "object", "properties": {"size": NUMBER, "input": META_PART}}
PART = "io.example.v1.Part"


def answer(root: RootField | Resource | DrainedResources | str, *_arguments: Any) -> Any:
    return root


class Resolvers:
    """Gives every root field a distinguishable function."""

    cluster = ClusterResolvers(*[answer] * 6)
    manifests = ManifestResolvers(*[answer] * 3)
    state = StateResolvers(*[answer] * 3)

    def resolver(self, root: RootField) -> Any:
        return partial(answer, root)

    relation_rules = ()

    def relation(self, relation: Relation) -> Any:
        return partial(answer, relation.name)

    def subscriber(self, root: RootField) -> Any:
        return partial(answer, root, "stream")

    def pod_log_subscriber(self, pods: Resource) -> Any:
        return partial(answer, pods)

    def node_drain_subscriber(self, resources: DrainedResources) -> Any:
        return partial(answer, resources)


def functions(field: Any) -> list[Any]:
    """The functions of a field in a comparable form."""
    return [spelled(getattr(field, name, None)) for name in ("resolve", "subscribe", "out_type")]


def spelled(function: Any) -> Any:
    if isinstance(function, partial):
        return function.func, function.args, function.keywords
    cells = getattr(function, "__closure__", None) or ()
    return getattr(function, "__qualname__", function), [item.cell_contents for item in cells]


def contents(schema: GraphQLSchema) -> list[Any]:
    """All contents of a schema, in their order."""
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


@st.composite
def models(draw: Any) -> Model:
    """The model of a few kinds, some of which share the definition of a part."""
    kinds = draw(st.dictionaries(resources, properties, min_size=1, max_size=5))
    part = draw(st.sampled_from([OBJECT, {"properties": {"inner": ref(PART), "size": NUMBER}}, TEXT]))
    schemas: dict[GroupVersion, dict[str, Any]] = {}
    for kind, of_kind in kinds.items():
        api_version, name = kind.gvr.group_version.api_version, kind.kind.kind
        of_version = schemas.setdefault(kind.gvr.group_version, {PART: part, f"{META}.ObjectMeta": META_PART})
        of_version[id_of(api_version, name)] = kind_schema(api_version, name, **of_kind)
    distinct = {kind.gvr: kind for kind in kinds}.values()
    return lower(discovery_of(*distinct), {item: document(**of) for item, of in schemas.items()})


@settings(max_examples=examples(100), deadline=None)
@given(models())
def test_any_model_has_the_types_of_the_complete_schema(model: Model) -> None:
    lazy = LazySchema(model, Resolvers())
    with complete_schema(lazy) as complete:
        assert validate_schema(complete) == []
        assert lazy.type_map.keys() == complete.type_map.keys()
        for name, type_ in complete.type_map.items():
            assert type_contents(lazy.type_map[name]) == type_contents(type_)
        assert implementations(lazy) == implementations(complete)
        assert "".join(print_sdl(lazy)) == print_schema(lexicographic_sort_schema(complete)) + "\n"


def implementations(schema: GraphQLSchema) -> list[str]:
    interface = schema.type_map["KubernetesObject"]
    assert isinstance(interface, GraphQLInterfaceType)
    kinds = schema.get_possible_types(interface)
    assert all(schema.is_sub_type(interface, kind) for kind in kinds)
    return [kind.name for kind in kinds]


@cache
def kubernetes() -> Model:
    return lower(kubernetes_discovery(), kubernetes_documents())


@pytest.fixture(scope="module")
def lazy() -> LazySchema:
    return LazySchema(kubernetes(), Resolvers())


@pytest.fixture(scope="module")
def complete(lazy: LazySchema) -> Iterator[GraphQLSchema]:
    with complete_schema(lazy) as schema:
        yield schema


def built(schema: LazySchema) -> set[str]:
    """The names of the built types of objects."""
    types = schema.extensions["types"]
    return {type_.name for of in (types._outputs, types._inputs) for type_ in of.built.values()}


@st.composite
def documents(draw: Any, schema: GraphQLSchema) -> str:
    """An operation on the schema; most of them have misspelled or misplaced names and values."""

    def spelled(name: str) -> str:
        return str(draw(st.sampled_from([name] * 20 + [name[:-1], f"{name}s"])))

    def selection(type_: Any, depth: int) -> str:
        return "{ " + " ".join(part(type_, depth) for _ in range(draw(st.integers(1, 3)))) + " }"

    def part(type_: Any, depth: int) -> str:
        choice = draw(st.integers(0, 9))
        if choice == 0:
            return "__typename"
        if choice == 1:
            other = draw(st.sampled_from([type_.name, "KubernetesObject", "Pod", "PodInput", "StatefulSet"]))
            of = schema.type_map[other]
            of = type_ if isinstance(of, GraphQLInputObjectType) else of
            return f"... on {spelled(other)} {selection(of, depth)}"
        return field(type_, draw(st.sampled_from(sorted(type_.fields))), depth)

    def field(type_: Any, name: str, depth: int) -> str:
        definition = type_.fields[name]
        given = [
            f"{spelled(key)}: {value(argument.type, 2)}"
            for key, argument in definition.args.items()
            if str(argument.type).endswith("!") or draw(st.integers(0, 3)) == 0
        ]
        arguments = f"({', '.join(given)})" if given else ""
        below = get_named_type(definition.type)
        if not isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
            return f"{spelled(name)}{arguments}"
        return f"{spelled(name)}{arguments} {selection(below, depth - 1) if depth else '{ __typename }'}"

    def value(type_: Any, depth: int) -> str:
        named = get_named_type(type_)
        if not isinstance(named, GraphQLInputObjectType):
            return str(draw(st.sampled_from(['"a"', '"a"', "1", "true", "{}", "$text", "GONE"])))
        names = (
            draw(st.lists(st.sampled_from(sorted(named.fields)), max_size=3, unique=True)) if depth else []
        )
        members = (f"{spelled(name)}: {value(named.fields[name].type, depth - 1)}" for name in names)
        return "{" + ", ".join(members) + "}"

    operation = draw(st.sampled_from(["query", "mutation", "subscription"]))
    root = getattr(schema, f"{operation}_type")
    fields = [
        field(root, draw(st.sampled_from(sorted(root.fields))), 4) for _ in range(draw(st.integers(1, 2)))
    ]
    variable = draw(st.sampled_from(["String", "PodInput", "Pod", "Quantity", "Unknown", "PodSpecInputt"]))
    return f"{operation} ($text: {variable}) {{ {' '.join(fields)} }}"


VALUES = {"Int": "1", "Int64": "1", "Float": "1", "Boolean": "true", "JSON": "{}", "StringMap": '{a: "b"}'}
"""Literals of scalars; most of the others accept a text."""


@st.composite
def careful_documents(draw: Any, schema: GraphQLSchema) -> str:
    """An operation on the schema; most of them are valid."""
    aliases = itertools.count()

    def field(type_: Any, depth: int) -> str:
        name = draw(st.sampled_from(sorted(type_.fields)))
        definition = type_.fields[name]
        given = [
            f"{key}: {value(argument.type, 2)}"
            for key, argument in definition.args.items()
            if is_required_argument(argument) or draw(st.integers(0, 3)) == 0
        ]
        arguments = f"({', '.join(given)})" if given else ""
        below = get_named_type(definition.type)
        # aliases: fields of one name conflict when their arguments differ
        aliased = f"a{next(aliases)}: {name}{arguments}"
        if not isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
            return aliased
        inner = [field(below, depth - 1) for _ in range(draw(st.integers(1, 3)))] if depth else ["__typename"]
        return f"{aliased} {{ {' '.join(inner)} }}"

    def value(type_: Any, depth: int) -> str:
        named = get_named_type(type_)
        if isinstance(named, GraphQLEnumType):
            return str(draw(st.sampled_from(sorted(named.values))))
        if not isinstance(named, GraphQLInputObjectType):
            return VALUES.get(named.name, '"1"')
        names = {name for name, item in named.fields.items() if is_required_input_field(item)}
        if depth:
            names |= draw(st.sets(st.sampled_from(sorted(named.fields)), max_size=2))
        members = (f"{name}: {value(named.fields[name].type, depth - 1)}" for name in sorted(names))
        return "{" + ", ".join(members) + "}"

    operation = draw(st.sampled_from(["query", "mutation", "subscription"]))
    return f"{operation} {{ {field(getattr(schema, f'{operation}_type'), 4)} }}"


OBJECT_SENT = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "labels": {"app": "web"}},
    "spec": {"nodeName": 5, "containers": [{"name": "c", "image": "i"}]},
}


class Answering(NoResolvers):
    """Answers every field that is not a subscription with objects, of which not all fit the types."""

    cluster = ClusterResolvers(*[lambda *_, **arguments: {**OBJECT_SENT, **arguments}] * 6)
    manifests = ManifestResolvers(*[lambda *_, **arguments: {**OBJECT_SENT, **arguments}] * 3)
    state = StateResolvers(*[lambda *_, **arguments: {**OBJECT_SENT, **arguments}] * 3)

    def resolver(self, _root: RootField) -> Any:
        return lambda *_, **arguments: {**OBJECT_SENT, "items": [OBJECT_SENT], "arguments": arguments}


@pytest.fixture(scope="module")
def answering() -> Iterator[GraphQLSchema]:
    with complete_schema(LazySchema(kubernetes(), Answering())) as schema:
        yield schema


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_any_documents_validate_and_answer_as_on_the_complete_schema(
    complete: GraphQLSchema, answering: GraphQLSchema, data: Any
) -> None:
    """A second document finds types that the first has built, in part."""
    lazy = LazySchema(kubernetes(), Answering())
    for _ in range(2):
        document = parse(data.draw(careful_documents(complete) | documents(complete)))

        errors = validate(lazy, document)

        assert list(map(str, errors)) == list(map(str, validate(complete, document)))
        if not errors and document.definitions[0].operation.value != "subscription":  # type: ignore[attr-defined]
            expected = execute_sync(answering, document, variable_values={"text": "a"})
            answer = execute_sync(lazy, document, variable_values={"text": "a"})
            assert answer.formatted == expected.formatted


def test_a_query_builds_only_the_types_that_it_names(lazy: LazySchema) -> None:
    document = parse("{ pods { items { metadata { name } spec { nodeName } } } }")
    before = built(lazy)

    assert validate(lazy, document) == []

    assert built(lazy) - before == {"Pod", "PodSpec", "ListMeta", "ObjectMeta"}


def test_suggestions_build_no_type() -> None:
    lazy = LazySchema(kubernetes(), Resolvers())
    before = built(lazy)
    document = parse(
        """query ($pod: PodSpecInpu) { podz { items } object(apiVersion: "v1", kind: "", name: "") { spec } }
        fragment Of on PodSpek { nodeName }"""
    )

    messages = " ".join(error.message for error in validate(lazy, document))

    assert "Did you mean" in messages
    assert "'PodSpecInput'" in messages
    kinds = built(lazy) - before
    fields = [
        type_.fields.built
        for type_ in lazy.extensions["types"]._outputs.built.values()
        if type_.name in kinds
    ]
    assert not any(fields)


def test_introspection_equals_that_of_the_complete_schema_and_builds_nothing(
    lazy: LazySchema, complete: GraphQLSchema
) -> None:
    query = parse('{ __type(name: "KubernetesObject") { name possibleTypes { name } } }')
    assert execute_sync(lazy, query) == execute_sync(complete, query)
    assert execute_sync(lazy, parse('{ __type(name: "Pods") { name } }')).data == {"__type": None}


def test_printing_and_completing_a_schema_build_none_of_its_types(lazy: LazySchema) -> None:
    before = built(lazy)

    definitions = list(print_sdl(lazy))
    with complete_schema(lazy) as complete:
        assert len(definitions) == len(complete.type_map.keys() - GraphQLNamedType.reserved_types)

    assert built(lazy) == before


def test_threads_get_the_same_types_and_fields() -> None:
    lazy = LazySchema(kubernetes(), Resolvers())

    def look_up(_: int) -> list[int]:
        types = [lazy.type_map[name] for name in lazy.type_map]
        fields = [field for type_ in types for field in getattr(type_, "fields", {}).values()]
        return [id(item) for item in (*types, *fields)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            first, *others = threads.map(look_up, range(4))
    finally:
        sys.setswitchinterval(interval)
    assert all(other == first for other in others)
