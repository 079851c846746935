"""Templates: an encoded selection with holes for values that are not in the object's own JSON.

A hole stands for the value of a relation, or for the whole object (``yaml``, ``json``). A template is bytes:
the JSON of the selection with a NUL byte for each hole, then a separator, then the holes in their order with
the values that they were read from. Neither byte occurs in JSON. Equal objects give equal templates, so that
caches of encoded selections hold templates, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from schema.selection.decoder import AnswerTooLarge, Selection, SelectionMismatch
from schema.selection.size import exceeds
from schema.selection.tree import Node

__all__ = [
    "HOLE",
    "SEPARATOR",
    "FilledHole",
    "HoleColumn",
    "TemplateSelection",
    "fill",
    "hole_paths",
    "template_selection",
]

MAX_SELECTIONS = 256
HOLE = b"\x00"
SEPARATOR = b"\x01"
_RAW_HOLE = msgspec.Raw(HOLE)
Path = tuple[str | int, ...]


class FilledHole:
    """A hole of one object: the number of the hole in its selection, and the JSON that it was read from."""

    __slots__ = ("number", "values")

    def __init__(self, number: int, values: tuple[msgspec.Raw, ...]) -> None:
        self.number = number
        self.values = values


@dataclass(frozen=True, slots=True)
class HoleColumn:
    """The function of a derivation that makes holes of one number."""

    number: int

    def __call__(self, *columns: list[msgspec.Raw]) -> list[FilledHole]:
        """A hole for each object."""
        return [FilledHole(self.number, values) for values in zip(*columns, strict=True)]


class TemplateSelection(Selection):
    """The compiled selection of an object with holes; :meth:`encode` returns a template."""

    __slots__ = ()

    def encode(self, body: bytes, most: int | None = None) -> bytes:
        """The template of an object. Raises SelectionMismatch; AnswerTooLarge beyond ``most`` bytes."""
        answer = self.decode(body)
        if most is not None and self.width * len(body) > most and exceeds(answer, most):
            raise AnswerTooLarge
        return _templates([answer])[0]

    def encode_each(self, bodies: Sequence[bytes]) -> list[bytes]:
        """The templates of many objects, at half the cost. Raises SelectionMismatch."""
        return _templates(self.decode_each(bodies))

    def encode_list(self, body: bytes) -> list[bytes]:
        """The templates of the objects of a List. Raises SelectionMismatch."""
        return _templates(self.decode_list(body))


def _templates(answers: list[Any]) -> list[bytes]:
    holes: list[tuple[int, tuple[msgspec.Raw, ...]]] = []

    def leave_hole(hole: FilledHole) -> msgspec.Raw:
        holes.append((hole.number, hole.values))
        return _RAW_HOLE

    encode = msgspec.json.Encoder(enc_hook=leave_hole).encode
    templates = []
    for answer in answers:
        encoded = encode(answer)
        templates.append(encoded + SEPARATOR + msgspec.json.encode(holes))
        holes.clear()
    return templates


@lru_cache(maxsize=MAX_SELECTIONS)
def template_selection(tree: Node, only_metadata: bool) -> TemplateSelection:
    """The selection of a tree; equal trees have one (LRU)."""
    return TemplateSelection(tree, only_metadata=only_metadata)


def fill(segments: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """The JSON with a value in each hole. Raises SelectionMismatch for another number of values."""
    if len(segments) != len(values) + 1:
        raise SelectionMismatch("an answer with NUL bytes")
    parts = [b""] * (2 * len(values) + 1)
    parts[::2] = segments
    parts[1::2] = values
    return b"".join(parts)


def hole_paths(segments: Sequence[bytes]) -> list[Path]:
    """The path of each hole in the JSON."""
    paths: list[Path] = [()] * (len(segments) - 1)
    marks = [f'{{"\\u0000":{index}}}'.encode() for index in range(len(paths))]
    _find_marks(msgspec.json.decode(fill(segments, marks)), (), paths)
    return paths


def _find_marks(value: Any, path: Path, paths: list[Path]) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _find_marks(item, (*path, index), paths)
    elif isinstance(value, dict):
        if "\x00" in value:
            paths[value["\x00"]] = path
            return
        for key, item in value.items():
            _find_marks(item, (*path, key), paths)
