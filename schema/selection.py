"""Compiled selections: an operation's selection set as a decoder of Kubernetes JSON (design section 8).

``compile_list``, ``compile_object`` and ``compile_event`` make a :class:`Selection` of what a root field
selects. It decodes the API server's bytes into exactly the answer: selected fields under their response
names, in the response's order, absent values as null. graphql-core, executing the same operation over
the same JSON as dicts, gives the same answer. Where JSON is not what the schema promises the decode
raises :class:`SelectionMismatch`, and the caller leaves the value to graphql-core, which knows the
error and its path.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    assert_object_type,
    get_named_type,
)

from schema.model import Scalar
from schema.resources import GroupVersionKind
from schema.selection_answer import build_answer
from schema.selection_structs import build_read_struct
from schema.selection_tree import (
    Constant,
    Field,
    Leaf,
    Node,
    NotCompilable,
    SelectionReader,
    Value,
    below,
    details_of,
    nodes_below,
    with_node,
)

__all__ = [
    "Compiled",
    "Selection",
    "SelectionMismatch",
    "compile_event",
    "compile_list",
    "compile_object",
]

SELECTIONS = 256
TYPE_META = frozenset({"apiVersion", "kind"})
METADATA = TYPE_META | {"metadata"}


class SelectionMismatch(ValueError):
    """JSON that does not fit the types of the fields that are selected of it."""


class Compiled:
    """A completed value: the executor passes it through as it is; msgspec encodes it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Selection:
    """What is selected of a list or an object, ready to decode it.

    ``only_metadata`` says that nothing but the metadata of objects is read, so that the API server may
    be asked for ``PartialObjectMetadata``; their ``apiVersion`` and ``kind`` are then the served kind's,
    whatever the JSON says.
    """

    __slots__ = ("_answer", "_decoder", "_verbatim", "only_metadata")

    def __init__(self, tree: Node, only_metadata: bool) -> None:
        read = build_read_struct([tree])
        self.only_metadata = only_metadata
        self._decoder = msgspec.json.Decoder(read.struct)
        self._answer = build_answer(tree, read)
        self._verbatim = _has_json(tree)

    def decode(self, body: bytes) -> Any:
        """The answer, for msgspec to encode; it may hold on to ``body``. Raises SelectionMismatch."""
        try:
            if self._verbatim and not body.isascii():
                body.decode()  # JSON leaves reach the answer as the bytes they are: those must be text
            read = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SelectionMismatch(str(error)) from error
        return read if self._answer is None else self._answer([read])[0]

    def encode(self, body: bytes) -> bytes:
        """The answer as JSON. Raises SelectionMismatch."""
        return msgspec.json.encode(self.decode(body))


def compile_list(info: GraphQLResolveInfo[Any], kind: GroupVersionKind) -> Selection | None:
    """The selection of a field that answers with a List of objects of ``kind``; None where not compilable.

    Items get the ``apiVersion`` and ``kind`` that the API server leaves out of them.
    """
    tree = _tree(_read_answer, info)
    if tree is None:
        return None
    items = nodes_below([each.value for each in tree.fields if each.key == "items"])
    only_metadata = tree.keys() <= {"metadata", "items"} and all(map(_is_only_metadata, items))

    def fill(item: Node) -> Node:
        return _with_type_meta(item, kind, only_metadata)

    filled = tree.with_values(lambda each: with_node(each.value, fill) if each.key == "items" else each.value)
    return _compiled(filled, only_metadata)


def compile_object(info: GraphQLResolveInfo[Any], kind: GroupVersionKind) -> Selection | None:
    """The selection of a field that answers with an object of ``kind``; None where it is not compilable."""
    tree = _tree(_read_answer, info)
    return None if tree is None else _compiled_object(tree, kind)


def compile_event(info: GraphQLResolveInfo[Any], kind: GroupVersionKind) -> Selection | None:
    """What a field that answers with watch events selects of their ``object``.

    None where it is not compilable, not selected, or selected under several names.
    """
    tree = _tree(_read_event, info)
    return None if tree is None else _compiled_object(tree, kind)


def _tree(read: Callable[[GraphQLResolveInfo[Any]], Node], info: GraphQLResolveInfo[Any]) -> Node | None:
    """None where there is no tree, or where graphql-core has an error and a path to tell of instead."""
    try:
        return read(info)
    except (NotCompilable, GraphQLError, RecursionError):
        return None


def _read_answer(info: GraphQLResolveInfo[Any]) -> Node:
    return SelectionReader(info).node(_answer_type(info.return_type), details_of(info))


def _read_event(info: GraphQLResolveInfo[Any]) -> Node:
    reader, event_type = SelectionReader(info), _answer_type(info.return_type)
    selected = reader.collect(event_type, details_of(info)).values()
    objects = [each for each in selected if each[0].node.name.value == "object"]
    if len(objects) != 1:
        raise NotCompilable("a Selection is of one object")
    return reader.node(_answer_type(event_type.fields["object"].type), objects[0])


def _answer_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    return assert_object_type(get_named_type(type_))


def _compiled_object(tree: Node, kind: GroupVersionKind) -> Selection:
    only_metadata = _is_only_metadata(tree)
    return _compiled(_with_type_meta(tree, kind, only_metadata), only_metadata)


@lru_cache(maxsize=SELECTIONS)
def _compiled(tree: Node, only_metadata: bool) -> Selection:
    """Equal trees share a Selection: nothing in it belongs to a document or a revision of the schema."""
    return Selection(tree, only_metadata)


def _is_only_metadata(node: Node) -> bool:
    return node.keys() <= METADATA


def _with_type_meta(node: Node, kind: GroupVersionKind, known: bool) -> Node:
    """``apiVersion`` and ``kind`` of the served kind where they are absent, or at all where ``known``."""
    type_meta = {"apiVersion": kind.api_version, "kind": kind.kind}

    def fill(field: Field) -> Value:
        if field.key not in type_meta or field.value != Leaf(Scalar.STRING):
            return field.value
        value = type_meta[field.key]
        return Constant(value) if known else Leaf(Scalar.STRING, absent=value)

    return node.with_values(fill)


def _has_json(node: Node) -> bool:
    values = [each.value for each in node.fields]
    return any(below(each) == Leaf(Scalar.JSON) for each in values) or any(
        map(_has_json, nodes_below(values))
    )
