"""Scalars accept the inputs that Kubernetes accepts, refuse others, and change no value."""

from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    graphql_sync,
    parse_const_value,
)
from hypothesis import given
from hypothesis import strategies as st

from schema.model import Scalar
from schema.scalars import SCALARS, is_rfc3339, parse_quantity

OURS = [
    Scalar.INT64,
    Scalar.DATE_TIME,
    Scalar.BASE64,
    Scalar.QUANTITY,
    Scalar.INT_OR_STRING,
    Scalar.STRING_MAP,
    Scalar.JSON,
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def literal(scalar: Scalar, text: str) -> Any:
    coerce = SCALARS[scalar].coerce_input_literal
    assert coerce is not None
    return coerce(parse_const_value(text))


def echo(scalar: Scalar, query: str, **variables: Any) -> Any:
    """Run a query whose field ``echo`` returns its argument."""
    type_ = SCALARS[scalar]
    field = GraphQLField(
        type_, args={"value": GraphQLArgument(type_)}, resolve=lambda _source, _info, value=None: value
    )
    schema = GraphQLSchema(GraphQLObjectType("Query", {"echo": field}))
    result = graphql_sync(schema, query, variable_values=variables)
    assert not result.errors, result.errors
    assert result.data is not None
    return result.data["echo"]


def test_every_scalar_of_the_model_has_a_type() -> None:
    assert {scalar: type_.name for scalar, type_ in SCALARS.items()} == {item: item.value for item in Scalar}


@pytest.mark.parametrize("scalar", OURS)
def test_custom_scalars_have_a_description_and_a_specification(scalar: Scalar) -> None:
    type_ = SCALARS[scalar]

    assert isinstance(type_, GraphQLScalarType)
    assert type_.description
    assert str(type_.specified_by_url).startswith("https://")


ACCEPTED = [
    (Scalar.INT64, 9007199254740993),
    (Scalar.INT64, -(2**63)),
    (Scalar.DATE_TIME, "2026-01-31T09:30:00Z"),
    (Scalar.DATE_TIME, "2026-01-31T09:30:00.123456789+05:30"),
    (Scalar.BASE64, "aGk="),
    (Scalar.BASE64, ""),
    (Scalar.BASE64, "aGVs\nbG8=\r\n"),
    (Scalar.DATE_TIME, "2026-01-31t09:30:00z"),
    (Scalar.DATE_TIME, "2026-01-31T9:30:00,5+24:00"),
    (Scalar.DATE_TIME, "0000-02-29T00:00:00Z"),
    (Scalar.QUANTITY, " 1Gi "),
    (Scalar.FLOAT, 3),
    (Scalar.FLOAT, 3.0),
    (Scalar.FLOAT, 2**53 + 1),
    (Scalar.FLOAT, -(2**70)),
    (Scalar.FLOAT, 0.1),
    (Scalar.QUANTITY, "100m"),
    (Scalar.QUANTITY, "1.5Gi"),
    (Scalar.QUANTITY, "2e3"),
    (Scalar.INT_OR_STRING, 8080),
    (Scalar.INT_OR_STRING, "8080"),
    (Scalar.STRING_MAP, {"app.kubernetes.io/name": "web", "gone": None}),
    (Scalar.JSON, {"b": [1, 2.5, None, True], "a": {"$ref": "x"}}),
]


@pytest.mark.parametrize(("scalar", "value"), ACCEPTED)
def test_a_value_survives_input_and_output(scalar: Scalar, value: Any) -> None:
    taken = SCALARS[scalar].coerce_input_value(value)
    given_back = SCALARS[scalar].coerce_output_value(taken)

    assert (given_back, type(given_back)) == (value, type(value))


REFUSED = [
    (Scalar.INT64, 2**63),
    (Scalar.INT64, 1.5),
    (Scalar.INT64, True),
    (Scalar.INT64, "12a"),
    (Scalar.INT64, "9" * 5000),
    (Scalar.INT64, "٣"),
    (Scalar.DATE_TIME, "2026-01-31"),
    (Scalar.DATE_TIME, "2026-02-30T00:00:00Z"),
    (Scalar.DATE_TIME, "2026-01-31T09:30:00"),
    (Scalar.DATE_TIME, 1738315800),
    (Scalar.BASE64, "not base64!"),
    (Scalar.BASE64, "aGk"),
    (Scalar.QUANTITY, "1.5 Gi"),
    (Scalar.QUANTITY, "1Kib"),
    (Scalar.QUANTITY, float("nan")),
    (Scalar.INT_OR_STRING, 1.5),
    (Scalar.INT_OR_STRING, None),
    (Scalar.INT_OR_STRING, False),
    (Scalar.STRING_MAP, {"replicas": 3}),
    (Scalar.STRING_MAP, ["a"]),
    (Scalar.JSON, [{"deep": float("inf")}]),
    (Scalar.FLOAT, float("inf")),
    (Scalar.FLOAT, float("nan")),
    (Scalar.FLOAT, True),
    (Scalar.FLOAT, "3"),
    (Scalar.DATE_TIME, "2026-01-31T24:00:00Z"),
    (Scalar.DATE_TIME, "2026-01-31T09:30:60Z"),
    (Scalar.BASE64, "aGVs bG8="),
]


@pytest.mark.parametrize(("scalar", "value"), REFUSED)
def test_a_wrong_value_is_refused_by_the_name_of_its_scalar(scalar: Scalar, value: Any) -> None:
    with pytest.raises(GraphQLError, match=f"^{scalar} cannot represent"):
        SCALARS[scalar].coerce_input_value(value)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [(item, 5) for item in (Scalar.DATE_TIME, Scalar.BASE64)]
    + [(Scalar.INT64, "7"), (Scalar.QUANTITY, {}), (Scalar.INT_OR_STRING, []), (Scalar.STRING_MAP, "a")],
)
def test_output_of_another_type_is_an_error(scalar: Scalar, value: Any) -> None:
    if (scalar, value) == (Scalar.INT64, "7"):
        value = "seven"
    with pytest.raises(GraphQLError, match=f"^{scalar} cannot represent"):
        SCALARS[scalar].coerce_output_value(value)


