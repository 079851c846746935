"""Introspection as JSON, written from the schema without execution.

graphql-core executes an introspection query field by field, which takes 5 s of CPU for the 12,000 types of
ten operators. Here the selection is compiled once: for each introspection type into a template of its JSON,
and for ``__Type`` into one template per kind of type, in which the fields of other kinds are constant. The
values come from the resolvers of graphql-core's introspection types, so the result equals graphql-core's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLType,
    TypeKind,
    introspection_types,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import get_argument_values

from schema.selection import NotCompilable, SelectionReader

__all__ = ["write_introspection"]

_Writer = Callable[[Any], bytes]

_COMPOSITE = frozenset((TypeKind.OBJECT, TypeKind.INTERFACE))
_KINDS_WITH: dict[str, frozenset[TypeKind]] = {
    "specifiedByURL": frozenset((TypeKind.SCALAR,)),
    "fields": _COMPOSITE,
    "interfaces": _COMPOSITE,
    "possibleTypes": frozenset((TypeKind.INTERFACE, TypeKind.UNION)),
    "enumValues": frozenset((TypeKind.ENUM,)),
    "inputFields": frozenset((TypeKind.INPUT_OBJECT,)),
    "isOneOf": frozenset((TypeKind.INPUT_OBJECT,)),
    "ofType": frozenset((TypeKind.LIST, TypeKind.NON_NULL)),
}
"""Fields of ``__Type`` that are null for all other kinds (GraphQL, 4.2.2)."""
_LISTS = frozenset(("fields", "interfaces", "possibleTypes", "enumValues", "inputFields"))
_INTROSPECTION_TYPE: Any = introspection_types["__Type"]
_encode = msgspec.json.Encoder().encode


def write_introspection(
    info: GraphQLResolveInfo[Any], details: list[FieldDetails], value: Any
) -> Iterator[bytes]:
    """The JSON of a selected root field ``__schema`` or ``__type``, in pieces of about one type each.

    ``value`` is the schema or the type, ``details`` the selection. Raises NotCompilable, also between two
    pieces, for what only graphql-core's own execution can answer.
    """
    type_ = introspection_types["__Schema" if isinstance(value, GraphQLSchema) else "__Type"]
    assert isinstance(type_, GraphQLObjectType)  # noqa: S101 (a table of graphql-core)
    compiler = _Compiler(info)
    entries = compiler.entries(type_, details)
    separator = b"{"
    for entry in entries:
        yield separator + entry.key
        yield from entry.pieces(value)
        separator = b","
    yield b"}" if entries else b"{}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One selected field: ``key`` is ``"name":``, ``write`` writes the value of the field of an object.

    ``items`` returns the items of a list, and ``write_item`` writes one of them.
    """

    name: str
    key: bytes
    write: _Writer
    items: Callable[[Any], Iterable[Any] | None] | None = None
    write_item: _Writer = _encode

    def pieces(self, source: Any) -> Iterator[bytes]:
        """The value of the field; that of a list item by item."""
        items = self.items(source) if self.items else None
        if items is None:
            yield self.write(source)
            return
        separator = b"["
        for item in items:
            yield separator + self.write_item(item)
            separator = b","
        yield b"[]" if separator == b"[" else b"]"


