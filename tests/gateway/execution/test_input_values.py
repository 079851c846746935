"""Input values and arguments equal graphql-core's, or are left to graphql-core.

Covers ``gateway/execution/prepared_operation.py``.
"""

import json
from typing import Any, cast

import pytest
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    build_schema,
    coerce_input_value,
    get_argument_values,
    get_operation_ast,
    get_variable_values,
    parse,
)
from graphql.execution.values import VariableValues
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.input_values import Unusual, fitting_arguments, fitting_value
from gateway.execution.prepared_operation import prepare_operation

SCHEMA: GraphQLSchema = build_schema(
    """
    enum Color { RED GREEN }
    input Plain { text: String number: Int color: Color plain: Plain plains: [Plain!] texts: [[String]] }
    input Required { text: String! plain: Plain }
    input Defaults { text: String = "a" plain: Plain }
    input OneOf @oneOf { text: String number: Int }
    input Every { plain: Plain required: Required defaults: Defaults oneOf: OneOf plains: [Plain] }
    type Query {
        read(
            text: String! = "b", number: Int = 3, color: Color, plain: Plain, needed: Int!, every: [Every]
        ): String
    }
    """
)
EVERY = cast("GraphQLInputObjectType", SCHEMA.type_map["Every"])
PLAIN = cast("GraphQLInputObjectType", SCHEMA.type_map["Plain"])

NAMES = st.sampled_from(
    ["plain", "plains", "required", "defaults", "oneOf", "text", "texts", "number", "color", "unknown"]
)
LEAVES = st.none() | st.booleans() | st.integers(-3, 2**33) | st.sampled_from(["RED", "x", ""]) | st.floats()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ERRORS = (Unusual, GraphQLError, TypeError, ValueError, ArithmeticError)


@given(VALUES)
def test_a_value_is_coerced_as_by_graphql_core_or_left_to_it(value: Any) -> None:
    for type_ in (EVERY, *(field.type for field in EVERY.fields.values())):
        try:
            fitting = fitting_value(value, type_)
        except ERRORS:
            continue
        # as JSON, which shows the order of the fields, too
        assert json.dumps(fitting) == json.dumps(coerce_input_value(value, type_))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"plain": {"text": "a", "plain": None, "plains": [{"number": 1}], "texts": [["a", None], None]}},
        {"plain": {"color": "GREEN"}, "plains": [None, {}]},
    ],
)
def test_plain_values_need_no_second_pass(value: Any) -> None:
    assert fitting_value(value, EVERY) == coerce_input_value(value, EVERY)


@pytest.mark.parametrize(
    "value", [{"plains": {}}, {"defaults": {}}, {"oneOf": {"text": "a"}}, {"unknown": 1}, {"required": {}}, 1]
)
def test_unusual_values_are_left_to_graphql_core(value: Any) -> None:
    with pytest.raises(Unusual):
        fitting_value(value, EVERY)


def test_values_that_are_nested_too_deeply_are_left_to_graphql_core() -> None:
    value: dict[str, Any] = {}
    for _ in range(250):
        value = {"plain": value}
    with pytest.raises(Unusual):
        fitting_value(value, PLAIN)


@given(
    st.dictionaries(st.sampled_from(["text", "number", "every", "plain", "other"]), VALUES, max_size=5),
    st.sampled_from(["", "(text: $text, number: $number, needed: 1, every: $every)"]),
)
def test_variables_have_the_values_and_errors_of_graphql_core(inputs: dict[str, Any], arguments: str) -> None:
    document = parse(
        f"""query($text: String = "c", $number: Int, $every: [Every], $plain: Plain!) {{
            read{arguments or "(needed: 1, plain: $plain)"}
        }}"""
    )
    operation = get_operation_ast(document)
    prepared = prepare_operation(SCHEMA, document, None)
    assert operation is not None
    assert prepared is not None

    found = prepared.variable_values(SCHEMA, inputs)
    expected = get_variable_values(SCHEMA, operation.variable_definitions or (), inputs, max_errors=50)

    if isinstance(expected, list):
        assert isinstance(found, list)
        assert [error.message for error in found] == [error.message for error in expected]
        return
    assert isinstance(found, VariableValues)
    assert json.dumps(found.coerced) == json.dumps(expected.coerced)
    assert found.sources.keys() == expected.sources.keys()
    assert _arguments(document, found) == _arguments_of_graphql_core(document, expected)


def _arguments(document: Any, values: VariableValues) -> Any:
    field, node = _field(document)
    try:
        return fitting_arguments(field, node, values, {})
    except Unusual:
        return _arguments_of_graphql_core(document, values)


def _arguments_of_graphql_core(document: Any, values: VariableValues) -> Any:
    field, node = _field(document)
    try:
        return get_argument_values(field, node, values)
    except GraphQLError as error:
        return error.message


def _field(document: Any) -> tuple[Any, FieldNode]:
    assert SCHEMA.query_type is not None
    return SCHEMA.query_type.fields["read"], document.definitions[0].selection_set.selections[0]


@pytest.mark.parametrize(
    "arguments",
    [
        "needed: 1",
        'needed: 1, text: "x", number: null, color: RED',
        "needed: 1, plain: {text: $text, plains: [{number: 1}]}",
        "needed: $number, text: $text",
        "needed: $absent, text: $absentText, number: $absent, plain: $absentPlain",
    ],
)
def test_graphql_core_coerces_the_same_arguments(arguments: str) -> None:
    document = parse(
        "query($text: String, $number: Int, $absent: Int, $absentText: String, $absentPlain: Plain)"
        f"{{ read({arguments}) }}"
    )
    prepared = prepare_operation(SCHEMA, document, None)
    assert prepared is not None
    values = prepared.variable_values(SCHEMA, {"text": "t", "number": 7})
    assert isinstance(values, VariableValues)
    assert _arguments(document, values) == _arguments_of_graphql_core(document, values)


def test_an_argument_that_is_required_and_missing_is_left_to_graphql_core() -> None:
    document = parse("{ read }")
    field, node = _field(document)
    with pytest.raises(Unusual):
        fitting_arguments(field, node, VariableValues({}, {}), {})


def test_documents_with_anything_unusual_are_not_prepared() -> None:
    assert prepare_operation(SCHEMA, parse("query A { read } query B { read }"), None) is None
    assert prepare_operation(SCHEMA, parse("query A { read }"), "B") is None
    assert prepare_operation(SCHEMA, parse("query($a: Query) { read }"), None) is None
    assert prepare_operation(SCHEMA, parse("query A { read } query B { read }"), "B") is not None


def test_only_the_values_of_simple_literals_are_kept() -> None:
    document = parse('{ read(needed: 1, text: "x", color: RED, plain: {text: "y"}, every: []) }')
    field, node = _field(document)
    constants: dict[int, Any] = {}
    first = fitting_arguments(field, node, VariableValues({}, {}), constants)
    second = fitting_arguments(field, node, VariableValues({}, {}), constants)
    assert first == second == _arguments_of_graphql_core(document, VariableValues({}, {}))
    assert sorted(map(str, constants.values())) == ["1", "RED", "x"]
    assert first["plain"] is not second["plain"]
