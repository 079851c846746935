"""Compiled selections with relations: the selected fields of an object, and of the objects related to it.

An :class:`ObjectPlan` has a selection of the object's own JSON, whose template has a hole for each relation,
and for each hole the selection below it, which is compiled when the kind of the related object is known.
Plans refer to the document and to the schema: they belong to one operation and are not cached. The selections
inside are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import get_argument_values

from schema.derivation import Derivation, derivation_of_kind
from schema.model import Scalar
from schema.relations import Relation, relation_of
from schema.resources import GroupVersionKind
from schema.selection.compile import is_only_metadata, plain_selection, with_type_meta
from schema.selection.decoder import Selection
from schema.selection.parts import EventField, EventSelection, event_selection
from schema.selection.templates import HoleColumn, TemplateSelection, template_selection
from schema.selection.tree import Derived, Field, Leaf, Node, NotCompilable, SelectionReader, details_of

__all__ = [
    "DOCUMENT",
    "DocumentHole",
    "EventPlan",
    "Hole",
    "ListPlan",
    "ObjectPlan",
    "Plans",
    "RelationHole",
    "plan_event",
    "plan_list",
    "plan_object",
]

Info = GraphQLResolveInfo[Any]
Plan = TypeVar("Plan")
DOCUMENT = "document"
"""The key of a field's extensions that names a form of the whole object: ``yaml`` or ``json``."""


@dataclass(frozen=True, slots=True, eq=False)
class DocumentHole:
    """The whole object; ``form`` is ``yaml`` or ``json``."""

    form: str


@dataclass(frozen=True, slots=True, eq=False)
class RelationHole:
    """The value of a relation; ``arguments`` are the arguments of its field."""

    relation: Relation
    arguments: Mapping[str, Any]
    below: "ListPlan | Plans"


Hole = DocumentHole | RelationHole


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPlan:
    """The selection of an object of ``kind``; a template numbers its holes by their index in ``holes``."""

    kind: GroupVersionKind
    selection: TemplateSelection
    holes: tuple[Hole, ...]

    @property
    def has_documents(self) -> bool:
        """Whether the whole object is selected."""
        return any(isinstance(hole, DocumentHole) for hole in self.holes)

    @property
    def needs_namespace(self) -> bool:
        """Whether a relation depends on the namespace of the object."""
        return any(isinstance(hole, RelationHole) and hole.relation.needs_namespace for hole in self.holes)

    def state(self, body: bytes) -> bytes:
        """The encoded fields of the object itself, for a comparison of two states of the object.

        Raises SelectionMismatch.
        """
        return body if self.has_documents else self.selection.encode(body)


@dataclass(slots=True, eq=False)
class Plans:
    """The selection set of an object whose kind is known once it is read; one plan for each kind."""

    info: Info
    type: GraphQLOutputType
    details: list[FieldDetails]
    _by_kind: dict[GroupVersionKind, ObjectPlan] = field(default_factory=dict)

    def of(self, kind: GroupVersionKind) -> ObjectPlan:
        """The plan for objects of a kind. Raises NotCompilable, GraphQLError."""
        if kind not in self._by_kind:
            self._by_kind[kind] = _plan(self.info, self._concrete(kind), self.details, kind)
        return self._by_kind[kind]

    @property
    def only_metadata(self) -> bool:
        """Whether the selection reads only metadata, for certain. Raises NotCompilable, GraphQLError."""
        named = get_named_type(self.type)
        if not isinstance(named, GraphQLObjectType):
            selections = [detail.node.selection_set for detail in self.details]
            if any(not isinstance(item, FieldNode) for of in selections if of for item in of.selections):
                return False  # fragments, perhaps on kinds
        return self.of(GroupVersionKind("", "", "")).selection.only_metadata

    def _concrete(self, kind: GroupVersionKind) -> GraphQLObjectType:
        named = get_named_type(self.type)
        if isinstance(named, GraphQLObjectType):
            return named
        concrete = self.info.schema.get_type(self.info.schema.extensions["types"].name_of(kind))
        if not isinstance(concrete, GraphQLObjectType):
            raise NotCompilable(f"no type of {kind}")
        return concrete


@dataclass(frozen=True, slots=True, eq=False)
class ListEntry:
    """One entry of a List under its response name: its items, or the value that ``of`` selects."""

    name: str
    of: Selection | None
    items: Plans | None

    @property
    def opening(self) -> bytes:
        """The JSON of the entry's name and colon."""
        return msgspec.json.encode(self.name) + b":"

    def own_value(self, envelope: bytes) -> bytes:
        """The JSON of a value that is not the items. Raises SelectionMismatch."""
        if self.of is None:
            return b"null"
        return self.of.encode(envelope)[len(self.opening) + 1 : -1]


@dataclass(frozen=True, slots=True, eq=False)
class ListPlan:
    """The selection of a List."""

    entries: tuple[ListEntry, ...]

    @property
    def items(self) -> tuple[Plans, ...]:
        """The selections of the items, one for each response name."""
        return tuple(entry.items for entry in self.entries if entry.items is not None)

    @property
    def only_metadata(self) -> bool:
        """Whether nothing but metadata is selected of the items."""
        return all(plans.only_metadata for plans in self.items)

    def encode(self, envelope: bytes, items: Sequence[bytes]) -> bytes:
        """The List from its own JSON and the encoded items, ``[…]``, for each of :attr:`items`."""
        encoded = iter(items)
        values = [
            entry.opening + (entry.own_value(envelope) if entry.items is None else next(encoded))
            for entry in self.entries
        ]
        return b"{" + b",".join(values) + b"}"