@pytest.mark.parametrize(
    ("scalar", "text", "value"),
    [
        (Scalar.INT64, "9223372036854775807", 2**63 - 1),
        (Scalar.INT64, '"9223372036854775807"', 2**63 - 1),
        (Scalar.FLOAT, "3", 3),
        (Scalar.FLOAT, "3.0", 3.0),
        (Scalar.FLOAT, "9007199254740993", 2**53 + 1),
        (Scalar.FLOAT, "1e30", 1e30),
        (Scalar.QUANTITY, "2e3", "2e3"),
        (Scalar.QUANTITY, "1.10", "1.10"),
        (Scalar.QUANTITY, '"100m"', "100m"),
        (Scalar.INT_OR_STRING, "80", 80),
        (Scalar.INT_OR_STRING, '"80"', "80"),
        (Scalar.STRING_MAP, '{app: "web", gone: null}', {"app": "web", "gone": None}),
        (Scalar.JSON, "{b: 1, a: [null, 2.5]}", {"b": 1, "a": [None, 2.5]}),
        (Scalar.DATE_TIME, '"2026-01-31T09:30:00Z"', "2026-01-31T09:30:00Z"),
    ],
)
def test_literals_keep_their_value_and_type(scalar: Scalar, text: str, value: Any) -> None:
    found = literal(scalar, text)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("scalar", "text"),
    [
        (Scalar.INT64, "9223372036854775808"),
        (Scalar.INT64, "9" * 5000),
        (Scalar.QUANTITY, '"lots"'),
        (Scalar.JSON, "{a: WORD}"),
        (Scalar.JSON, "1e999"),
        (Scalar.STRING_MAP, "{a: 1}"),
        (Scalar.BASE64, "5"),
    ],
)
def test_a_wrong_literal_is_refused_with_its_location(scalar: Scalar, text: str) -> None:
    with pytest.raises(GraphQLError) as refusal:
        literal(scalar, text)
    assert refusal.value.nodes


def test_json_literals_may_hold_variables() -> None:
    query = (
        "query ($name: JSON, $none: JSON) { echo(value: {first: [$name], second: {deep: $name, no: $none}}) }"
    )

    assert echo(Scalar.JSON, query, name={"a-b": 2**60}) == {
        "first": [{"a-b": 2**60}],
        "second": {"deep": {"a-b": 2**60}},
    }


def test_string_maps_may_hold_variables() -> None:
    query = "query ($app: String!) { echo(value: {app: $app}) }"

    assert echo(Scalar.STRING_MAP, query, app="web") == {"app": "web"}


@given(json_values)
def test_any_json_survives_input_and_output(value: Any) -> None:
    result = echo(Scalar.JSON, "query ($value: JSON) { echo(value: $value) }", value=value)

    assert repr(result) == repr(value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_int64_survives_input_and_output(value: int) -> None:
    assert echo(Scalar.INT64, f"{{ echo(value: {value}) }}") == value
    assert echo(Scalar.INT64, "query ($value: Int64) { echo(value: $value) }", value=value) == value


def test_quantities_order_by_value() -> None:
    ascending = [
        "-1",
        "0",
        "1n",
        "999u",
        "1m",
        "100m",
        ".5",
        "1",
        "1k",
        "1Ki",
        "2e3",
        "1.5Gi",
        "1E",
        "1Ei",
        "2E18",
    ]

    descending = ascending[::-1]
    assert sorted(descending, key=parse_quantity) == ascending
    assert parse_quantity("1000m") == parse_quantity("1") == parse_quantity("1e0") == parse_quantity("+1.")


@given(st.integers(), st.sampled_from(["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]))
def test_quantities_are_exact(number: int, suffix: str) -> None:
    factor = 1024 ** (["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].index(suffix) + 1)

    assert int(parse_quantity(f"{number}{suffix}")) == number * factor


@pytest.mark.parametrize(
    "text", ["", "e3", "1e", "1ki", "1mi", ".", "+", "1.2.3", "1 ", " 1", "0x1", "1Ki\n", "٣"]
)
def test_an_invalid_quantity_raises(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)


@given(st.datetimes())
def test_any_point_in_time_is_rfc_3339(when: Any) -> None:
    assert is_rfc3339(f"{when.isoformat()}Z")
    assert not is_rfc3339(when.isoformat())
