"""YAML scalars → JSON values, as kubectl resolves them.

kubectl reads YAML with ``sigs.k8s.io/yaml``: YAML 1.1 with exceptions. ``yes``, ``on`` and ``y`` are
booleans, ``014`` and ``0o14`` are 12, ``1_000`` is 1000; base 60 and timestamps stay text. The rules here
were compared with kubectl 1.36. The result is JSON, so that ``.inf`` and ``.nan`` are errors.
"""

import base64
import binascii
import re
from typing import Any

__all__ = ["UnreadableScalar", "json_number", "key_text", "resolve_plain", "resolve_tagged"]

_TAGS = "tag:yaml.org,2002:"
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"([-+]?)(?:(0[xX][0-9a-fA-F]+)|(0[oO]?[0-7]+)|(0[bB][01]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOTTED_FLOAT = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?")
_FIRST_OF_NUMBERS = frozenset("+-0123456789")
_BASES = {2: 16, 3: 8, 4: 2, 5: 10}
"""The base of each group of digits in :data:`_INTEGER`."""
_INT64 = range(-(2**63), 2**63)
_LONGEST_NUMBER = 400
"""Characters. A longer number overflows a float, and parsing takes quadratic time."""


class UnreadableScalar(ValueError):
    """A scalar that is no value of JSON, or not one of its tag."""


def resolve_plain(text: str) -> Any:
    """The value of a plain scalar without a tag. Raises UnreadableScalar."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first in _FIRST_OF_NUMBERS or first == ".":
        if _NOT_FINITE.fullmatch(text):
            raise UnreadableScalar(f"{text} is not a number of JSON")
        return _number(text, first)
    return text


def resolve_tagged(tag: str, text: str) -> Any:
    """The value of a scalar with a tag; a tag that kubectl does not know leaves the text.

    Raises UnreadableScalar.
    """
    short = tag.removeprefix(_TAGS) if tag.startswith(_TAGS) else ""
    match short:
        case "binary":
            return _binary(text)
        case "int" | "float" | "bool" | "null":
            value = resolve_plain(text)
            if not _has_type(value, short):
                raise UnreadableScalar(f"{text[:80]!r} is not of the type !!{short}")
            return value
    return text


def json_number(text: str) -> int | float:
    """The value of a number in JSON, as kubectl passes it on: 1.0 as 1. Raises UnreadableScalar."""
    if len(text) <= _LONGEST_NUMBER:
        number = _float(text)
        if not isinstance(number, str):
            exact = int(text) if text.lstrip("-").isdigit() else number
            return exact if exact in _INT64 else number
    raise UnreadableScalar("a number is too large")


def key_text(value: Any) -> str:
    """The key of a JSON object for a scalar key of YAML. Raises UnreadableScalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise UnreadableScalar("null is not a key")
    return repr(value)


def _number(text: str, first: str) -> Any:
    if len(text) > _LONGEST_NUMBER:
        return text
    if first == ".":
        return _float(text) if _DOTTED_FLOAT.fullmatch(text) else text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        group = match.lastindex or 0
        digits = match[group]
        number = int(digits[2:] if digits[1:2].isalpha() else digits, _BASES[group])
        number = -number if match[1] == "-" else number
        # kubectl decodes larger integers as floating point numbers
        return number if number in _INT64 else float(number)
    return _float(plain, text) if _FLOAT.fullmatch(plain) else text


def _float(number: str, text: str | None = None) -> Any:
    value = float(number)
    if value in (float("inf"), float("-inf")):
        return number if text is None else text
    # encoding to JSON drops the fraction .0, so that 1e3 and 2.0 are integers
    return int(value) if value.is_integer() and int(value) in _INT64 else value


def _has_type(value: Any, tag: str) -> bool:
    match tag:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
    return value is None


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise UnreadableScalar("the value of !!binary is not text in base64") from error