class _JoinReader(SelectionReader):
    """Reads a selection of an object of ``kind``; relations and documents become holes."""

    def __init__(self, info: Info, kind: GroupVersionKind) -> None:
        super().__init__(info)
        self._info = info
        self._kind = kind
        self.holes: list[Hole] = []

    def field(self, type_: GraphQLObjectType, response_name: str, details: list[FieldDetails]) -> Field:
        node = details[0].node
        field_ = type_.fields.get(node.name.value)
        if field_ is None:  # __typename
            return super().field(type_, response_name, details)
        relation, form = relation_of(field_), field_.extensions.get(DOCUMENT)
        if relation is not None:
            arguments = get_argument_values(field_, node, self.variables)
            below = _below(self._info, relation, field_.type, details)
            # of no value: of the kind, which every object has
            return self._hole(
                response_name, RelationHole(relation, arguments, below), relation.reads or (("kind",),)
            )
        if form is not None:
            # a key beside the metadata: the whole object is needed
            return self._hole(response_name, DocumentHole(form), ((form,),))
        derivation = derivation_of_kind(field_, self._kind.group, self._kind.kind)
        if derivation is not None:
            value = Derived(derivation, self._derived_value(field_.type, details))
            return Field(response_name, node.name.value, value)
        return super().field(type_, response_name, details)

    def _hole(self, response_name: str, hole: Hole, reads: tuple[tuple[str, ...], ...]) -> Field:
        self.holes.append(hole)
        derivation = Derivation(reads, HoleColumn(len(self.holes) - 1))
        return Field(response_name, response_name, Derived(derivation, Leaf(Scalar.JSON)))


def plan_object(info: Info, kind: GroupVersionKind) -> ObjectPlan | None:
    """The plan of a field that answers with an object of ``kind``; None if it is not compilable."""
    return _attempt(lambda: Plans(info, info.return_type, details_of(info)).of(kind))


def plan_list(info: Info) -> ListPlan | None:
    """The plan of a field that answers with a List; None if it is not compilable."""
    return _attempt(lambda: _plan_list(info, info.return_type, details_of(info)))


def _attempt(plan: Callable[[], Plan]) -> Plan | None:
    try:
        return plan()
    except (NotCompilable, GraphQLError, RecursionError):
        return None


def _below(
    info: Info, relation: Relation, type_: GraphQLOutputType, details: list[FieldDetails]
) -> ListPlan | Plans:
    return _plan_list(info, type_, details) if relation.to_many else Plans(info, type_, details)


def _plan(
    info: Info, type_: GraphQLObjectType, details: list[FieldDetails], kind: GroupVersionKind
) -> ObjectPlan:
    reader = _JoinReader(info, kind)
    tree = reader.node(type_, details)
    only_metadata = is_only_metadata(tree)
    if kind.kind:
        tree = with_type_meta(tree, kind, only_metadata)
    return ObjectPlan(kind, template_selection(tree, only_metadata), tuple(reader.holes))


def _plan_list(info: Info, type_: GraphQLOutputType, details: list[FieldDetails]) -> ListPlan:
    list_type = get_named_type(type_)
    if not isinstance(list_type, GraphQLObjectType):
        raise NotCompilable(str(type_))
    reader = SelectionReader(info)

    def entry(response_name: str, group: list[FieldDetails]) -> ListEntry:
        name = group[0].node.name.value
        if name == "items":
            return ListEntry(response_name, None, Plans(info, list_type.fields[name].type, group))
        own = Node(list_type.name, (reader.field(list_type, response_name, group),))
        return ListEntry(response_name, plain_selection(own, False), None)

    collected = reader.collect(list_type, details)
    return ListPlan(tuple(map(entry, collected.keys(), collected.values())))


@dataclass(frozen=True, slots=True, eq=False)
class EventPlan:
    """The selection of watch events; ``names`` and ``objects`` have an item for each selected object."""

    selection: EventSelection
    names: tuple[str, ...]
    objects: tuple[ObjectPlan, ...]

    @property
    def only_metadata(self) -> bool:
        """Whether the selections read only the metadata of objects."""
        return self.selection.only_metadata


def plan_event(info: Info, kind: GroupVersionKind) -> EventPlan | None:
    """The plan of a field that answers with watch events of objects of ``kind``; None if not compilable."""
    return _attempt(lambda: _plan_event(info, kind))


def _plan_event(info: Info, kind: GroupVersionKind) -> EventPlan:
    event_type = get_named_type(info.return_type)
    if not isinstance(event_type, GraphQLObjectType):
        raise NotCompilable(str(info.return_type))
    objects: dict[str, ObjectPlan] = {}
    fields: list[EventField] = []
    for response_name, group in SelectionReader(info).collect(event_type, details_of(info)).items():
        name = group[0].node.name.value
        if name == "object":
            plan = Plans(info, event_type.fields[name].type, group).of(kind)
            objects[response_name] = plan
            fields.append(EventField(response_name, name, plan.selection))
        else:
            fields.append(EventField(response_name, name))
    selection = event_selection(event_type.name, tuple(fields))
    return EventPlan(selection, tuple(objects), tuple(objects.values()))
