"""Compiled selections: a selection set becomes a decoder of Kubernetes JSON.

Three steps lead from an operation to its answer: :mod:`~schema.selection.tree` collects the selected fields,
:mod:`~schema.selection.decoder` turns them into msgspec Structs that decode the API server's bytes straight
into the answer, and :mod:`~schema.selection.parts` puts answers together from parts (watch events, lists in
pages). :mod:`~schema.selection.compile` is the entry point and caches the compiled selections.
:mod:`~schema.selection.results` has the marks by which a resolver hands such an answer to the executor, and
:mod:`~schema.selection.size` bounds selections and answers; :mod:`~schema.selection.related` finds selections
with relations.

Resolvers, I/O and the execution of operations do not belong here.
"""

from schema.selection.compile import (
    compile_event,
    compile_list,
    compile_list_parts,
    compile_object,
    compile_part,
)
from schema.selection.decoder import AnswerTooLarge, Selection, SelectionMismatch
from schema.selection.joined import (
    DOCUMENT,
    DocumentHole,
    EventPlan,
    ListPlan,
    ObjectPlan,
    Plans,
    RelationHole,
    plan_event,
    plan_list,
    plan_object,
)
from schema.selection.parts import EventField, EventSelection, ListField, ListSelection, event_selection
from schema.selection.related import selects_relations
from schema.selection.results import Compiled, LargeSource, SharedSource, WithErrors
from schema.selection.size import count_fields, exceeds
from schema.selection.templates import HOLE, SEPARATOR, fill, hole_paths
from schema.selection.tree import (
    Derived,
    Field,
    Leaf,
    Node,
    NonNull,
    NotCompilable,
    Repeated,
    SelectionReader,
    details_of,
)

__all__ = [
    "DOCUMENT",
    "HOLE",
    "SEPARATOR",
    "AnswerTooLarge",
    "Compiled",
    "Derived",
    "DocumentHole",
    "EventField",
    "EventPlan",
    "EventSelection",
    "Field",
    "LargeSource",
    "Leaf",
    "ListField",
    "ListPlan",
    "ListSelection",
    "Node",
    "NonNull",
    "NotCompilable",
    "ObjectPlan",
    "Plans",
    "RelationHole",
    "Repeated",
    "Selection",
    "SelectionMismatch",
    "SelectionReader",
    "SharedSource",
    "WithErrors",
    "compile_event",
    "compile_list",
    "compile_list_parts",
    "compile_object",
    "compile_part",
    "count_fields",
    "details_of",
    "event_selection",
    "exceeds",
    "fill",
    "hole_paths",
    "plan_event",
    "plan_list",
    "plan_object",
    "selects_relations",
]
