"""A selection's tree as a decoder: the API server's bytes become the answer.

:class:`Selection` decodes JSON into the selected fields under their response names, in the response's order,
with null for absent values. graphql-core gives the same answer when it executes the operation over the same
JSON as dicts; tests hold this equivalence. If the JSON does not fit the declared types, decoding raises
:class:`SelectionMismatch`; the caller then leaves the value to graphql-core, which reports the error with
its path.

Two steps:

- The msgspec Struct into which an object is decoded (``_ReadStruct``). Decoding *is* the projection: the
  decoder skips unselected values, so they never become Python objects. Leaves have the scalars' types.
- A ``Column`` turns decoded objects into answers where the two differ (aliases, renamed properties,
  entries of maps, derived values). It processes all objects of one level at once, so that the loops run in
  C: 5,000 objects cost about a millisecond per renamed level.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct, defstruct

from schema.confidential import Confidential
from schema.derivation import ABSENT
from schema.model import Scalar
from schema.selection.projection import projection
from schema.selection.size import exceeds
from schema.selection.tree import (
    Constant,
    Derived,
    Entry,
    Field,
    Leaf,
    Node,
    NonNull,
    Repeated,
    Value,
    nodes_in,
    unwrap,
)

__all__ = ["AnswerTooLarge", "Selection", "SelectionMismatch"]

_INT32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_INT64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_LEAVES: Mapping[Scalar, Any] = {
    Scalar.STRING: str,
    Scalar.BOOLEAN: bool,
    Scalar.INT: _INT32,
    Scalar.FLOAT: int | float,  # an integer keeps its digits: float would round it above 2^53
    Scalar.INT64: _INT64,
    Scalar.DATE_TIME: str,
    Scalar.BASE64: str,
    Scalar.QUANTITY: _INT64 | str,
    Scalar.INT_OR_STRING: _INT64 | str,
    Scalar.STRING_MAP: dict[str, str | None],
    Scalar.JSON: Raw,
}

_JSON = Leaf(Scalar.JSON)

Column = Callable[[list[Any]], list[Any]]


class SelectionMismatch(ValueError):
    """JSON that does not fit the types of the selected fields."""


class AnswerTooLarge(Exception):
    """The encoded answer has more bytes than its limit."""


class Selection:
    """The compiled selection of a list or an object.

    ``only_metadata`` says that the selection reads only the metadata of objects, so that the caller may
    request ``PartialObjectMetadata``. ``apiVersion`` and ``kind`` are then the served kind's own. ``width``
    is the number of leaves of the selection.
    """

    __slots__ = ("_answer", "_decoder", "_list_decoder", "_struct", "_verbatim", "only_metadata", "width")

    def __init__(self, tree: Node, *, only_metadata: bool = False) -> None:
        read = _build_read_struct([tree])
        self.only_metadata = only_metadata
        self.width = _count_leaves(tree)
        self._struct = read.struct
        self._decoder = msgspec.json.Decoder(read.struct)
        self._list_decoder: msgspec.json.Decoder[Any] | None = None
        self._answer = _build_answer(tree, read)
        self._verbatim = _has_json(tree)

    def decode(self, body: bytes) -> Any:
        """The answer, for msgspec to encode; it may reference ``body``. Raises SelectionMismatch."""
        try:
            if self._verbatim and not body.isascii():
                body.decode()  # JSON leaves are copied verbatim: they must be valid UTF-8
            return self._answers([self._decoder.decode(body)])[0]
        except (ValueError, RecursionError) as error:  # also msgspec's DecodeError and UnicodeDecodeError
            raise SelectionMismatch(str(error)) from error

    def decode_each(self, bodies: Sequence[bytes]) -> list[Any]:
        """As :meth:`decode`, for many objects: the answers of all are built together, column by column."""
        try:
            if self._verbatim:
                for body in bodies:
                    if not body.isascii():
                        body.decode()
            return self._answers(list(map(self._decoder.decode, bodies)))
        except (ValueError, RecursionError) as error:
            raise SelectionMismatch(str(error)) from error

    def decode_list(self, body: bytes) -> list[Any]:
        """As :meth:`decode_each`, for the objects of a List."""
        if self._list_decoder is None:
            items = ("items", list[self._struct] | None, None)  # type: ignore[name-defined]
            self._list_decoder = msgspec.json.Decoder(defstruct("List", [items], gc=False))
        try:
            if self._verbatim and not body.isascii():
                body.decode()
            return self._answers(self._list_decoder.decode(body).items or [])
        except (ValueError, RecursionError) as error:
            raise SelectionMismatch(str(error)) from error

    def encode(self, body: bytes, most: int | None = None) -> bytes:
        """The answer as JSON. Raises SelectionMismatch; AnswerTooLarge beyond ``most`` bytes, approximately.

        The limit is checked before encoding; it takes effect only on answers that repeat values of ``body``.
        """
        answer = self.decode(body)
        if most is not None and self.width * len(body) > most and exceeds(answer, most):
            raise AnswerTooLarge
        return msgspec.json.encode(answer)

    def _answers(self, read: list[Any]) -> list[Any]:
        return read if self._answer is None else self._answer(read)


def _count_leaves(node: Node) -> int:
    inner = nodes_in([_selected(field.value) for field in node.fields])
    return len(node.fields) - len(inner) + sum(map(_count_leaves, inner))


def _selected(value: Value) -> Value:
    return unwrap(value.of) if isinstance(value, Derived) else value


def _has_json(node: Node) -> bool:
    values = [field.value for field in node.fields]
    return any(isinstance(value, Derived) or unwrap(value) == _JSON for value in values) or any(
        map(_has_json, nodes_in(values))
    )


@dataclass(frozen=True, slots=True)
class _ReadStruct:
    """The Struct into which an object is decoded.

    ``attributes`` and ``children`` are by key: the Struct's attribute, and the ReadStruct of the objects
    inside the value, at any depth of lists. ``raw`` are the keys with values that one part of the answer
    reads as JSON and another one by its type: they are decoded as JSON, then once more by their type.
    ``is_answer`` says that the Struct has the fields, names and order of the answer, and that no other part
    of the answer reads it.
    """

    struct: type[Struct]
    attributes: Mapping[str, str]
    children: Mapping[str, "_ReadStruct"]
    raw: frozenset[str]
    is_answer: bool

    @property
    def encodes_answer(self) -> bool:
        """Whether encoding a decoded object gives the answer, at every level."""
        return self.is_answer and all(child.encodes_answer for child in self.children.values())


def _build_read_struct(selected: Sequence[Node]) -> _ReadStruct:
    """The Struct with all fields that the trees ``selected`` read of one object."""
    nodes = [*selected, *(read for node in selected for read in _derived_reads(node))]
    by_key: dict[str, list[Value]] = {}
    for field in (field for node in nodes for field in node.fields):
        if not isinstance(field.value, Constant | Derived):
            by_key.setdefault(field.key, []).append(field.value)
    children = {
        key: _build_read_struct(inner) for key, values in by_key.items() if (inner := nodes_in(values))
    }
    if len(nodes) == 1 and all(map(_is_as_read, nodes[0].fields)):
        types = {field.key: _read_type(field.value, children.get(field.key)) for field in nodes[0].fields}
        return _define_struct(nodes[0].type_name, types, children, is_answer=True)
    raw = frozenset(key for key, values in by_key.items() if _JSON in values and {*values} != {_JSON})
    types = {
        key: _read_type(_JSON if key in raw else values[0], children.get(key))
        for key, values in by_key.items()
    }
    return _define_struct(nodes[0].type_name, types, children, raw, is_answer=False)


def _derived_reads(node: Node) -> list[Node]:
    values = [field.value for field in node.fields]
    return [read for value in values if isinstance(value, Derived) for read in value.reads()]


def _is_as_read(field: Field) -> bool:
    if isinstance(field.value, Entry | Derived) or field.response_name != field.key:
        return False
    return not isinstance(field.value, Constant) or field.key == "__typename"


def _define_struct(
    name: str,
    types: Mapping[str, tuple[Any, ...]],
    children: Mapping[str, _ReadStruct],
    raw: frozenset[str] = frozenset(),
    *,
    is_answer: bool,
) -> _ReadStruct:
    attributes = {key: f"field{index}" for index, key in enumerate(types)}
    struct = defstruct(
        name,
        [(attributes[key], *type_and_default) for key, type_and_default in types.items()],
        rename={attribute: key for key, attribute in attributes.items()},
        kw_only=True,
        bases=(Confidential, Struct),
        gc=False,  # a tree has no cycles: the garbage collector skips these objects
    )
    return _ReadStruct(struct, attributes, children, raw, is_answer)


def _read_type(value: Value, child: _ReadStruct | None) -> tuple[Any, ...]:
    """The type of a Struct's field and, if the key may be absent, its default."""
    match value:
        case NonNull(of=of):
            return (_present_type(of, child),)
        case Constant(value=constant):
            # an object that has such a key of its own fails to decode
            return Literal[constant], constant
        case Leaf(scalar=Scalar.JSON):
            return Raw, ABSENT
        case Leaf(absent=absent):
            return _nullable_type(value, child), absent
    return _nullable_type(value, child), None


