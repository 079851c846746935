"""The entry point: compiles the selection set of a root field, and caches the result.

Every function returns None if the selection is not compilable: a selected field has a resolver of its own
(``yaml``, ``json``), or graphql-core has an error to report. The caller then decodes plain JSON and
graphql-core executes the selection.

Two caches save work:

- :class:`CompilationCache` finds the compilation of a parsed document's field without reading its selection
  set. A server parses a document once and runs it often, with the same field nodes.
- Equal trees give the same Selection for any document, request and schema revision (LRU).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails

from schema.memory import WeakFieldCache
from schema.model import Scalar
from schema.resources import GroupVersionKind
from schema.selection.decoder import Selection
from schema.selection.parts import EventField, EventSelection, ListField, ListSelection, event_selection
from schema.selection.tree import (
    Constant,
    Field,
    Leaf,
    Node,
    NotCompilable,
    SelectionReader,
    Value,
    details_of,
    nodes_in,
    replace_node,
)

__all__ = [
    "CompilationCache",
    "compile_event",
    "compile_list",
    "compile_list_parts",
    "compile_object",
    "compile_part",
    "is_only_metadata",
    "plain_selection",
    "with_type_meta",
]

MAX_SELECTIONS = 256
# per field, by the values of its Boolean variables: bounds a client that tries all combinations
MAX_VARIANTS = 32
_TYPE_META = frozenset({"apiVersion", "kind"})

Info = GraphQLResolveInfo[Any]
Result = TypeVar("Result")


class CompilationCache:
    """Compilations by schema, field node and the values of the operation's Boolean variables.

    ``@include`` and ``@skip`` use only Boolean variables. A selection that depends on any other variable is
    not cached.
    """

    def __init__(self) -> None:
        self._fields = WeakFieldCache()

    def compiled(
        self, info: Info, arguments: tuple[Any, ...], compile_selection: Callable[[SelectionReader], Result]
    ) -> Result:
        """The result of ``compile_selection`` for the field.

        ``arguments`` are all other values on which the result depends.
        """
        variants = self._fields.of_field(info.schema, info.field_nodes[0])
        reader = SelectionReader(info)
        key = (*map(id, info.field_nodes), *arguments, reader.booleans)
        if key in variants:
            cached: Result = variants[key]
            return cached
        result = compile_selection(reader)
        if reader.is_repeatable:
            if len(variants) >= MAX_VARIANTS:
                variants.clear()
            variants[key] = result
        return result

    def count(self, schema: GraphQLSchema) -> int:
        """The number of cached compilations for a schema."""
        return self._fields.count(schema)


_COMPILED = CompilationCache()


def compile_list(info: Info, kind: GroupVersionKind) -> Selection | None:
    """Compile a field that answers with a List of objects of ``kind``.

    Items get ``apiVersion`` and ``kind``, which the API server omits in lists.
    """
    return _cached(info, kind, _list)


def compile_list_parts(info: Info, kind: GroupVersionKind) -> ListSelection | None:
    """Compile the same field as :func:`compile_list`, for a List that is put together from parts."""
    return _cached(info, kind, _list_parts)


def compile_object(info: Info, kind: GroupVersionKind) -> Selection | None:
    """Compile a field that answers with an object of ``kind``."""
    return _cached(info, kind, _answer)


def compile_event(info: Info, kind: GroupVersionKind) -> EventSelection | None:
    """Compile a field that answers with watch events of objects of ``kind``."""
    return _cached(info, kind, _event)


def compile_part(
    reader: SelectionReader, type_: GraphQLOutputType, details: list[FieldDetails], kind: GroupVersionKind
) -> Selection:
    """Compile an object of ``kind`` inside of an answer; ``details`` select its fields.

    Raises NotCompilable, GraphQLError.
    """
    tree = reader.node(_answer_type(type_), details)
    only_metadata = is_only_metadata(tree)
    return plain_selection(with_type_meta(tree, kind, only_metadata), only_metadata)


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

    return _COMPILED.compiled(info, (compile_selection, kind), attempt)


def _answer(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> Selection:
    return compile_part(reader, info.return_type, details_of(info), kind)


def _list(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> Selection:
    return plain_selection(*_list_tree(reader, info, kind))


def _list_tree(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> tuple[Node, bool]:
    """The tree, and whether it reads only metadata."""
    tree = reader.node(_answer_type(info.return_type), details_of(info))
    items = nodes_in([field.value for field in tree.fields if field.key == "items"])
    only_metadata = tree.keys() <= {"metadata", "items"} and all(map(is_only_metadata, items))

    def fill(field: Field) -> Value:
        if field.key != "items":
            return field.value
        return replace_node(field.value, lambda item: with_type_meta(item, kind, only_metadata))

    return tree.with_values(fill), only_metadata


def _list_parts(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> ListSelection:
    tree, only_metadata = _list_tree(reader, info, kind)

    def part(field: Field) -> ListField:
        of = plain_selection(replace(tree, fields=(field,)), only_metadata)
        item = next(iter(nodes_in([field.value] if field.key == "items" else [])), None)
        return ListField(field, of, None if item is None else plain_selection(item, only_metadata))

    return ListSelection(tuple(map(part, tree.fields)), only_metadata)


def _event(reader: SelectionReader, info: Info, kind: GroupVersionKind) -> EventSelection:
    event_type = _answer_type(info.return_type)

    def compile_field(response_name: str, details: list[FieldDetails]) -> EventField:
        name = details[0].node.name.value
        if name != "object":
            return EventField(response_name, name)
        return EventField(
            response_name, name, compile_part(reader, event_type.fields[name].type, details, kind)
        )

    collected = reader.collect(event_type, details_of(info))
    return event_selection(event_type.name, tuple(map(compile_field, collected.keys(), collected.values())))


def _answer_type(type_: GraphQLOutputType) -> GraphQLObjectType:
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType):
        raise NotCompilable("the object itself determines its type")
    return named


@lru_cache(maxsize=MAX_SELECTIONS)
def plain_selection(tree: Node, only_metadata: bool) -> Selection:
    """The selection of a tree; equal trees have one (LRU)."""
    return Selection(tree, only_metadata=only_metadata)


def is_only_metadata(node: Node) -> bool:
    """Whether an object's fields are of its metadata, or its type meta."""
    return node.keys() <= _TYPE_META | {"metadata"}


def with_type_meta(node: Node, kind: GroupVersionKind, known: bool) -> Node:
    """The node with the served kind's type meta: as default values, or as constants if ``known``."""
    type_meta = {"apiVersion": kind.api_version, "kind": kind.kind}

    def fill(field: Field) -> Value:
        if field.key not in type_meta or field.value != Leaf(Scalar.STRING):
            return field.value
        value = type_meta[field.key]
        return Constant(value) if known else Leaf(Scalar.STRING, absent=value)

    return node.with_values(fill)
