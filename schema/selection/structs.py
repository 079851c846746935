"""A selection's tree as msgspec Structs: decoding JSON with them is the projection (design section 8).

What is not selected is skipped by the decoder and never becomes a Python object. Leaves have the
scalars' types, so a value that is not what the API promised fails the decode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct, defstruct

from schema.model import Scalar
from schema.selection.tree import Constant, Entry, Field, Leaf, Node, NonNull, Repeated, Value, nodes_below

__all__ = ["ReadStruct", "build_read_struct"]

NULL = Raw(b"null")
INT32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
INT64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
LEAVES: Mapping[Scalar, Any] = {
    Scalar.STRING: str,
    Scalar.BOOLEAN: bool,
    Scalar.INT: INT32,
    Scalar.FLOAT: float,
    Scalar.INT64: INT64,
    Scalar.DATE_TIME: str,
    Scalar.BASE64: str,
    Scalar.QUANTITY: INT64 | str,
    Scalar.INT_OR_STRING: INT64 | str,
    Scalar.STRING_MAP: dict[str, str | None],
    Scalar.JSON: Raw,
}


@dataclass(frozen=True, slots=True)
class ReadStruct:
    """The Struct that an object is decoded into.

    ``attributes`` and ``children`` are by key: where the value of a key is in the Struct, and the
    ReadStruct of the objects that it consists of, at whatever depth of lists. ``is_answer`` says that the
    Struct has the answer's own fields, names and order, and nobody else has a use for it.
    """

    struct: type[Struct]
    attributes: Mapping[str, str]
    children: Mapping[str, "ReadStruct"]
    is_answer: bool

    @property
    def answers(self) -> bool:
        """Whether encoding it gives the answer, all the way down."""
        return self.is_answer and all(child.answers for child in self.children.values())


def build_read_struct(nodes: Sequence[Node]) -> ReadStruct:
    """The Struct that has what all of ``nodes`` select of the same object."""
    by_key: dict[str, list[Value]] = {}
    for field in (field for node in nodes for field in node.fields):
        if not isinstance(field.value, Constant):
            by_key.setdefault(field.key, []).append(field.value)
    children = {
        key: build_read_struct(below) for key, values in by_key.items() if (below := nodes_below(values))
    }
    if len(nodes) == 1 and all(map(_is_as_read, nodes[0].fields)):
        types = {each.key: _read_type(each.value, children.get(each.key)) for each in nodes[0].fields}
        return _read_struct(nodes[0].type_name, types, children, is_answer=True)
    types = {key: _read_type(values[0], children.get(key)) for key, values in by_key.items()}
    return _read_struct(nodes[0].type_name, types, children, is_answer=False)


def _is_as_read(field: Field) -> bool:
    if isinstance(field.value, Entry) or field.response_name != field.key:
        return False
    return not isinstance(field.value, Constant) or field.key == "__typename"


def _read_struct(
    name: str, types: Mapping[str, tuple[Any, ...]], children: Mapping[str, ReadStruct], *, is_answer: bool
) -> ReadStruct:
    attributes = {key: f"field{index}" for index, key in enumerate(types)}
    struct = defstruct(
        name,
        [(attributes[key], *type_and_default) for key, type_and_default in types.items()],
        rename={attribute: key for key, attribute in attributes.items()},
        kw_only=True,
        gc=False,  # a tree has no cycles; the garbage collector need not look at 100,000 of them
    )
    return ReadStruct(struct, attributes, children, is_answer)


def _read_type(value: Value, child: ReadStruct | None) -> tuple[Any, ...]:
    """The type of a Struct's field and, where it may be absent, what it is then."""
    match value:
        case NonNull(of=of):
            return (_present_type(of, child),)
        case Constant(value=constant):
            # an object that has such a key of its own fails the decode
            return Literal[constant], constant
        case Leaf(scalar=Scalar.JSON):
            return Raw, NULL
        case Leaf(absent=absent):
            return _nullable_type(value, child), absent
    return _nullable_type(value, child), None


def _nullable_type(value: Value, child: ReadStruct | None) -> Any:
    match value:
        case NonNull(of=of):
            return _present_type(of, child)
        case Leaf(scalar=Scalar.JSON):
            return Raw  # holds a null as it holds anything else; a union with None would not decode
    return _present_type(value, child) | None


def _present_type(value: Value, child: ReadStruct | None) -> Any:
    match value:
        case Leaf(scalar=scalar):
            return LEAVES[scalar]
        case Entry():
            return LEAVES[Scalar.STRING_MAP]
        case Repeated(of=of):
            return list[_nullable_type(of, child)]  # type: ignore[misc]  # a type made at run time
    if child is None:
        raise TypeError(f"{value} is no value of a key")
    return child.struct
