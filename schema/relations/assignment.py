"""Assignment: which objects belong to which keys of a match, for many objects and many keys at once.

The cost is linear: objects and selectors meet in a table by one label that they must share. Selectors without
such a label (``!legacy``, or an empty one) are compared with every object.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schema.relations.matches import Match, Selected, Selecting, labels_of, parsed_selector, selector_text
from schema.relations.paths import value_at
from schema.selectors import LabelSelector, Operator

__all__ = ["Candidate", "Wanted", "assign"]

Wanted = tuple[str | None, str]
"""A namespace (None: all) and a key."""
Candidate = tuple[str, Mapping[str, Any]]
"""An object's namespace, and the parts of its JSON that the match reads."""
_Label = tuple[str, str]


def assign(
    match: Match, candidates: Sequence[Candidate], wanted: Collection[Wanted]
) -> dict[Wanted, list[int]]:
    """The indexes of the candidates that belong to each wanted key, in their order."""
    found: dict[Wanted, list[int]] = {item: [] for item in wanted}
    match match:
        case Selected():
            pairs = _selected(candidates, {key for _, key in wanted})
        case Selecting():
            pairs = _selecting(match, candidates, {key for _, key in wanted})
        case _:
            pairs = (
                (index, key) for index, (_, data) in enumerate(candidates) for key in match.keys_of(data)
            )
    for index, key in pairs:
        for place in (candidates[index][0], None):
            if (place, key) in found:
                found[place, key].append(index)
    return found


def _selected(candidates: Sequence[Candidate], keys: Iterable[str]) -> Iterable[tuple[int, str]]:
    """The pairs of candidate and label selector."""
    labels = [labels_of(data) for _, data in candidates]
    by_label = _by_label(labels)
    for key in keys:
        selector = parsed_selector(key)
        anchor = _anchor(selector)
        indexes = range(len(labels)) if anchor is None else by_label.get(anchor, ())
        yield from ((index, key) for index in indexes if selector.matches(labels[index]))


def _selecting(
    match: Selecting, candidates: Sequence[Candidate], keys: Iterable[str]
) -> Iterable[tuple[int, str]]:
    """The pairs of a candidate with a selector and labels, by candidate."""
    labels = {key: match.labels(key) for key in keys}
    by_label: dict[_Label, list[str]] = {}
    for key, of_key in labels.items():
        for label in of_key.items():
            by_label.setdefault(label, []).append(key)
    for index, (_, data) in enumerate(candidates):
        text = selector_text(value_at(data, match.path), empty_selects=match.empty_selects)
        if text is None:
            continue
        selector = parsed_selector(text)
        anchor = _anchor(selector)
        some = labels if anchor is None else by_label.get(anchor, ())
        yield from ((index, key) for key in some if selector.matches(labels[key]))


def _by_label(labels: Sequence[Mapping[str, str]]) -> dict[_Label, list[int]]:
    indexes: dict[_Label, list[int]] = {}
    for index, of_one in enumerate(labels):
        for label in of_one.items():
            indexes.setdefault(label, []).append(index)
    return indexes


def _anchor(selector: LabelSelector) -> _Label | None:
    """A label that everything that is selected has."""
    for requirement in selector.requirements:
        if requirement.operator is Operator.EQUALS:
            return requirement.key, next(iter(requirement.values))
    return None
