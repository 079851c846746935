"""One YAML document → JSON values, as kubectl reads it.

libyaml gives the events; kubectl's reader is a port of it. Beside the scalars
(:mod:`schema.manifests.scalars`) the merge key ``<<`` differs from other readers: it takes effect at its
place among the keys, so that it overrides keys before it.

An alias is the same Python object as its anchor: the memory of a value does not grow with its aliases. Its
JSON does, and therefore the size of all aliases is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from schema.manifests.positions import Duplicate, MalformedManifest
from schema.manifests.scalars import UnreadableScalar, key_text, resolve_plain, resolve_tagged

__all__ = ["DEEPEST", "Aliases", "read_yaml"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "<<"
_MERGE_TAG = "tag:yaml.org,2002:merge"
DEEPEST = 200
"""Levels of nesting; encoding more may exceed Python's limit of recursion."""
_NODE_SIZE = 16
"""Bytes of JSON that a node counts for, beside its text."""
_END = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


@dataclass(slots=True)
class Aliases:
    """The size in bytes, about, of all values that the aliases of one text stand for, and its limit."""

    limit: int = 8 << 20
    size: int = 0


@dataclass(slots=True)
class _Anchor:
    """The value of an anchor, its size (None while it is being read) and the levels below it."""

    value: Any = None
    size: int | None = None
    levels: int = 0


@dataclass(slots=True)
class _Document:
    """The state of reading one document; ``first_line`` is its line in the whole text."""

    events: Iterator[yaml.Event]
    first_line: int
    aliases: Aliases
    duplicates: list[Duplicate]
    plain_keys: bool = False
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    size: int = 0
    deepest: int = 0

    def next(self) -> yaml.Event:
        """The next event. Raises MalformedManifest."""
        try:
            return next(self.events)
        except yaml.MarkedYAMLError as error:
            problem = " ".join(filter(None, (error.context, error.problem)))
            if (mark := error.problem_mark or error.context_mark) is None:
                raise MalformedManifest(problem, self.first_line) from error
            raise MalformedManifest(problem, self.first_line + mark.line, mark.column + 1) from error
        except yaml.YAMLError as error:
            raise MalformedManifest(" ".join(str(error).split()), self.first_line) from error

    def error(self, problem: str, event: yaml.Event) -> MalformedManifest:
        """The error at the position of an event."""
        return MalformedManifest(problem, *self.position(event))

    def position(self, event: yaml.Event) -> tuple[int, int]:
        """The line in the whole text, and the column."""
        if (mark := event.start_mark) is None:
            return self.first_line, 1
        return self.first_line + mark.line, mark.column + 1

    def value(self, event: yaml.Event, depth: int = 0) -> Any:
        """The value that begins with the event. Raises MalformedManifest."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._expect_depth(depth, event)
        anchor = _Anchor()
        name = getattr(event, "anchor", None)
        if name is not None:
            self.anchors[name] = anchor
        before, deepest_before, self.deepest = self.size, self.deepest, depth
        anchor.value = self._content(event, depth)
        anchor.levels = self.deepest - depth
        self.deepest = max(deepest_before, self.deepest)
        anchor.size = self.size - before
        return anchor.value

    def _expect_depth(self, depth: int, event: yaml.Event) -> None:
        if depth > DEEPEST:
            raise self.error(f"the nesting is deeper than {DEEPEST} levels", event)
        self.deepest = max(self.deepest, depth)

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Any:
        anchor = self.anchors.get(str(event.anchor))
        if anchor is None:
            raise self.error(f"the alias *{event.anchor} has no anchor before it", event)
        if anchor.size is None:
            raise self.error(f"the anchor &{event.anchor} contains itself", event)
        self._expect_depth(depth + anchor.levels, event)
        self.size += anchor.size
        self.aliases.size += anchor.size
        if self.aliases.size > self.aliases.limit:
            raise self.error(f"the aliases stand for more than {self.aliases.limit} bytes", event)
        return anchor.value

    def _content(self, event: yaml.Event, depth: int) -> Any:
        self.size += _NODE_SIZE
        if isinstance(event, yaml.ScalarEvent):
            self.size += len(event.value)
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(following := self.next(), _END):
                items.append(self.value(following, depth + 1))
            return items
        return self._mapping(depth)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        try:
            if event.tag is not None and event.tag != "!":
                return resolve_tagged(event.tag, event.value)
            is_plain = event.style in (None, "") and event.tag is None
            return resolve_plain(event.value) if is_plain else event.value
        except UnreadableScalar as error:
            raise self.error(str(error), event) from error

    def _mapping(self, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        own: set[str] = set()
        while not isinstance(event := self.next(), _END):
            if _is_merge(event):
                self._merge(mapping, depth)
                continue
            key = self._key(event, depth)
            if key in own:
                self.duplicates.append(Duplicate(key, *self.position(event)))
            own.add(key)
            mapping[key] = self.value(self.next(), depth + 1)
        return mapping

    def _key(self, event: yaml.Event, depth: int) -> str:
        if self.plain_keys and isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        value = self.value(event, depth + 1)
        if isinstance(value, dict | list):
            raise self.error("a key has to be text, and not a mapping or a list", event)
        try:
            return key_text(value)
        except UnreadableScalar as error:
            raise self.error(str(error), event) from error

    def _merge(self, mapping: dict[str, Any], depth: int) -> None:
        """Merge the value of ``<<``: a mapping, or a list of mappings, of which the first has precedence."""
        event = self.next()
        merged = self.value(event, depth + 1)
        several = merged if isinstance(event, yaml.SequenceStartEvent) else [merged]
        for one in reversed(several):
            if not isinstance(one, dict):
                raise self.error("the value of << has to be a mapping or a list of mappings", event)
            mapping.update(one)


def read_yaml(
    text: str,
    first_line: int,
    aliases: Aliases,
    duplicates: list[Duplicate],
    *,
    plain_keys: bool = False,
) -> Any:
    """The value of one document, None for a text without any. Duplicate keys are added to ``duplicates``.

    Of equal keys the last one counts. With ``plain_keys`` each key is its text: ``n`` does not become
    ``false``. Raises MalformedManifest for a syntax error, for a value that JSON does
    not have, for text after the end of the document (``...``), which kubectl ignores, and for aliases
    beyond their limit.
    """
    document = _Document(iter(yaml.parse(text, Loader=_Loader)), first_line, aliases, duplicates, plain_keys)
    document.next()  # the start of the stream
    if isinstance(document.next(), yaml.StreamEndEvent):
        return None
    value = document.value(document.next())
    document.next()  # the end of the document
    if not isinstance(event := document.next(), yaml.StreamEndEvent):
        raise document.error("another document begins here; put a line --- before it", event)
    return value


def _is_merge(event: yaml.Event) -> bool:
    if not isinstance(event, yaml.ScalarEvent) or event.value != _MERGE:
        return False
    is_plain = event.style in (None, "") and event.tag is None
    return is_plain or event.tag == _MERGE_TAG
