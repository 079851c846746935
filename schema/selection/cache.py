"""Compilations kept with the parsed document that they are of.

A server parses a document once and runs it often; its field nodes are then the same objects each time.
What was compiled of a field is forgotten with its document, or with the schema that it was compiled for,
whichever goes first.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from graphql import FieldNode, GraphQLResolveInfo, GraphQLSchema

from schema.selection.tree import SelectionReader

__all__ = ["CompilationCache"]

VARIANTS = 32  # of one field, by the values of its variables: a bound against a client that tries them all

Result = TypeVar("Result")


class CompilationCache:
    """What was compiled of each field of each document, for the values of its Boolean variables.

    Those are the only variables that ``@include`` and ``@skip`` use. A selection that takes anything else
    from a variable is not kept.
    """

    def __init__(self) -> None:
        self._by_schema: WeakKeyDictionary[
            GraphQLSchema, WeakKeyDictionary[FieldNode, dict[tuple[Any, ...], Any]]
        ] = WeakKeyDictionary()

    def compiled(
        self,
        info: GraphQLResolveInfo[Any],
        arguments: tuple[Any, ...],
        compile_selection: Callable[[SelectionReader], Result],
    ) -> Result:
        """What ``compile_selection`` makes of the field; ``arguments`` are all else that it depends on."""
        variants = self._by_schema.setdefault(info.schema, WeakKeyDictionary()).setdefault(
            info.field_nodes[0], {}
        )
        reader = SelectionReader(info)
        key = (*map(id, info.field_nodes), *arguments, reader.booleans)
        if key in variants:
            found: Result = variants[key]
            return found
        made = compile_selection(reader)
        if reader.is_repeatable:
            if len(variants) >= VARIANTS:
                variants.clear()
            variants[key] = made
        return made

    def count(self, schema: GraphQLSchema) -> int:
        """How many compilations are kept for that schema."""
        return sum(map(len, self._by_schema.get(schema, {}).values()))
