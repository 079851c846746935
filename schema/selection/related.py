"""Which selections have relations: fields whose values are read by further requests."""

from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
)

from schema.memory import WeakFieldCache
from schema.relations import relation_of

__all__ = ["selects_relations"]

_KEY = "selects relations"
_cache = WeakFieldCache()


def selects_relations(info: GraphQLResolveInfo[Any]) -> bool:
    """Whether the field's selection has a relation at any depth, ``@include`` and ``@skip`` aside."""
    cached = _cache.of_field(info.schema, info.field_nodes[0])
    key = (_KEY, *map(id, info.field_nodes))
    if key not in cached:
        search = _Search(info.schema, info)
        type_ = get_named_type(info.return_type)
        cached[key] = any(search.finds(type_, node.selection_set) for node in info.field_nodes)
    return bool(cached[key])


class _Search:
    """Visits each fragment once."""

    def __init__(self, schema: GraphQLSchema, info: GraphQLResolveInfo[Any]) -> None:
        self._schema = schema
        self._fragments = info.fragments
        self._seen: set[str] = set()

    def finds(self, type_: object, selection_set: SelectionSetNode | None) -> bool:
        """Whether the selection set on the type has a relation. Raises RecursionError for deep nesting."""
        if selection_set is None or not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            return False
        for selection in selection_set.selections:
            match selection:
                case FieldNode():
                    if self._in_field(type_, selection):
                        return True
                case InlineFragmentNode(type_condition=condition):
                    inner = self._schema.get_type(condition.name.value) if condition else type_
                    if self.finds(inner, selection.selection_set):
                        return True
                case FragmentSpreadNode():
                    if self._in_fragment(selection.name.value):
                        return True
        return False

    def _in_field(self, type_: GraphQLObjectType | GraphQLInterfaceType, node: FieldNode) -> bool:
        field = type_.fields.get(node.name.value)
        if field is None:
            return False
        return relation_of(field) is not None or self.finds(get_named_type(field.type), node.selection_set)

    def _in_fragment(self, name: str) -> bool:
        fragment = self._fragments.get(name)
        if fragment is None or name in self._seen:
            return False
        self._seen.add(name)
        return self.finds(self._schema.get_type(fragment.type_condition.name.value), fragment.selection_set)