class _Compiler:
    """Compiles the selection of one field of one operation."""

    def __init__(self, info: GraphQLResolveInfo[Any]) -> None:
        self._info = info
        self._reader = SelectionReader(info)

    def entries(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> list[_Entry]:
        """The selected fields of the introspection type, in the order of the response."""
        selected = self._reader.collect(type_, details)
        return [self._entry(type_, name, group) for name, group in selected.items()]

    def _entry(self, type_: GraphQLObjectType, response_name: str, details: list[FieldDetails]) -> _Entry:
        name = details[0].node.name.value
        key = _encode(response_name) + b":"
        if name == "__typename":
            return _Entry(name, key, _constant(_encode(type_.name)))
        field = type_.fields[name]
        resolve = self._resolver(field, details[0])
        if (of_type := _item_type(field.type)) is None:
            write = self._writer(field.type, details)
            return _Entry(name, key, lambda source: write(resolve(source)))
        write_item = self._writer(of_type, details)
        write_list = _list(write_item)
        return _Entry(name, key, lambda source: write_list(resolve(source)), resolve, write_item)

    def _resolver(self, field: GraphQLField, details: FieldDetails) -> Callable[[Any], Any]:
        resolve, info = field.resolve, self._info
        if resolve is None:
            raise NotCompilable("an introspection field without a resolver")
        if not field.args:
            return lambda source: resolve(source, info)
        arguments = get_argument_values(
            field, details.node, self._reader.variables, details.fragment_variable_values
        )
        return lambda source: resolve(source, info, **arguments)

    def _writer(self, type_: GraphQLType, details: list[FieldDetails]) -> _Writer:
        match type_:
            case GraphQLNonNull(of_type=of_type):
                return _non_null(self._writer(of_type, details))
            case GraphQLObjectType(name="__Type"):
                return _type_writer(self.entries(type_, details))
            case GraphQLObjectType():
                return _nullable(_object(self.entries(type_, details)))
            case GraphQLEnumType():
                return _enum(type_)
            case GraphQLScalarType(name="String" | "Boolean"):
                return _encode
        raise NotCompilable(f"a value of type {type_}")


def _item_type(type_: GraphQLType) -> GraphQLType | None:
    """The type of the items if ``type_`` is a list, else None."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return inner.of_type if isinstance(inner, GraphQLList) else None


def _constant(value: bytes) -> _Writer:
    return lambda _: value


def _non_null(write: _Writer) -> _Writer:
    def write_non_null(value: Any) -> bytes:
        if value is None:
            raise NotCompilable("null where the introspection types forbid it")
        return write(value)

    return write_non_null


def _nullable(write: _Writer) -> _Writer:
    return lambda value: b"null" if value is None else write(value)


def _list(write: _Writer) -> _Writer:
    return _nullable(lambda values: b"[" + b",".join(map(write, values)) + b"]")


def _enum(type_: GraphQLEnumType) -> _Writer:
    names = {definition.value: _encode(name) for name, definition in type_.values.items()}
    return _nullable(names.__getitem__)


def _object(entries: list[_Entry]) -> _Writer:
    template = _template((entry.key, b"%b") for entry in entries)
    writers = [entry.write for entry in entries]
    return lambda value: template % tuple([write(value) for write in writers])


def _template(members: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(key.replace(b"%", b"%%") + value for key, value in members) + b"}"


def _type_writer(entries: list[_Entry]) -> _Writer:
    """A writer of ``__Type``. A named type without lists of its parts is written once, then remembered."""
    by_class: dict[type, _Writer] = {}
    remembered: dict[str, bytes] = {}
    remembers = _LISTS.isdisjoint(entry.name for entry in entries)

    def write(type_: Any) -> bytes:
        if type_ is None:
            return b"null"
        name = getattr(type_, "name", None) if remembers else None
        if name in remembered:
            return remembered[name]
        class_ = type(type_)
        write_kind = by_class.get(class_)
        if write_kind is None:
            write_kind = by_class[class_] = _kind_writer(entries, type_)
        written = write_kind(type_)
        if name is not None:
            remembered[name] = written
        return written

    return write


def _kind_writer(entries: list[_Entry], example: Any) -> _Writer:
    """A writer of the types that are of the same kind as ``example``."""
    kind = _kind_of(example)
    members: list[tuple[bytes, bytes]] = []
    writers: list[_Writer] = []
    for entry in entries:
        if kind not in _KINDS_WITH.get(entry.name, (kind,)):
            members.append((entry.key, b"null"))
        elif entry.name in ("kind", "__typename"):
            members.append((entry.key, entry.write(example)))
        else:
            members.append((entry.key, b"%b"))
            writers.append(entry.write)
    template = _template(members)
    return lambda type_: template % tuple([write(type_) for write in writers])


def _kind_of(type_: Any) -> TypeKind:
    kind: TypeKind = _INTROSPECTION_TYPE.fields["kind"].resolve(type_, None)
    return kind
