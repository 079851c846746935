"""The scalars: Kubernetes' leaf values in GraphQL, without loss.

Input is refused here only if Kubernetes' own parsers would refuse it, so that the error has its place in the
query. Output is the value that the API server sent; a value that does not fit its type is an error of that
field and is never changed.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from math import isfinite
from typing import Any

from graphql import (
    BooleanValueNode,
    ConstValueNode,
    EnumValueNode,
    FloatValueNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    print_ast,
)
from graphql.type.scalars import parse_int_literal

from schema.model import Scalar

__all__ = ["SCALARS", "is_rfc3339", "parse_quantity"]

_INT64 = range(-(2**63), 2**63)
_EXACT_IN_FLOAT = 2**53
_LINE_BREAKS = {ord(character): None for character in "\r\n"}
_INT_CHARACTERS = 20
_MAX_DIGITS = 4000  # below Python's limit for the conversion (4,300)

Coercion = Callable[[Any], Any]


# resource.Quantity in k8s.io/apimachinery: a decimal number, then a binary suffix (Ki … Ei), a decimal one
# (n … E) or an exponent
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,9}))?"
)
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def parse_quantity(text: str) -> Decimal:
    """The exact value of a quantity. Raises ValueError if Kubernetes would refuse it."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a quantity: {text[:40]!r}")
    number = Decimal(match["number"])
    # enough digits for the product: the value is exact
    context = Context(prec=len(text) + 20, Emax=MAX_EMAX, Emin=MIN_EMIN)
    if match["binary"]:
        return context.multiply(number, Decimal(_BINARY[match["binary"]]))
    exponent = _DECIMAL[match["decimal"]] if match["decimal"] else int(match["exponent"] or 0)
    return number.scaleb(exponent, context)


_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def is_rfc3339(text: str) -> bool:
    """Whether the text is a valid date, time of day and offset, as the API server parses RFC 3339."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(match[1])
    except ValueError:
        return False
    return True


def _refusal(scalar: Scalar, value: object, expected: str) -> GraphQLError:
    text = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."
    return GraphQLError(f"{scalar} cannot represent {text}: {expected}.")


def _integer(scalar: Scalar, value: object, expected: str) -> int:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_FLOAT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
        raise _refusal(scalar, value, expected)
    return value


def _number(value: object, expected: str) -> int | float:
    """A number as it is: an integer keeps all its digits and stays an integer."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    raise _refusal(Scalar.FLOAT, value, expected)


def _number_in(value: object) -> int | float:
    return _number(value, "expected a number")


def _number_out(value: object) -> int | float:
    return _number(value, "the API server's value is not a number")


def _int64_in(value: object) -> int:
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    if isinstance(value, str) and digits.isascii() and digits.isdigit() and len(digits) <= 19:
        value = int(value)
    return _integer(Scalar.INT64, value, "expected a 64-bit integer, or a string of its digits")


def _int64_out(value: object) -> int:
    return _integer(Scalar.INT64, value, "the API server's value is not a 64-bit integer")


def _int_or_string(value: object) -> int | str:
    if isinstance(value, str):
        return value
    return _integer(Scalar.INT_OR_STRING, value, "expected an integer or a string")


