"""Definitions → drafts of object types; an unchanged definition is not lowered again.

No content of a document makes this raise: a schema that cannot be typed becomes JSON and a problem.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from schema.lowering.repeats import CustomResources
from schema.lowering.structures import Structure
from schema.lowering.values import (
    MAX_DEPTH,
    OBJECT_KEYS,
    Draft,
    PlacedValues,
    Site,
    is_any_object,
    text_of,
)
from schema.lowering.well_known import DISGUISED_SCALARS, OBJECT_META, STAND_INS
from schema.model import Definition, Problem, Property, Scalar, TypeExpression
from schema.openapi import Definitions, MalformedSchema, Schema, parse_schema
from schema.resources import GroupVersionKind

__all__ = ["Lowered", "Lowering"]

_KIND_PROPERTIES = (
    Property("apiVersion", "apiVersion", Scalar.STRING),
    Property("kind", "kind", Scalar.STRING),
    Property("metadata", "metadata", Definition(OBJECT_META)),
)


@dataclass(frozen=True, slots=True)
class Lowered:
    """The result of lowering one definition that is an object, and everything on which it depends.

    ``drafts`` are the object itself, then the objects inside it; they are never modified. The objects inside
    a custom resource are ``structures`` instead, by id. ``references`` are the types of the other
    definitions, None for missing ones.
    """

    raw: msgspec.Raw
    is_custom: bool
    drafts: tuple[Draft, ...]
    structures: Mapping[str, Structure]
    references: Mapping[str, TypeExpression | None]
    problems: tuple[Problem, ...]


class Lowering:
    """Turns definitions into drafts; every definition that a draft refers to becomes a draft, too.

    ``custom`` are the ids of the custom resources; their results are in :attr:`custom`. ``before`` is the
    ``lowered`` of an earlier Lowering. It only saves time: the results are equal without it.
    """

    def __init__(
        self, definitions: Definitions, custom: Collection[str], before: Mapping[str, Lowered]
    ) -> None:
        self._definitions = definitions
        self._custom = custom
        self._custom_resources = CustomResources(self)
        self._before = before
        self._types: dict[str, TypeExpression] = {}
        self._defining: list[str] = []
        self._pending: deque[Callable[[], None]] = deque()
        self.drafts: dict[str, Draft] = {}
        self.problems: list[Problem] = []
        self.lowered: dict[str, Lowered] = {}
        self.custom: dict[str, Lowered] = {}

    def kind(self, id_: str, kind: GroupVersionKind) -> None:
        """Make the definition a draft of a kind, and add the properties of every object if it lacks them."""
        if id_ not in self._definitions:
            self.problems.append(Problem(id_, "no schema in the API server's OpenAPI documents"))
        if id_ not in self.drafts and not self.definition(id_):
            self.drafts[id_] = Draft(id_, id_, ())
        draft = self.drafts[id_]
        if kind not in draft.kinds:
            draft.kinds += (kind,)

    def definition(self, id_: str) -> bool:
        """Make the definition a draft; False if it does not exist or is not an object."""
        if id_ not in self._definitions:
            return False
        return self._definition(id_) == Definition(id_)

    def stand_in(self, id_: str) -> None:
        """Make the definition a draft; if no document has it as an object, from its minimal form."""
        if not self.definition(id_):
            raw = msgspec.Raw(STAND_INS[id_])
            self._types[id_] = self._object(id_, raw, parse_schema(raw))

    def finish(self) -> None:
        """Fill in the properties of every draft, also of drafts that are added meanwhile."""
        while self._pending:
            self._pending.popleft()()
        for draft in self.drafts.values():
            if draft.kinds:
                draft.properties = _with_kind_properties(draft.properties)

    def refer(self, target: str) -> TypeExpression | None:
        """The type of a definition; None if it does not exist."""
        return self._definition(target) if target in self._definitions else None

    def is_taken(self, id_: str) -> bool:
        """Whether a definition or a draft has the id."""
        return id_ in self._definitions or id_ in self.drafts

    def _definition(self, id_: str) -> TypeExpression:
        """The type of a definition: an object, or the type for which the definition is an alias."""
        if id_ in DISGUISED_SCALARS:
            return DISGUISED_SCALARS[id_]
        if id_ not in self._types:
            self._types[id_] = self._define(id_)
        return self._types[id_]

    def _define(self, id_: str) -> TypeExpression:
        if id_ in self._defining or len(self._defining) > MAX_DEPTH:
            return self._problem(id_, "refers to itself, or through too many others")
        self._defining.append(id_)
        try:
            raw = self._definitions.raw(id_)
            known = self._before.get(id_)
            if known and known.raw == raw and known.is_custom == (id_ in self._custom):
                return self._unchanged_object(known, raw)
            schema = parse_schema(raw)
            if schema.properties and not is_any_object(schema):
                return self._object(id_, raw, schema)
            return self._alias(id_, schema)
        except MalformedSchema as error:
            return self._problem(id_, str(error))
        finally:
            self._defining.pop()

    def _problem(self, id_: str, what: str) -> TypeExpression:
        self.problems.append(Problem(Site(id_).id, what))
        return Scalar.JSON

    def _object(self, id_: str, raw: msgspec.Raw, schema: Schema) -> TypeExpression:
        """A draft; :meth:`finish` adds its properties."""
        self.drafts[id_] = Draft(id_, id_, (), text_of(schema.description))
        self._pending.append(partial(self._finish_object, id_, raw, schema))
        return Definition(id_)

    def _finish_object(self, id_: str, raw: msgspec.Raw, schema: Schema) -> None:
        if id_ in self._custom:
            self._finish_custom_resource(id_, raw, schema)
            return
        values = PlacedValues(self)
        values.object(id_, schema, Site(id_))
        values.finish()
        drafts = tuple(values.drafts.values())
        self._add(drafts, values.problems)
        if values.is_repeatable:
            kept = tuple(replace(draft) for draft in drafts)
            self.lowered[id_] = Lowered(raw, False, kept, {}, values.references, tuple(values.problems))

    def _finish_custom_resource(self, id_: str, raw: msgspec.Raw, schema: Schema) -> None:
        custom = self._custom_resources.lower(id_, schema)
        draft = Draft(id_, id_, (), custom.description, custom.properties)
        self._add((draft,), custom.problems)
        self.lowered[id_] = self.custom[id_] = Lowered(
            raw, True, (draft,), custom.structures, custom.references, custom.problems
        )

    def _unchanged_object(self, known: Lowered, raw: msgspec.Raw) -> TypeExpression:
        """:meth:`_object` of a definition that has not changed."""
        id_ = known.drafts[0].id
        self.drafts[id_] = replace(known.drafts[0], properties=())
        self._pending.append(partial(self._finish_unchanged, known, raw))
        return Definition(id_)

    def _finish_unchanged(self, known: Lowered, raw: msgspec.Raw) -> None:
        is_same = all(self.refer(target) == type_ for target, type_ in known.references.items())
        if not is_same or any(self.is_taken(draft.id) for draft in known.drafts[1:]):
            self._finish_object(known.drafts[0].id, raw, parse_schema(raw))
            return
        self._add([replace(draft) for draft in known.drafts], known.problems)
        # references the new document, so that the old one can be freed
        id_ = known.drafts[0].id
        self.lowered[id_] = replace(known, raw=raw)
        if id_ in self._custom:
            self.custom[id_] = self.lowered[id_]

    def _add(self, drafts: Sequence[Draft], problems: Iterable[Problem]) -> None:
        """Add drafts; the first one belongs to the definition, which has a draft already."""
        self.drafts[drafts[0].id].properties = drafts[0].properties
        self.drafts.update((draft.id, draft) for draft in drafts[1:])
        self.problems += problems

    def _alias(self, id_: str, schema: Schema) -> TypeExpression:
        """The type of a definition that is not an object: a list, a scalar, another definition."""
        values = PlacedValues(self)
        type_ = values.type(schema, Site(id_))
        self._pending.append(partial(self._finish_alias, values))
        return type_

    def _finish_alias(self, values: PlacedValues) -> None:
        values.finish()
        self.drafts.update(values.drafts)
        self.problems += values.problems


def _with_kind_properties(properties: Sequence[Property]) -> tuple[Property, ...]:
    """The properties with ``apiVersion``, ``kind`` and ``metadata`` first, with the types of every kind."""
    given = {property_.key: property_ for property_ in properties}
    first = (
        given[usual.key] if usual.key in given and given[usual.key].type == usual.type else usual
        for usual in _KIND_PROPERTIES
    )
    return (*first, *(property_ for property_ in properties if property_.key not in OBJECT_KEYS))
