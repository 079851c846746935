"""The managers of an object's fields, from ``metadata.managedFields`` (KEP-555, "FieldsV1").

A FieldsV1 is a tree. The keys of a level are elements of paths: ``f:replicas`` is a field,
``k:{"name":"app"}`` an item of a list with keys, ``v:"x"`` a value of a set, ``i:3`` an index; ``.`` is the
place itself. The text of a path is that of the API server's conflicts (structured-merge-diff,
``fieldpath.Path.String``), without the leading dot: ``spec.template.spec.containers[name="app"].image``.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from schema.derivation import Derivation

__all__ = ["FIELD_OWNERS", "element_text", "field_paths", "read_field_owners"]

_ITSELF = "."
_NO_FIELDS = msgspec.Raw(b"{}")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
"""Go's short escapes (``strconv.Quote``)."""
_DECIMAL_EXPONENTS = range(-4, 6)
"""Go's ``%v`` writes a floating point number of another exponent in scientific notation."""


class _Entry(msgspec.Struct):
    """An entry of ``managedFields``."""

    manager: str | None = None
    operation: str | None = None
    subresource: str | None = None
    time: str | None = None
    fieldsV1: msgspec.Raw = _NO_FIELDS  # noqa: N815 (Kubernetes' name)


_ENTRIES = msgspec.json.Decoder(list[_Entry] | None)
_FIELDS = msgspec.json.Decoder(dict[str, Any] | None)


def read_field_owners(managed_fields: Sequence[msgspec.Raw]) -> list[list[dict[str, Any]]]:
    """The entries of each object's ``managedFields``, as ``FieldOwner`` in the API server's order.

    A ``FieldOwner`` has ``manager``, ``operation``, ``subresource``, ``time`` and ``paths``; absent values
    are None. Raises ``msgspec.DecodeError`` for JSON of another type.
    """
    known: dict[bytes, list[str]] = {}  # the objects of one controller have the same fields

    def paths_in(fields: msgspec.Raw) -> list[str]:
        text = bytes(fields)
        if text not in known:
            known[text] = field_paths(_FIELDS.decode(text) or {})
        return known[text]

    return [[_owner(entry, paths_in) for entry in _ENTRIES.decode(raw) or ()] for raw in managed_fields]


def _owner(entry: _Entry, paths_in: Callable[[msgspec.Raw], list[str]]) -> dict[str, Any]:
    return {
        "manager": entry.manager or None,
        "operation": entry.operation or None,
        "subresource": entry.subresource or None,
        "time": entry.time or None,
        "paths": paths_in(entry.fieldsV1),
    }


FIELD_OWNERS = Derivation((("metadata", "managedFields"),), read_field_owners)
"""The field ``fieldOwners`` of a Kubernetes object."""


def field_paths(fields: Mapping[str, Any]) -> list[str]:
    """The paths in a FieldsV1, in its order. Raises ``msgspec.DecodeError``.

    A place and the fields inside it are separate: a path is part of the answer only if the manager owns that
    place itself, as with an item of a list and its fields.
    """
    paths: list[str] = []
    _collect(fields, "", paths)
    return [path.removeprefix(".") for path in paths]


def _collect(fields: Any, above: str, paths: list[str]) -> None:
    if not isinstance(fields, Mapping):
        raise msgspec.ValidationError("an element of FieldsV1 has to be an object")
    for element, below in fields.items():
        if element == _ITSELF:
            paths.append(above)
            continue
        text = element_text(element)
        if text is None:  # of a later version: the API server skips it, too
            continue
        if below == {}:
            paths.append(above + text)
        else:
            _collect(below, above + text, paths)


def element_text(element: str) -> str | None:
    """One element of a path as text, with the dot in front of a field; None if its type is unknown.

    Raises msgspec.DecodeError for a key or a value that is not JSON.
    """
    write = _ELEMENTS.get(element[:2])
    return None if write is None else write(element[2:])


def _write_keys(text: str) -> str:
    keys = msgspec.json.decode(text, type=dict[str, Any])
    return f"[{','.join(f'{key}={_write_value(keys[key])}' for key in sorted(keys))}]"


_ELEMENTS: Mapping[str, Callable[[str], str]] = {
    "f:": lambda name: f".{name}",
    "k:": _write_keys,
    "v:": lambda text: f"[={_write_value(msgspec.json.decode(text))}]",
    "i:": lambda index: f"[{index}]",
}


def _write_value(value: Any) -> str:
    """A JSON value as structured-merge-diff's ``value.ToString`` writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return _quote(value)
        case float():
            return _write_float(value)
        case list():
            return f"[{','.join(map(_write_value, value))}]"
        case dict():
            return "".join(f"{key}={_write_value(item)}" for key, item in value.items())
    return str(value)


def _quote(text: str) -> str:
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _write_float(number: float) -> str:
    """The shortest digits that give the number again, as Go's ``%v`` places them."""
    decimal = Decimal(repr(number)).normalize()
    exponent = decimal.adjusted()
    if number == 0 or exponent in _DECIMAL_EXPONENTS:
        return f"{decimal:f}"
    return f"{decimal.scaleb(-exponent):f}e{exponent:+03d}"
