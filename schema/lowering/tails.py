"""The names of the structures of one group and version: the shortest unambiguous tail of a path.

A path leads from a kind through properties to a structure; a tail is its end. ``Workflow``, ``spec``,
``templates``, ``container`` has the tails ``Container``, ``TemplatesContainer``, … A tail is unambiguous if
every path of the group and version whose end has the same text leads to the same structure.

- A structure with a single path has the whole path as its name.
- Any other structure has its shortest unambiguous tail: of several with equally many words the most frequent,
  then the shortest text.

A kind that is installed later therefore never gives the name of a structure to another structure: where a
path of that kind makes the name ambiguous, the name disappears. Only the kind itself may take it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from schema.lowering.structures import Structure, nested_id
from schema.model import Property
from schema.names import camel

__all__ = ["Root", "Tail", "tails_of"]

# camel() begins every word with a capital or a digit
_WORD = re.compile(r"(?<=.)(?=[0-9A-Z])")
# of one length and structure; far more than in any API, bounds the work for any document
_MOST_TAILS = 256


@dataclass(frozen=True, slots=True)
class Root:
    """A kind as the beginning of paths."""

    kind: str
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Tail:
    """The name of a structure without group and version; ``is_contested`` if the text is ambiguous."""

    text: str
    is_contested: bool = False


def tails_of(
    roots: Mapping[str, Root], structures: Mapping[str, Structure], reserved: Collection[str]
) -> dict[str, Tail]:
    """The name of every structure by id; ``roots`` are the kinds by id, which reach all structures.

    ``reserved`` are texts that no shared structure gets as its name, nor as the name of its input type.
    """
    paths = _Paths(roots, structures)
    single = {id_: path for id_ in structures if (path := paths.single(id_)) is not None}
    tails = {}
    for id_ in structures:
        if (path := single.get(id_)) is not None:
            is_contested = any(owner not in single for owner in paths.ends_of(path))
            tails[id_] = Tail(path, is_contested)
        else:
            tails[id_] = _shortest(id_, paths, reserved)
    return tails


def _shortest(id_: str, paths: "_Paths", reserved: Collection[str]) -> Tail:
    """The shortest unambiguous tail; if there is none, the whole of a path, contested."""
    text = ""
    for tails in paths.tails(id_):
        for text in sorted(tails, key=lambda tail: (-tails[tail], len(tail), tail)):
            if (
                text not in reserved
                and f"{text}Input" not in reserved
                and all(owner == id_ for owner in paths.ends_of(text))
            ):
                return Tail(text)
    return Tail(text, is_contested=True)


class _Paths:
    """The paths of one group and version, as a graph: kinds and structures, linked by words."""

    def __init__(self, roots: Mapping[str, Root], structures: Mapping[str, Structure]) -> None:
        self._roots = {id_: camel(root.kind) for id_, root in roots.items()}
        self._outgoing: dict[str, dict[str, list[str]]] = {}
        self._incoming: dict[str, list[tuple[str, str]]] = defaultdict(list)
        # the ends of the paths' first words
        self._by_word: dict[str, dict[str, None]] = defaultdict(dict)
        for id_, properties in (
            *((id_, root.properties) for id_, root in roots.items()),
            *((id_, structure.properties) for id_, structure in structures.items()),
        ):
            self._outgoing[id_] = self._link(id_, properties, structures)
        for id_, word in self._roots.items():
            self._by_word[word][id_] = None

    def _link(
        self, parent: str, properties: Iterable[Property], structures: Collection[str]
    ) -> dict[str, list[str]]:
        outgoing: dict[str, list[str]] = {}
        for property_ in properties:
            if (child := nested_id(property_.type)) in structures and child is not None:
                word = camel(property_.key)
                outgoing.setdefault(word, []).append(child)
                self._incoming[child].append((parent, word))
                self._by_word[word][child] = None
        return outgoing

    def single(self, id_: str) -> str | None:
        """The text of the path to a structure; None if there are several."""
        words = []
        while id_ not in self._roots:
            if len(self._incoming[id_]) != 1:
                return None
            [(id_, word)] = self._incoming[id_]
            words.append(word)
        return "".join((self._roots[id_], *reversed(words)))

    def tails(self, id_: str) -> Iterator[Counter[str]]:
        """The tails of one word with the number of their places, then the tails of two words, and so on."""
        beginnings = Counter(self._incoming[id_])
        while beginnings:
            tails: Counter[str] = Counter()
            for (_, text), count in beginnings.items():
                tails[text] += count
            yield tails
            beginnings = self._longer(beginnings)

    def _longer(self, beginnings: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
        longer: Counter[tuple[str, str]] = Counter()
        for (id_, text), count in beginnings.items():
            if id_ in self._roots:
                longer["", self._roots[id_] + text] += count
            for parent, word in self._incoming.get(id_, ()):
                longer[parent, word + text] += count
        return _most_frequent(longer)

    def ends_of(self, text: str) -> Iterator[str]:
        """The structures at the end of the paths that have a tail with this text."""
        reached = [(id_, rest) for word, rest in _split(text) for id_ in self._by_word.get(word, ())]
        seen = set(reached)
        while reached:
            id_, rest = reached.pop()
            if not rest:
                yield id_
            for word, children in self._outgoing[id_].items():
                if rest.startswith(word):
                    more = {(child, rest.removeprefix(word)) for child in children} - seen
                    seen |= more
                    reached += more


def _most_frequent(beginnings: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    if len(beginnings) <= _MOST_TAILS:
        return beginnings
    by_frequency = sorted(beginnings.items(), key=lambda item: (-item[1], len(item[0][1]), item[0]))
    return Counter(dict(by_frequency[:_MOST_TAILS]))


def _split(text: str) -> Iterator[tuple[str, str]]:
    """The text split in two before each word, and behind the last one."""
    for boundary in _WORD.finditer(text):
        yield text[: boundary.start()], text[boundary.start() :]
    yield text, ""
