"""The causes of a refusal as data, each with the place in the mutation's arguments that it is about.

The API server lists causes in ``details.causes`` of its Status, and hides some of them in the message: the
unknown and repeated fields of a strict validation (KEP-2885), and the fields that do not fit the schema in a
server-side apply.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from graphql import GraphQLInputType

from gateway.errors import Status, StatusError
from gateway.resolvers.context import Info
from schema.input_paths import InputPath, Written, input_path

__all__ = ["InputPlace", "causes_of", "mapped_causes", "place_in", "place_in_object"]

InputPlace = Callable[[str], InputPath | None]
"""The path of a field, named as the API server names it, in the arguments; None if it has none."""

_STRICT = "strict decoding error: "
_STRICT_FIELD = re.compile(r'((?:unknown|duplicate) field) "((?:[^"\\]|\\.)*)"')
_OF_PATCH = "patch"
"""The field of the one cause in which a strict validation of a patched object lists all fields."""
_MISFIT = re.compile(r"(cannot unmarshal .{1,50}) into Go struct field \w*\.(\S+) (of type \S+)$")
_UNTYPED = re.compile(r"failed to create typed patch object \(.*?\): (?:errors:\n)?", re.DOTALL)
_UNTYPED_FIELD = re.compile(r"^\s*(\.\S(?:[^:\"]|\"(?:[^\"\\]|\\.)*\")*): (.+)$", re.MULTILINE)


def causes_of(status: Status, place: InputPlace = lambda _: None) -> list[dict[str, Any]]:
    """Each cause: ``message``, ``field`` and ``reason`` of the API server, and ``inputPath``."""
    return [
        {**cause, "inputPath": place(cause["field"]) if cause["field"] else None} for cause in _causes(status)
    ]


def _causes(status: Status) -> Iterator[dict[str, Any]]:
    given = status.details.get("causes")
    if not isinstance(given, list):
        yield from _causes_in(status.message)
        return
    for cause in given:
        listed = _strict_causes(str(cause.get("message"))) if cause.get("field") == _OF_PATCH else []
        yield from listed or [{key: cause.get(key) for key in ("message", "field", "reason")}]


def _causes_in(message: str) -> Iterator[dict[str, Any]]:
    """The causes that the API server only writes into its message."""
    yield from _strict_causes(message)
    if misfit := _MISFIT.search(message):
        problem, field, type_ = misfit.groups()
        yield _cause(f"{problem} into a field {type_}", field)
    elif untyped := _UNTYPED.search(message):
        for field, problem in _UNTYPED_FIELD.findall(message[untyped.end() :]):
            yield _cause(problem, field)


def _strict_causes(message: str) -> list[dict[str, Any]]:
    _, strict, listed = message.rpartition(_STRICT)
    found = _STRICT_FIELD.findall(listed) if strict else []
    return [_cause(problem, field) for problem, field in found]


def _cause(message: str, field: str) -> dict[str, Any]:
    return {"message": message, "field": field, "reason": None}


@contextmanager
def mapped_causes(place: InputPlace) -> Iterator[None]:
    """Add the causes, each with its place, to a StatusError that is raised inside the block."""
    try:
        yield
    except StatusError as error:
        error.causes = causes_of(error.status, place)
        raise


def place_in_object(info: Info, typed: Any, as_json: Any) -> InputPlace:
    """Places in ``object``, or in ``objectJson`` where that is given."""
    if typed is None:
        return place_in(info, "objectJson", as_json)
    return place_in(info, "object", typed)


def place_in(
    info: Info,
    argument: str,
    value: Any,
    what: Written = Written.OBJECT,
    also: Mapping[str, str] | None = None,
) -> InputPlace:
    """Places in an argument of the field that is being resolved.

    ``also`` are fields that have an argument of their own, by the API server's name.
    """
    type_: GraphQLInputType = info.parent_type.fields[info.field_name].args[argument].type

    def place(field: str) -> InputPath | None:
        own = (also or {}).get(field)
        return [own] if own is not None else input_path(argument, type_, value, field, what)

    return place
