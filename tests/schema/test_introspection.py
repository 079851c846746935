"""The written introspection equals graphql-core's, for every query."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLObjectType,
    OverlappingFieldsCanBeMergedRule,
    build_schema,
    execute_sync,
    get_introspection_query,
    get_named_type,
    introspection_types,
    parse,
    validate,
)
from graphql.execution import Executor
from graphql.type.introspection import TypeFields
from hypothesis import assume, given
from hypothesis import strategies as st

from schema.introspection import write_introspection

_INTROSPECTION: Mapping[str, Any] = introspection_types
_SCHEMA = build_schema(
    """
    "The schema, \\"quoted\\" and 100 % ünïcode."
    schema { query: Query mutation: Mutation }

    directive @tagged(
      name: String! = "x"
      old: Int @deprecated(reason: "unused")
    ) repeatable on FIELD | OBJECT

    "A query type with % and \\\\."
    type Query implements Node & Named {
      id: ID!
      name(style: Style = SHORT, size: Int = 3 @deprecated): String
      nodes(filter: Filter = { names: ["a", null], deep: { limit: 1.5 } }): [[Node!]!]!
      any: [Any]
      gone: Url @deprecated(reason: "moved to \\"any\\"")
    }

    type Mutation { write(objects: [Filter!]!): Boolean! }
    interface Node { id: ID! }
    interface Named implements Node { id: ID! name: String }
    type Leaf implements Node { id: ID! }
    union Any = Query | Leaf
    enum Style { SHORT LONG OLD @deprecated }
    input Filter { names: [String] deep: Deep old: Boolean = true @deprecated }
    input Deep @oneOf { limit: Float text: String }
    scalar Url @specifiedBy(url: "https://url.spec.whatwg.org/")
    """
)


@pytest.fixture(autouse=True, scope="module")
def _own_resolver_of_is_one_of() -> Iterator[None]:
    """Strawberry replaces it by one that is false where the specification demands null."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_INTROSPECTION["__Type"].fields["isOneOf"], "resolve", TypeFields.is_one_of)
        yield


class _Writing(Executor[Any]):
    """Executes introspection through :func:`write_introspection`."""

    def complete_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, *others: Any
    ) -> Any:
        if path.prev is None and info.field_name in ("__schema", "__type") and result is not None:
            return json.loads(b"".join(write_introspection(info, field_details_list, result)))
        return super().complete_value(return_type, field_details_list, info, path, result, *others)


def _assert_equal(query: str, **variables: Any) -> None:
    _assert_equal_for(parse(query), **variables)


def _assert_equal_for(document: DocumentNode, **variables: Any) -> None:
    written = execute_sync(_SCHEMA, document, variable_values=variables, executor_class=_Writing)
    expected = execute_sync(_SCHEMA, document, variable_values=variables)
    assert expected.errors is None
    # as text: the order of the keys counts
    assert json.dumps(written.data) == json.dumps(expected.data)


@pytest.mark.parametrize("input_deprecation", [False, True])
def test_the_standard_introspection_query(input_deprecation: bool) -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=input_deprecation,
        one_of=True,
    )
    _assert_equal(query)


def test_fragments_directives_aliases_and_repeated_fields() -> None:
    query = """
        query ($all: Boolean!, $none: Boolean = false) {
          s: __schema { ...Types types { __typename alias: name } types { kind @skip(if: $none) } }
          __schema { queryType { ... on __Type { name } ... @include(if: $all) { description } } }
          __type(name: "Style") { enumValues(includeDeprecated: $all) { name } all: enumValues { name } }
          missing: __type(name: "Missing") { name }
        }
        fragment Types on __Schema {
            types { fields(includeDeprecated: true) { name args { defaultValue } } }
        }
    """
    for value in (True, False):
        _assert_equal(query, all=value)


def test_an_empty_selection_writes_an_empty_object() -> None:
    _assert_equal("{ __schema { types @skip(if: true) { name } } }")


def test_a_selection_nested_in_many_lists_is_compiled_once_per_level() -> None:
    depth = 40
    query = '{ __type(name: "Style") { ' + "possibleTypes { " * depth + "name" + " }" * depth + " } }"
    _assert_equal(query)


@cache
def _selections(type_: GraphQLObjectType, depth: int) -> st.SearchStrategy[str]:
    leaves = ["__typename"]
    nested = []
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        arguments = ("", "(includeDeprecated: true)", "(includeDeprecated: $all)") if field.args else ("",)
        for argument in arguments:
            if isinstance(inner, GraphQLObjectType):
                nested.append((f"{name}{argument}", inner))
            else:
                leaves.append(f"{name}{argument}")
    field = st.sampled_from(leaves)
    if depth and nested:
        field = st.one_of(field, st.sampled_from(nested).flatmap(lambda item: _nested(*item, depth - 1)))
    decorated = st.one_of(
        field, field.map(lambda text: f"... on {type_.name} @include(if: $all) {{ {text} }}")
    )
    return st.lists(decorated, min_size=1, max_size=6).map(_with_aliases)


@cache
def _nested(name: str, type_: GraphQLObjectType, depth: int) -> st.SearchStrategy[str]:
    return _selections(type_, depth).map(lambda inner: f"{name} {{ {inner} }}")


_ONLY_CONFLICTS = [OverlappingFieldsCanBeMergedRule]
"""The one rule that a generated document may violate; all rules take longer than the test."""


def _with_aliases(fields: list[str]) -> str:
    """Fields under aliases, because the same field with other arguments conflicts under one name.

    Fields of two fragments may still conflict, which makes a document invalid.
    """
    return " ".join(
        text if text.startswith("...") else f"a{number}: {text}" for number, text in enumerate(fields)
    )


@given(_selections(_INTROSPECTION["__Schema"], 3), st.booleans())
def test_any_selection_of_the_schema(selection: str, everything: bool) -> None:
    document = parse(f"query ($all: Boolean! = false) {{ __schema {{ {selection} }} }}", no_location=True)
    assume(not validate(_SCHEMA, document, _ONLY_CONFLICTS))
    _assert_equal_for(document, all=everything)


@given(_selections(_INTROSPECTION["__Type"], 3), st.sampled_from(sorted(_SCHEMA.type_map)), st.booleans())
def test_any_selection_of_a_type(selection: str, name: str, everything: bool) -> None:
    query = f'query ($all: Boolean! = false) {{ __type(name: "{name}") {{ {selection} }} }}'
    document = parse(query, no_location=True)
    assume(not validate(_SCHEMA, document, _ONLY_CONFLICTS))
    _assert_equal_for(document, all=everything)