# Custom resources and built-in kinds differ, and both are more lenient than RFC 3339: Go's time.Parse reads a
# comma and an hour of one digit, CRD validation reads any separator of the fraction and any offset.
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt](?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_LEAP_YEAR = 2000


def _is_date_time(text: str) -> bool:
    """Whether the API server accepts the text as a time, in a built-in kind or in a custom resource."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    try:
        date(year or _LEAP_YEAR, month, day)  # Python has no year 0, which is a leap year
    except ValueError:
        return False
    return True


def _date_time_in(value: object) -> str:
    if isinstance(value, str) and _is_date_time(value):
        return value
    raise _refusal(Scalar.DATE_TIME, value, "expected RFC 3339, such as 2026-01-31T09:30:00Z")


def _base64_in(value: object) -> str:
    if isinstance(value, str):
        try:
            # like Go's decoder, which skips line breaks
            base64.b64decode(value.translate(_LINE_BREAKS), validate=True)
        except (binascii.Error, ValueError):
            pass
        else:
            return value
    raise _refusal(Scalar.BASE64, value, "expected base64 in the standard alphabet, with padding")


def _quantity_in(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return str(value)
    if isinstance(value, str):
        try:
            parse_quantity(value.strip(" "))  # resource.Quantity trims spaces
        except ValueError:
            pass
        else:
            return value
    raise _refusal(Scalar.QUANTITY, value, "expected a quantity, such as 100m, 1.5Gi or 2e3")


def _quantity_out(value: object) -> str | int | float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    raise _refusal(Scalar.QUANTITY, value, "the API server's value is not a quantity")


def _string_map(value: object) -> Mapping[str, str | None]:
    if not isinstance(value, dict):
        raise _refusal(Scalar.STRING_MAP, value, "expected an object whose values are strings")
    for key, entry in value.items():
        # null in a patch deletes the key
        if not (entry is None or isinstance(entry, str)):
            raise _refusal(Scalar.STRING_MAP, entry, f"expected a string or null at {key!r}")
    return value


def _json_in(value: Any) -> Any:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, float) and not isfinite(item):
            raise _refusal(Scalar.JSON, item, "JSON has no such number")
        if isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return value


def _json_out(value: Any) -> Any:
    return value


def _text_out(scalar: Scalar) -> Coercion:
    def coerce(value: object) -> str:
        if isinstance(value, str):
            return value
        raise _refusal(scalar, value, "the API server's value is not a string")

    return coerce


def _plain(node: ValueNode) -> Any:
    """The JSON value of a constant literal, with its keys in order."""
    match node:
        case NullValueNode():
            return None
        case IntValueNode(value=digits):
            if len(digits) > _MAX_DIGITS:
                raise GraphQLError(f"A number of {len(digits)} digits is too long.", node)
            return int(digits)
        case FloatValueNode(value=digits):
            return float(digits)
        case StringValueNode(value=value) | BooleanValueNode(value=value):
            return value
        case ListValueNode(values=values):
            return [_plain(item) for item in values]
        case ObjectValueNode(fields=fields):
            return {field.name.value: _plain(field.value) for field in fields}
    if isinstance(node, EnumValueNode):
        raise GraphQLError(f"The value {node.value} is not JSON; a string is written in quotes.", node)
    raise GraphQLError(f"{print_ast(node)} is not a constant.", node)


def _literal_in(coerce: Coercion) -> Callable[[ConstValueNode], Any]:
    def coerce_literal(node: ConstValueNode) -> Any:
        try:
            return coerce(_plain(node))
        except GraphQLError as error:
            raise GraphQLError(error.message, error.nodes or _located(node)) from error

    return coerce_literal


def _located(node: ValueNode) -> ValueNode | NameNode:
    """The node, or the first node inside it that has a location.

    graphql-core rebuilds lists and objects without a location to substitute the values of variables.
    """
    inside: Iterable[ValueNode | NameNode] = ()
    if isinstance(node, ListValueNode):
        inside = map(_located, node.values)
    elif isinstance(node, ObjectValueNode):
        inside = (field.name for field in node.fields)
    return node if node.loc else next((inner for inner in inside if inner.loc), node)


def _quantity_literal(node: ConstValueNode) -> str:
    # keeps the digits of the literal: no conversion to float
    if isinstance(node, IntValueNode | FloatValueNode):
        return _quantity_in(node.value)
    return str(_literal_in(_quantity_in)(node))


def _scalar(
    scalar: Scalar,
    description: str,
    url: str,
    *,
    coerce_in: Coercion,
    coerce_out: Coercion,
    literal_in: Callable[[ConstValueNode], Any] | None = None,
) -> GraphQLScalarType:
    return GraphQLScalarType(
        scalar.value,
        coerce_output_value=coerce_out,
        coerce_input_value=coerce_in,
        coerce_input_literal=literal_in or _literal_in(coerce_in),
        description=description,
        specified_by_url=url,
    )


def _int() -> GraphQLScalarType:
    """GraphQL's Int, which refuses literals of any length.

    Changes graphql-core's own instance, for the reason that :func:`_float` gives.
    """

    def parse(node: ValueNode) -> int:
        if isinstance(node, IntValueNode) and len(node.value) > _INT_CHARACTERS:
            start = node.value[:_INT_CHARACTERS]
            raise GraphQLError(f"Int cannot represent non 32-bit signed integer value: {start}….", node)
        return parse_int_literal(node)

    GraphQLInt.coerce_input_literal = parse
    return GraphQLInt


def _float() -> GraphQLScalarType:
    """GraphQL's Float, without its conversion: that rounds integers above 2^53, and 3 becomes 3.0.

    Changes graphql-core's own instance, since graphql-core allows no second type of that name and its
    utilities (sorting a schema) replace another instance by this one.
    """
    GraphQLFloat.coerce_output_value = _number_out
    GraphQLFloat.coerce_input_value = _number_in
    GraphQLFloat.coerce_input_literal = _literal_in(_number_in)
    return GraphQLFloat


SCALARS: Mapping[Scalar, GraphQLScalarType] = {
    Scalar.STRING: GraphQLString,
    Scalar.BOOLEAN: GraphQLBoolean,
    Scalar.INT: _int(),
    Scalar.FLOAT: _float(),
    Scalar.INT64: _scalar(
        Scalar.INT64,
        "A 64-bit signed integer, as a JSON number of up to 19 digits. A JavaScript number is exact only"
        " up to 2^53. Input may also be a string of digits.",
        "https://spec.openapis.org/registry/format/int64",
        coerce_in=_int64_in,
        coerce_out=_int64_out,
    ),
    Scalar.DATE_TIME: _scalar(
        Scalar.DATE_TIME,
        "A point in time in RFC 3339, as a string: `2026-01-31T09:30:00Z`. Fractions of a second are kept.",
        "https://www.rfc-editor.org/rfc/rfc3339",
        coerce_in=_date_time_in,
        coerce_out=_text_out(Scalar.DATE_TIME),
    ),
    Scalar.BASE64: _scalar(
        Scalar.BASE64,
        "Bytes, as a string of base64 in the standard alphabet, with padding.",
        "https://www.rfc-editor.org/rfc/rfc4648#section-4",
        coerce_in=_base64_in,
        coerce_out=_text_out(Scalar.BASE64),
    ),
    Scalar.QUANTITY: _scalar(
        Scalar.QUANTITY,
        "An amount of a resource, as a string: a number with an optional suffix, `100m`, `1.5Gi`, `2e3`."
        " Input may also be a number.",
        "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/",
        coerce_in=_quantity_in,
        coerce_out=_quantity_out,
        literal_in=_quantity_literal,
    ),
    Scalar.INT_OR_STRING: _scalar(
        Scalar.INT_OR_STRING,
        "An integer or a string, each kept as it is: `8080`, `\"http\"`, `\"25%\"`.",
        "https://pkg.go.dev/k8s.io/apimachinery/pkg/util/intstr#IntOrString",
        coerce_in=_int_or_string,
        coerce_out=_int_or_string,
    ),
    Scalar.STRING_MAP: _scalar(
        Scalar.STRING_MAP,
        "An object whose values are strings, such as labels: `{app: \"web\"}`. Keys that are not GraphQL"
        " names need a variable. In a patch, null deletes a key.",
        "https://spec.openapis.org/oas/v3.0.3#model-with-map-dictionary-properties",
        coerce_in=_string_map,
        coerce_out=_string_map,
    ),
    Scalar.JSON: _scalar(
        Scalar.JSON,
        "Any JSON value as it is: an object is an object, never a string of JSON. Keys keep their order.",
        "https://www.rfc-editor.org/rfc/rfc8259",
        coerce_in=_json_in,
        coerce_out=_json_out,
    ),
}  # fmt: skip
