"""A text → its documents: YAML separated by lines ``---``, or a sequence of JSON objects."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from schema.manifests.positions import Duplicate, MalformedManifest, position_of
from schema.manifests.scalars import json_number
from schema.manifests.yaml_reader import DEEPEST, Aliases, read_yaml

__all__ = ["Document", "read_documents", "read_value"]

_SEPARATOR = "---"
_VERSIONS = re.compile(r"(?:\s*(?:#.*)?\n)*%YAML[ \t]+1\.[12][ \t]*\r?\n(?:\s*(?:#.*)?\r?\n)*")
"""A directive of a YAML version, which kubectl refuses: the readings of both versions are the same here."""
_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_SPACE = re.compile(r"[ \t\r\n]*")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Document:
    """The value of one document that is not empty, and the line where it begins."""

    value: Any = field(repr=False)
    line: int


class _NotJSON(MalformedManifest):
    """A text that begins as JSON does, with an error of syntax: YAML with a flow mapping, perhaps."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The state of reading one text."""

    aliases: Aliases
    duplicates: list[Duplicate]
    plain_keys: bool


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The text between two separators."""

    text: str = field(repr=False)
    line: int


def read_documents(text: str, duplicates: list[Duplicate]) -> Iterator[Document]:
    """The documents in order; duplicate keys are added to ``duplicates``. Raises MalformedManifest.

    A null and a text of comments only are no documents, as with kubectl.
    """
    for document in _documents(text, duplicates):
        if document.value is not None:
            yield document


def _documents(text: str, duplicates: list[Duplicate], *, plain_keys: bool = False) -> Iterator[Document]:
    if match := _FORBIDDEN.search(text):
        code = f"U+{ord(match[0]):04X}"
        raise MalformedManifest(f"the character {code} is not allowed", *position_of(text, match.start()))
    reading = _Reading(Aliases(), duplicates, plain_keys)
    for chunk in _chunks(text):
        yield from _read_chunk(chunk, reading)


def read_value(text: str) -> Any:
    """The value of a text of one document, JSON or YAML, with keys as they are written.

    Raises MalformedManifest, also for a key that occurs twice.
    """
    duplicates: list[Duplicate] = []
    found = [
        document for document in _documents(text, duplicates, plain_keys=True) if document.value is not None
    ]
    if duplicates:
        first = duplicates[0]
        raise MalformedManifest(f"the key {first.key!r} occurs twice", first.line, first.column)
    if len(found) > 1:
        raise MalformedManifest("a second document begins here", found[1].line)
    return found[0].value if found else None


def _chunks(text: str) -> Iterator[_Chunk]:
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        if line.removeprefix(_BOM).startswith(_SEPARATOR):
            rest = line.removeprefix(_BOM).removeprefix(_SEPARATOR).strip()
            if rest and not rest.startswith("#"):
                problem = "text follows the separator ---; put it on a line of its own"
                raise MalformedManifest(problem, number)
            yield _chunk([*lines, ""], first)
            lines, first = [], number + 1
        else:
            lines.append(line)
    yield _chunk(lines, first)


def _chunk(lines: list[str], first: int) -> _Chunk:
    return _Chunk("\n".join(lines).removeprefix(_BOM), first)


def _read_chunk(chunk: _Chunk, reading: _Reading) -> list[Document]:
    if not chunk.text.strip() or _VERSIONS.fullmatch(f"{chunk.text}\n"):
        return []
    if not chunk.text.lstrip().startswith("{"):
        return [_read_yaml(chunk, reading)]
    try:
        return _read_json(chunk, reading.duplicates)
    except _NotJSON as of_json:
        try:
            return [_read_yaml(chunk, reading)]  # a flow mapping
        except MalformedManifest as of_yaml:
            # the error at the later position is the better one
            is_json = (of_json.line, of_json.column) >= (of_yaml.line, of_yaml.column)
            raise (of_json if is_json else of_yaml) from None


def _read_yaml(chunk: _Chunk, reading: _Reading) -> Document:
    value = read_yaml(
        chunk.text, chunk.line, reading.aliases, reading.duplicates, plain_keys=reading.plain_keys
    )
    blank = len(chunk.text) - len(chunk.text.lstrip())
    return Document(value, chunk.line + chunk.text.count("\n", 0, blank))


def _read_json(chunk: _Chunk, duplicates: list[Duplicate]) -> list[Document]:
    """A sequence of JSON objects."""
    documents, noted = [], list[str]()
    decoder = json.JSONDecoder(
        object_pairs_hook=lambda pairs: _object(pairs, noted),
        parse_int=json_number,
        parse_float=json_number,
        parse_constant=_refuse_constant,
    )
    offset = _skip_space(chunk.text, 0)
    while offset < len(chunk.text):
        line, column = _position(chunk, offset)
        try:
            value, end = decoder.raw_decode(chunk.text, offset)
        except json.JSONDecodeError as error:
            raise _NotJSON(error.msg, *_position(chunk, error.pos)) from error
        except (RecursionError, ValueError) as error:
            raise MalformedManifest(f"the JSON cannot be read: {error}", line, column) from error
        if _levels(value) > DEEPEST:
            raise MalformedManifest(f"the nesting is deeper than {DEEPEST} levels", line, column)
        documents.append(Document(value, line))
        duplicates += [Duplicate(key, line, column) for key in noted]
        noted.clear()
        offset = _skip_space(chunk.text, end)
    return documents


def _object(pairs: list[tuple[str, Any]], noted: list[str]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        noted += [key for key, count in counts.items() if count > 1]
    return result


def _levels(value: Any) -> int:
    """The levels of lists and objects inside one another."""
    levels, inside = 0, [value]
    while inside := [item for item in inside if isinstance(item, dict | list)]:
        levels += 1
        nested = (item.values() if isinstance(item, dict) else item for item in inside)
        inside = list(chain.from_iterable(nested))
    return levels


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _skip_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _position(chunk: _Chunk, offset: int) -> tuple[int, int]:
    line, column = position_of(chunk.text, offset)
    return chunk.line + line - 1, column
