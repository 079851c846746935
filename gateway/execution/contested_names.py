"""Contested short names: several kinds claim one name, and one of them or none has it.

An error about a field below such a name names the other kinds, because the client may mean one of them: with
the CRDs of CloudNativePG and Velero installed, ``backups`` belongs to the older one.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode

from schema.lowering import RESERVED_FIELDS
from schema.model import Model, ServedResource
from schema.verbs import FieldVerb, Operation, spec_of

__all__ = ["ContestedNames", "name_table"]


class _Claimant(NamedTuple):
    group: str
    pinned: str

    def __str__(self) -> str:
        return f"`{self.pinned}` of {self.group or 'core'}"


class ContestedNames:
    """The contested short names of one model. No name is contested in most clusters."""

    def __init__(self, model: Model) -> None:
        self._owners: dict[tuple[Operation, str], _Claimant] = {}
        self._losers: defaultdict[tuple[Operation, str], list[_Claimant]] = defaultdict(list)
        for served in model.resources:
            for verb, name in served.short.items():
                self._owners[spec_of(verb).operation, name] = _claimant(served, verb)
            for verb, name in served.lost.items():
                self._losers[spec_of(verb).operation, name].append(_claimant(served, verb))

    @property
    def ties(self) -> list[str]:
        """The names that several kinds claim and none has, sorted."""
        return sorted({name for operation, name in self._losers if self._is_tie(operation, name)})

    def _is_tie(self, operation: Operation, name: str) -> bool:
        return (operation, name) not in self._owners and name not in RESERVED_FIELDS

    def explain(self, document: DocumentNode, errors: list[GraphQLError]) -> list[GraphQLError]:
        """The errors; an error at or below a contested root field says which kinds claim the name."""
        if not self._losers:
            return errors
        fields = list(_root_fields(document))
        return [self._explain(error, fields) for error in errors]

    def _explain(self, error: GraphQLError, fields: list[tuple[Operation, FieldNode]]) -> GraphQLError:
        for operation, field in fields:
            hint = self._hint(operation, field.name.value) if _is_inside(error, field) else ""
            if hint:
                return GraphQLError(f"{error.message} {hint}", error.nodes, extensions=error.extensions)
        return error

    def _hint(self, operation: Operation, name: str) -> str:
        losers = self._losers.get((operation, name))
        if not losers:
            return ""
        others = ", ".join(map(str, losers))
        if self._is_tie(operation, name):
            return f"Several kinds claim `{name}`, so it belongs to none of them: use {others}."
        owner = self._owners.get((operation, name), "the gateway's own field")
        return f"`{name}` is {owner}; other kinds that claim the name: {others}."


def _claimant(served: ServedResource, verb: FieldVerb) -> _Claimant:
    return _Claimant(served.resource.gvr.group, served.pinned[verb])


def _root_fields(document: DocumentNode) -> Iterator[tuple[Operation, FieldNode]]:
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            for selection in definition.selection_set.selections:
                if isinstance(selection, FieldNode):
                    yield Operation[definition.operation.name], selection


def _is_inside(error: GraphQLError, field: FieldNode) -> bool:
    span = field.loc
    return span is not None and any(
        node.loc is not None and span.start <= node.loc.start < span.end for node in error.nodes or ()
    )


def name_table(model: Model) -> str:
    """A table of all root fields of resources: operation, resource, short name and pinned name.

    ``-`` stands for no short name. A short name that another kind has, or none, is in parentheses.
    """
    rows = [("OPERATION", "RESOURCE", "SHORT NAME", "PINNED NAME"), *_name_rows(model)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _name_rows(model: Model) -> Iterator[tuple[str, str, str, str]]:
    for served in model.resources:
        for verb, pinned in served.pinned.items():
            lost = f"({served.lost[verb]})" if verb in served.lost else "-"
            operation = spec_of(verb).operation.value.lower()
            yield operation, str(served.resource.gvr), served.short.get(verb, lost), pinned
