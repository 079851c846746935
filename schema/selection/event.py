"""What a subscription selects of a watch event: the event's own fields, and a Selection of its object."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from schema.selection.compiled import Selection

__all__ = ["EventField", "EventSelection", "event_selection"]

NULL = msgspec.Raw(b"null")
SELECTIONS = 256


@dataclass(frozen=True, slots=True)
class EventField:
    """One entry of the answer: ``name`` is the event's field, ``of`` what is selected of its object."""

    response_name: str
    name: str
    of: Selection | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EventSelection:
    """Encodes events as the answer to ``pods { type object { … } resourceVersion }``, in parts.

    Made by :func:`event_selection`; equal ones are the same instance.

    The parts that come from the object are the costly ones; they are the same for every subscriber with
    this selection, and when they are equal before and after a change, nothing that is selected changed.
    """

    type_name: str
    fields: tuple[EventField, ...]

    @property
    def objects(self) -> tuple[Selection, ...]:
        """What is selected of the object; several where it is selected under several names."""
        return tuple(each.of for each in self.fields if each.of is not None)

    @property
    def only_metadata(self) -> bool:
        """Whether nothing but the metadata of objects is read."""
        return all(each.only_metadata for each in self.objects)

    def encode(self, type_: str, resource_version: str, objects: Sequence[bytes] | None) -> msgspec.Raw:
        """The answer; ``objects`` are the encodings of :attr:`objects`, None for an event without one."""
        encoded = iter(objects or ())
        own = {"type": type_, "resourceVersion": resource_version, "__typename": self.type_name}
        answer = {
            each.response_name: own[each.name] if each.of is None else msgspec.Raw(next(encoded, NULL))
            for each in self.fields
        }
        return msgspec.Raw(msgspec.json.encode(answer))


@lru_cache(maxsize=SELECTIONS)
def event_selection(type_name: str, fields: tuple[EventField, ...]) -> EventSelection:
    """The one instance for these fields; the least recently used are forgotten."""
    return EventSelection(type_name, fields)
