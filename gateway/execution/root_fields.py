"""The names of root fields, which of them are identical, and which cause the same upstream request."""

import asyncio
from collections import Counter

from graphql import FieldNode, Node, print_ast
from graphql.execution.collect_fields import GroupedFieldSet
from graphql.pyutils import Path

from gateway.resolvers.limits import SharedSlot

__all__ = ["count_requests", "find_leaders", "response_name", "root_of_item", "shared_slots"]

_LOCAL_FIELDS = frozenset({"__typename", "__schema", "__type", "resources"})
"""Root fields that cause no upstream request."""


def response_name(node: FieldNode) -> str:
    """The field's key in the response."""
    return (node.alias or node.name).value


def root_of_item(path: Path) -> str | None:
    """The root field of an item of a List, ``pods.items.0``; None for another path."""
    items = path.prev
    root = items.prev if items else None
    if root is None or root.prev is not None or not isinstance(path.key, int):
        return None
    return str(root.key)


def find_leaders(grouped_field_set: GroupedFieldSet) -> dict[str, str]:
    """By response name: the response name of the first root field that is identical except for its alias."""
    counts = Counter(details[0].node.name.value for details in grouped_field_set.values())
    first: dict[tuple[str, ...], str] = {}
    leaders = {}
    for name, details in grouped_field_set.items():
        if counts[details[0].node.name.value] > 1 and details[0].fragment_variable_values is None:
            leader = first.setdefault(tuple(_without_alias(item.node) for item in details), name)
            if leader != name:
                leaders[name] = leader
    return leaders


def _without_alias(node: FieldNode) -> str:
    if node.loc is None or node.name.loc is None:
        text = print_ast(node)
        return text if node.alias is None else text.removeprefix(f"{node.alias.value}: ")
    # a tenth of the time; texts that differ in spaces are not merged
    return node.loc.source.body[node.name.loc.start : node.loc.end]


def shared_slots(fields: GroupedFieldSet, slots: asyncio.Semaphore) -> dict[str, SharedSlot]:
    """By response name: one slot for all root fields with the same request, if there are several."""
    by_request: dict[tuple[str, ...], list[str]] = {}
    for name, details in fields.items():
        by_request.setdefault(_request_of(details[0].node), []).append(name)
    found: dict[str, SharedSlot] = {}
    for names in by_request.values():
        if len(names) > 1:
            found |= dict.fromkeys(names, SharedSlot(slots, len(names)))
    return found


def _request_of(node: FieldNode) -> tuple[str, ...]:
    """Equal for root fields that cause the same upstream request: the name and the arguments."""
    return node.name.value, *map(_text_of, node.arguments or ())


def _text_of(node: Node) -> str:
    return print_ast(node) if node.loc is None else node.loc.source.body[node.loc.start : node.loc.end]


def count_requests(fields: GroupedFieldSet, serially: bool) -> int:
    """A lower bound of the upstream requests: one per mutation, one per query field and arguments."""
    nodes = [details[0].node for details in fields.values()]
    upstream = [node for node in nodes if node.name.value not in _LOCAL_FIELDS]
    if serially:
        return len(upstream)
    return len(set(map(_request_of, upstream)))
