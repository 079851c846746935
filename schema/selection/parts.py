"""Answers that are put together from parts: watch events, and Lists that no single JSON text holds.

The encoded objects are the costly parts. Every subscriber with an equal selection shares them, and a cached
list reuses them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from schema.selection.decoder import Selection
from schema.selection.tree import Field

__all__ = ["EventField", "EventSelection", "ListField", "ListSelection", "event_selection"]

_NULL = msgspec.Raw(b"null")
_MAX_EVENT_SELECTIONS = 256


@dataclass(frozen=True, slots=True)
class EventField:
    """One entry of an event: ``name`` is the event's field, ``of`` the selection of its object."""

    response_name: str
    name: str
    of: Selection | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EventSelection:
    """Encodes events as the answer to ``pods { type object { … } resourceVersion }``.

    Use :func:`event_selection` to make one: equal selections are one instance. If the encoded objects are
    equal before and after a change, no selected field changed.
    """

    type_name: str
    fields: tuple[EventField, ...]

    @property
    def objects(self) -> tuple[Selection, ...]:
        """The selections of the object, one for each response name under which it is selected."""
        return tuple(field.of for field in self.fields if field.of is not None)

    @property
    def only_metadata(self) -> bool:
        """Whether the selections read only the metadata of objects."""
        return all(selection.only_metadata for selection in self.objects)

    def encode(self, type_: str, resource_version: str, objects: Sequence[bytes] | None) -> msgspec.Raw:
        """Encode one event.

        ``objects`` are the encodings for :attr:`objects`, or None for an event without an object.
        """
        encoded = iter(objects or ())
        own = {"type": type_, "resourceVersion": resource_version, "__typename": self.type_name}
        answer = {
            field.response_name: own[field.name] if field.of is None else msgspec.Raw(next(encoded, _NULL))
            for field in self.fields
        }
        return msgspec.Raw(msgspec.json.encode(answer))


@lru_cache(maxsize=_MAX_EVENT_SELECTIONS)
def event_selection(type_name: str, fields: tuple[EventField, ...]) -> EventSelection:
    """The one instance for these fields (LRU)."""
    return EventSelection(type_name, fields)


@dataclass(frozen=True, slots=True)
class ListField:
    """One entry of a List: ``of`` selects it from a List's JSON, ``item`` selects from each object."""

    field: Field
    of: Selection
    item: Selection | None = None

    @property
    def opening(self) -> bytes:
        """The JSON of the entry's key and colon."""
        return msgspec.json.encode(self.field.response_name) + b":"

    def encode_value(self, body: bytes, most: int | None = None) -> bytes:
        """The JSON of the entry's value, from a List's JSON. Raises SelectionMismatch, AnswerTooLarge."""
        return self.of.encode(body, most)[len(self.opening) + 1 : -1]


@dataclass(frozen=True, slots=True)
class ListSelection:
    """Encodes a List as the answer to ``pods { metadata { … } items { … } }``.

    For objects that an informer holds, and for a List that arrives in pages. ``only_metadata`` is as in
    :class:`schema.selection.decoder.Selection`.
    """

    fields: tuple[ListField, ...]
    only_metadata: bool = False

    @property
    def items(self) -> tuple[Selection, ...]:
        """The selections of each object, one for each response name of ``items``."""
        return tuple(field.item for field in self.fields if field.item is not None)

    @property
    def width(self) -> int:
        """The number of leaves that are selected of each object."""
        return sum(item.width for item in self.items)

    def encode_items(self, page: bytes, most: int | None = None) -> tuple[bytes, ...]:
        """For each of :attr:`items`, the encoded objects of a List, separated by commas.

        Raises SelectionMismatch; AnswerTooLarge if one of them has more than ``most`` bytes.
        """
        return tuple(field.encode_value(page, most)[1:-1] for field in self.fields if field.item is not None)

    def encode(self, envelope: bytes, items: Sequence[bytes]) -> msgspec.Raw:
        """Encode the List: its own fields from ``envelope``, and the objects as encoded for :attr:`items`.

        Raises SelectionMismatch.
        """
        encoded = iter(items)
        entries = (
            field.opening
            + (field.encode_value(envelope) if field.item is None else b"[" + next(encoded) + b"]")
            for field in self.fields
        )
        return msgspec.Raw(b"{" + b",".join(list(entries)) + b"}")
