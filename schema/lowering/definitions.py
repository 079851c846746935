"""Definitions → drafts of object types, each once; what has not changed is not lowered again.

Nothing that a document says makes this raise: what cannot be typed is JSON, and a problem.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from schema.lowering.keywords import OBJECT_KEYS, is_any_object, text_of
from schema.lowering.values import DEEPEST, Draft, Site, Values
from schema.lowering.well_known import DISGUISED_SCALARS, OBJECT_META, STAND_INS
from schema.model import Definition, Problem, Property, Scalar, TypeExpression
from schema.openapi import Definitions, MalformedSchema, Schema, parse_schema
from schema.resources import GroupVersionKind

__all__ = ["Lowered", "LoweredDefinitions", "Lowering"]

KIND_PROPERTIES = (
    Property("apiVersion", "apiVersion", Scalar.STRING),
    Property("kind", "kind", Scalar.STRING),
    Property("metadata", "metadata", Definition(OBJECT_META)),
)


@dataclass(frozen=True, slots=True)
class Lowered:
    """What one definition that is an object was lowered to, and all that this depends on.

    ``drafts`` are the object itself, then those inside it; nobody changes them. ``references`` are the
    types that other definitions had, None for those that were not there.
    """

    raw: msgspec.Raw
    drafts: tuple[Draft, ...]
    references: Mapping[str, TypeExpression | None]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class LoweredDefinitions:
    """What the definitions of one cluster were lowered to the last time, by id."""

    by_id: Mapping[str, Lowered] = field(default_factory=dict)


class Lowering:
    """Turns definitions into drafts, each once; whatever a draft refers to becomes a draft too.

    ``before`` is the ``lowered`` of an earlier one. What comes out is the same with it as without.
    """

    def __init__(self, definitions: Definitions, before: Mapping[str, Lowered] | None = None) -> None:
        self._definitions = definitions
        self._before = before or {}
        self._types: dict[str, TypeExpression] = {}
        self._defining: list[str] = []
        self._pending: deque[Callable[[], None]] = deque()
        self.drafts: dict[str, Draft] = {}
        self.problems: list[Problem] = []
        self.lowered: dict[str, Lowered] = {}

    def kind(self, id_: str, kind: GroupVersionKind) -> None:
        """Make sure that the definition is a draft with what every object has, whatever it says."""
        if id_ not in self._definitions:
            self.problems.append(Problem(id_, "no schema in the API server's OpenAPI documents"))
        if id_ not in self.drafts and not self.definition(id_):
            self.drafts[id_] = Draft(id_, id_, ())
        draft = self.drafts[id_]
        if kind not in draft.kinds:
            draft.kinds += (kind,)

    def definition(self, id_: str) -> bool:
        """Make the definition a draft; False where there is none that is an object."""
        if id_ not in self._definitions:
            return False
        return self._definition(id_) == Definition(id_)

    def stand_in(self, id_: str) -> None:
        """Make the definition a draft, from its minimal form where no document has it as an object."""
        if not self.definition(id_):
            raw = msgspec.Raw(STAND_INS[id_])
            self._types[id_] = self._object(id_, raw, parse_schema(raw))

    def finish(self) -> None:
        """Fill in the properties of every draft, and of those that come up on the way."""
        while self._pending:
            self._pending.popleft()()
        for draft in self.drafts.values():
            if draft.kinds:
                draft.properties = _with_kind_properties(draft.properties)

    def refer(self, target: str) -> TypeExpression | None:
        """The type of a definition; None where there is none with that id."""
        return self._definition(target) if target in self._definitions else None

    def is_taken(self, id_: str) -> bool:
        """Whether a definition has the id, or anything that was lowered."""
        return id_ in self._definitions or id_ in self.drafts

    def _definition(self, id_: str) -> TypeExpression:
        """The type of a definition: an object of its own, or what it stands for."""
        if id_ in DISGUISED_SCALARS:
            return DISGUISED_SCALARS[id_]
        if id_ not in self._types:
            self._types[id_] = self._define(id_)
        return self._types[id_]

    def _define(self, id_: str) -> TypeExpression:
        if id_ in self._defining or len(self._defining) > DEEPEST:
            return self._problem(id_, "refers to itself, or through too many others")
        self._defining.append(id_)
        try:
            raw = self._definitions.raw(id_)
            if id_ in self._before and self._before[id_].raw == raw:
                return self._known_object(self._before[id_], raw)
            schema = parse_schema(raw)
            if schema.properties and not is_any_object(schema):
                return self._object(id_, raw, schema)
            return self._other(id_, schema)
        except MalformedSchema as error:
            return self._problem(id_, str(error))
        finally:
            self._defining.pop()

    def _problem(self, id_: str, what: str) -> TypeExpression:
        self.problems.append(Problem(Site(id_).id, what))
        return Scalar.JSON

    def _object(self, id_: str, raw: msgspec.Raw, schema: Schema) -> TypeExpression:
        """A draft, whose properties come later."""
        self.drafts[id_] = Draft(id_, id_, (), text_of(schema.description))
        self._pending.append(partial(self._finish_object, id_, raw, schema))
        return Definition(id_)

    def _finish_object(self, id_: str, raw: msgspec.Raw, schema: Schema) -> None:
        values = Values(self)
        values.object(id_, schema, Site(id_))
        values.finish()
        drafts = tuple(values.drafts.values())
        self._add(drafts, values.problems)
        if values.is_repeatable:
            kept = tuple(replace(each) for each in drafts)
            self.lowered[id_] = Lowered(raw, kept, values.references, tuple(values.problems))

    def _known_object(self, known: Lowered, raw: msgspec.Raw) -> TypeExpression:
        """The same as ``_object`` of a definition that has not changed."""
        id_ = known.drafts[0].id
        self.drafts[id_] = replace(known.drafts[0], properties=())
        self._pending.append(partial(self._finish_known, known, raw))
        return Definition(id_)

    def _finish_known(self, known: Lowered, raw: msgspec.Raw) -> None:
        is_same = all(self.refer(target) == found for target, found in known.references.items())
        if not is_same or any(self.is_taken(each.id) for each in known.drafts[1:]):
            self._finish_object(known.drafts[0].id, raw, parse_schema(raw))
            return
        self._add([replace(each) for each in known.drafts], known.problems)
        # of this document: the one before is not to be held by it
        self.lowered[known.drafts[0].id] = replace(known, raw=raw)

    def _add(self, drafts: Sequence[Draft], problems: Iterable[Problem]) -> None:
        """The first one is that of the definition, which is there already."""
        self.drafts[drafts[0].id].properties = drafts[0].properties
        self.drafts.update((each.id, each) for each in drafts[1:])
        self.problems += problems

    def _other(self, id_: str, schema: Schema) -> TypeExpression:
        """What stands for something else: a list, a scalar, another definition."""
        values = Values(self)
        type_ = values.type(schema, Site(id_))
        self._pending.append(partial(self._finish_other, values))
        return type_

    def _finish_other(self, values: Values) -> None:
        values.finish()
        self.drafts.update(values.drafts)
        self.problems += values.problems


def _with_kind_properties(properties: Sequence[Property]) -> tuple[Property, ...]:
    """The same with ``apiVersion``, ``kind`` and ``metadata``, of the types that every kind has."""
    given = {each.key: each for each in properties}
    first = tuple(
        given[each.key] if each.key in given and given[each.key].type == each.type else each
        for each in KIND_PROPERTIES
    )
    return (*first, *(each for each in properties if each.key not in OBJECT_KEYS))