def _nullable_type(value: Value, child: _ReadStruct | None) -> Any:
    match value:
        case NonNull(of=of):
            return _present_type(of, child)
        case Leaf(scalar=Scalar.JSON):
            return Raw  # includes null; msgspec cannot decode a union of Raw and None
    return _present_type(value, child) | None


def _present_type(value: Value, child: _ReadStruct | None) -> Any:
    match value:
        case Leaf(scalar=scalar):
            return _LEAVES[scalar]
        case Entry():
            return _LEAVES[Scalar.STRING_MAP]
        case Repeated(of=of):
            return list[_nullable_type(of, child)]  # type: ignore[misc]  # a type made at run time
    if child is None:
        raise TypeError(f"{value} is no value of a key")
    return child.struct


def _build_answer(node: Node, read: _ReadStruct) -> Column | None:
    """The conversion from objects read as ``read`` to answers; None if the objects are the answers."""
    if read.encodes_answer:
        return None
    if read.is_answer:
        return _in_place(node, read)
    names = [f"field{index}" for index in range(len(node.fields))]
    answer = defstruct(
        node.type_name,
        [(name, Any) for name in names],
        rename={name: field.response_name for name, field in zip(names, node.fields, strict=True)},
        bases=(Confidential, Struct),
        gc=False,
    )
    return _rows(answer, [_column(field, read) for field in node.fields])


