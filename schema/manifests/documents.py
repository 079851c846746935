"""A text → its documents: YAML separated by lines ``---``, or a sequence of JSON objects."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schema.manifests.positions import Duplicate, MalformedManifest, position_of
from schema.manifests.scalars import json_number
from schema.manifests.yaml_reader import Aliases, read_yaml

__all__ = ["Document", "read_documents"]

_SEPARATOR = "---"
_VERSIONS = re.compile(r"(?:\s*(?:#.*)?\n)*%YAML[ \t]+1\.[12][ \t]*\r?\n(?:\s*(?:#.*)?\r?\n)*")
"""A directive of a YAML version, which kubectl refuses: the readings of both versions are the same here."""
_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_SPACE = re.compile(r"[ \t\r\n]*")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Document:
    """The value of one document that is not empty, and the line where it begins."""

    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The text between two separators."""

    text: str
    line: int


def read_documents(text: str, duplicates: list[Duplicate]) -> Iterator[Document]:
    """The documents in order; duplicate keys are added to ``duplicates``. Raises MalformedManifest.

    A null and a text of comments only are no documents, as with kubectl.
    """
    if match := _FORBIDDEN.search(text):
        code = f"U+{ord(match[0]):04X}"
        raise MalformedManifest(f"the character {code} is not allowed", *position_of(text, match.start()))
    aliases = Aliases()
    for chunk in _chunks(text):
        for document in _read_chunk(chunk, aliases, duplicates):
            if document.value is not None:
                yield document


def _chunks(text: str) -> Iterator[_Chunk]:
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        if line.removeprefix(_BOM).startswith(_SEPARATOR):
            rest = line.removeprefix(_BOM).removeprefix(_SEPARATOR).strip()
            if rest and not rest.startswith("#"):
                problem = "text follows the separator ---; put it on a line of its own"
                raise MalformedManifest(problem, number)
            yield _chunk(lines, first)
            lines, first = [], number + 1
        else:
            lines.append(line)
    yield _chunk(lines, first)


def _chunk(lines: list[str], first: int) -> _Chunk:
    return _Chunk("\n".join(lines).removeprefix(_BOM), first)


def _read_chunk(chunk: _Chunk, aliases: Aliases, duplicates: list[Duplicate]) -> list[Document]:
    if not chunk.text.strip() or _VERSIONS.fullmatch(f"{chunk.text}\n"):
        return []
    if not chunk.text.lstrip().startswith("{"):
        return [_read_yaml(chunk, aliases, duplicates)]
    try:
        return _read_json(chunk, duplicates)
    except MalformedManifest as of_json:
        try:
            return [_read_yaml(chunk, aliases, duplicates)]  # a flow mapping
        except MalformedManifest as of_yaml:
            # the reader that came further knows more
            is_json = (of_json.line, of_json.column) >= (of_yaml.line, of_yaml.column)
            raise (of_json if is_json else of_yaml) from None


def _read_yaml(chunk: _Chunk, aliases: Aliases, duplicates: list[Duplicate]) -> Document:
    value = read_yaml(chunk.text, chunk.line, aliases, duplicates)
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
            raise MalformedManifest(error.msg, *_position(chunk, error.pos)) from error
        except (RecursionError, ValueError) as error:
            raise MalformedManifest(f"the JSON cannot be read: {error}", line, column) from error
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


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _skip_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _position(chunk: _Chunk, offset: int) -> tuple[int, int]:
    line, column = position_of(chunk.text, offset)
    return chunk.line + line - 1, column
