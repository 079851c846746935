"""Sizes of selections and of answers, so that a small document cannot cause unbounded work.

- :func:`count_fields` counts the fields of a selection set with its fragments expanded: thirty fragments that
  each spread the next one twice select a billion fields.
- :func:`exceeds` bounds an answer before it is encoded: thousands of aliases of one large value share one
  Python object, and the encoded answer repeats it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

__all__ = ["count_fields", "exceeds"]


def count_fields(
    selection_sets: Iterable[SelectionSetNode | None], fragments: Mapping[str, FragmentDefinitionNode]
) -> int:
    """The number of selected fields; a fragment counts once for each of its spreads.

    An upper bound: ``@skip`` and ``@include`` are ignored, and so is the merging of equal fields. Raises
    RecursionError for fragments that are nested too deeply or spread themselves.
    """
    of_fragment: dict[str, int] = {}

    def count(selection_set: SelectionSetNode | None) -> int:
        total = 0
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FragmentSpreadNode):
                total += count_spread(selection.name.value)
            elif isinstance(selection, FieldNode | InlineFragmentNode):
                total += isinstance(selection, FieldNode) + count(selection.selection_set)
        return total

    def count_spread(name: str) -> int:
        if name not in of_fragment:
            fragment = fragments.get(name)
            of_fragment[name] = count(fragment.selection_set if fragment else None)
        return of_fragment[name]

    return sum(map(count, selection_sets))


class _Exceeded(Exception):
    """The size is over the limit."""


def exceeds(value: Any, most: int) -> bool:
    """Whether the JSON of ``value`` has more than ``most`` bytes for certain.

    ``value`` consists of JSON types, msgspec Structs and ``msgspec.Raw``. The size is a lower bound: escapes
    and keys of objects do not count.
    """
    sizes: dict[int, int] = {}

    def size_of(value: Any) -> int:
        if isinstance(value, str):
            return len(value) + 2
        if isinstance(value, msgspec.Raw):
            return memoryview(value).nbytes
        if not isinstance(value, dict | list | msgspec.Struct):
            return 1
        if id(value) not in sizes:
            sizes[id(value)] = size_of_all(_members(value))
        return sizes[id(value)]

    def size_of_all(values: Iterable[Any]) -> int:
        total = 1  # two brackets, and one comma less than values
        for value in values:
            total += size_of(value) + 1
            if total > most:
                raise _Exceeded
        return total

    try:
        return size_of(value) > most
    except _Exceeded:
        return True


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list):
        return value
    return (getattr(value, name) for name in value.__struct_fields__)