def _in_place(node: Node, read: _ReadStruct) -> Column:
    """Only nested values differ: the objects stay and get new values."""
    changes = [
        (repeat(read.attributes[field.key]), _column(field, read))
        for field in node.fields
        if field.key in read.children and not read.children[field.key].encodes_answer
    ]

    def build(objects: list[Any]) -> list[Any]:
        for attribute, column in changes:
            deque(map(setattr, objects, attribute, column(objects)), maxlen=0)
        return objects

    return build


def _rows(answer: type[Struct], columns: list[Column]) -> Column:
    if not columns:  # every field is skipped: an object without fields
        return lambda objects: [answer() for _ in objects]

    def build(objects: list[Any]) -> list[Any]:
        return list(map(answer, *(column(objects) for column in columns)))

    return build


def _column(field: Field, read: _ReadStruct) -> Column:
    match field.value:
        case Constant(value=constant):
            return lambda objects: [constant] * len(objects)
        case Derived():
            return _derived_column(field.value, read)
    get = _reader(field.key, field.value, read)
    convert = _conversion(field.value, read.children.get(field.key))
    if convert is None:
        return get
    return lambda objects: convert(get(objects))


def _reader(key: str, value: Value, read: _ReadStruct) -> Column:
    """The values of a key, which have the type of ``value``."""
    get = attrgetter(read.attributes[key])
    if key not in read.raw or value == _JSON:
        return lambda objects: list(map(get, objects))
    type_, *absent = _read_type(value, read.children.get(key))
    decode = msgspec.json.Decoder(type_).decode
    return lambda objects: [
        absent[0] if absent and body is ABSENT else decode(body) for body in map(get, objects)
    ]


def _derived_column(derived: Derived, read: _ReadStruct) -> Column:
    inputs = [_path_column(node, read) for node in derived.reads()]
    function, project = derived.derivation.function, projection(derived.of)

    def column(objects: list[Any]) -> list[Any]:
        values = function(*(column(objects) for column in inputs)) if objects else []
        return values if project is None else list(map(project, values))

    return column


def _path_column(node: Node, read: _ReadStruct) -> Column:
    """The JSON at the end of a chain of nodes."""
    (field,) = node.fields
    get = _reader(field.key, field.value, read)
    if not isinstance(field.value, Node):
        return get
    inner = _present(_path_column(field.value, read.children[field.key]))
    return lambda objects: [ABSENT if body is None else body for body in inner(get(objects))]


def _conversion(value: Value, child: _ReadStruct | None) -> Column | None:
    """The conversion from read values to answers; None if they are the same."""
    match value:
        case NonNull(of=of):
            return _conversion(of, child)
        case Entry(name=name):
            return _present(lambda maps: [entries.get(name) for entries in maps])
        case Repeated(of=of):
            convert = _conversion(of, child)
            return None if convert is None else _present(_lists(convert))
        case Node() if child is not None:
            convert = _build_answer(value, child)
            return None if convert is None else _present(convert)
    return None


def _present(convert: Column) -> Column:
    """The same conversion, with None left as None."""

    def build(column: list[Any]) -> list[Any]:
        if None not in column:
            return convert(column)
        answers = iter(convert([value for value in column if value is not None]))
        return [None if value is None else next(answers) for value in column]

    return build


def _lists(convert: Column) -> Column:
    """The conversion of lists: one call for the items of all lists."""

    def build(column: list[Any]) -> list[Any]:
        answers = convert(list(chain.from_iterable(column)))
        bounds = list(accumulate(map(len, column), initial=0))
        return list(map(answers.__getitem__, map(slice, bounds, bounds[1:])))

    return build
