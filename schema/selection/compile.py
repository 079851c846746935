"""The selection set of a root field, compiled.

Each function answers None where a selection is not compilable, because a selected field has a resolver of
its own (``yaml``, ``json``) or because graphql-core has an error to tell of: then plain JSON and
graphql-core's execution are the answer. Equal selections are the same Selection, whatever the document,
the request or the revision of the schema; the least recently used are forgotten. What a field of a parsed
document was compiled to is found again without looking at its selection set.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from graphql import GraphQLError, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo, get_named_type
from graphql.execution.collect_fields import FieldDetails

from schema.model import Scalar
from schema.resources import GroupVersionKind
from schema.selection.cache import CompilationCache
from schema.selection.compiled import Selection
from schema.selection.event import EventField, EventSelection, event_selection
from schema.selection.lists import ListField, ListSelection
from schema.selection.tree import (
    Constant,
    Field,
    Leaf,
    Node,
    NotCompilable,
    SelectionReader,
    Value,
    details_of,
    nodes_below,
    with_node,
)

__all__ = ["compile_event", "compile_list", "compile_list_parts", "compile_object"]

SELECTIONS = 256
TYPE_META = frozenset({"apiVersion", "kind"})

COMPILED = CompilationCache()

Info = GraphQLResolveInfo[Any]
Result = TypeVar("Result")


def compile_list(info: Info, kind: GroupVersionKind) -> Selection | None:
    """The selection of a field that answers with a List of objects of ``kind``.

    Items get the ``apiVersion`` and ``kind`` that the API server leaves out of them.
    """
    return _cached(info, kind, _list)


def compile_list_parts(info: Info, kind: GroupVersionKind) -> ListSelection | None:
    """The same as :func:`compile_list`, for a List that is put together here."""
    return _cached(info, kind, _list_parts)


def compile_object(info: Info, kind: GroupVersionKind) -> Selection | None:
    """The selection of a field that answers with an object of ``kind``."""
    return _cached(info, kind, _answer)


def compile_event(info: Info, kind: GroupVersionKind) -> EventSelection | None:
    """The selection of a field that answers with watch events of objects of ``kind``."""
    return _cached(info, kind, _event)


def _cached(
    info: Info,
    kind: GroupVersionKind,
    compile_selection: Callable[[SelectionReader, Info, GroupVersionKind], Result],
) -> Result | None:
    def attempt(reader: SelectionReader) -> Result | None:
        try:
            return compile_selection(reader, info, kind)
        except (NotCompilable, GraphQLError, RecursionError):
            return None

    return COMPILED.compiled(info, (compile_selection, kind), attempt)


def _answer(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> Selection:
    return _object(reader, info.return_type, details_of(info), kind)


def _list(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> Selection:
    return _selection(*_list_tree(reader, info, kind))


def _list_tree(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> tuple[Node, bool]:
    """The tree, and whether it reads nothing but metadata."""
    tree = reader.node(_answer_type(info.return_type), details_of(info))
    items = nodes_below([each.value for each in tree.fields if each.key == "items"])
    only_metadata = tree.keys() <= {"metadata", "items"} and all(map(_is_only_metadata, items))

    def fill(item: Node) -> Node:
        return _with_type_meta(item, kind, only_metadata)

    filled = tree.with_values(lambda each: with_node(each.value, fill) if each.key == "items" else each.value)
    return filled, only_metadata


def _list_parts(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> ListSelection:
    tree, only_metadata = _list_tree(reader, info, kind)

    def part(field: Field) -> ListField:
        of = _selection(replace(tree, fields=(field,)), only_metadata)
        item = next(iter(nodes_below([field.value] if field.key == "items" else [])), None)
        return ListField(field, of, None if item is None else _selection(item, only_metadata))

    return ListSelection(tuple(map(part, tree.fields)), only_metadata)


def _object(
    reader: SelectionReader, type_: GraphQLOutputType, details: list[FieldDetails], kind: GroupVersionKind
) -> Selection:
    tree = reader.node(_answer_type(type_), details)
    only_metadata = _is_only_metadata(tree)
    return _selection(_with_type_meta(tree, kind, only_metadata), only_metadata)


def _event(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> EventSelection:
    event_type = _answer_type(info.return_type)

    def compile_field(response_name: str, details: list[FieldDetails]) -> EventField:
        name = details[0].node.name.value
        if name != "object":
            return EventField(response_name, name)
        return EventField(response_name, name, _object(reader, event_type.fields[name].type, details, kind))

    collected = reader.collect(event_type, details_of(info))
    return event_selection(event_type.name, tuple(map(compile_field, collected.keys(), collected.values())))


def _answer_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType):
        raise NotCompilable("which type an object has, only the object can say")
    return named


@lru_cache(maxsize=SELECTIONS)
def _selection(tree: Node, only_metadata: bool) -> Selection:
    return Selection(tree, only_metadata=only_metadata)


def _is_only_metadata(node: Node) -> bool:
    return node.keys() <= TYPE_META | {"metadata"}


def _with_type_meta(node: Node, kind: GroupVersionKind, known: bool) -> Node:
    """``apiVersion`` and ``kind`` of the served kind where they are absent, or at all where ``known``."""
    type_meta = {"apiVersion": kind.api_version, "kind": kind.kind}

    def fill(field: Field) -> Value:
        if field.key not in type_meta or field.value != Leaf(Scalar.STRING):
            return field.value
        value = type_meta[field.key]
        return Constant(value) if known else Leaf(Scalar.STRING, absent=value)

    return node.with_values(fill)
