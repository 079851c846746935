"""Matches: how a search recognises the objects that belong to a key.

Most matches compare values: an object belongs to the keys that :meth:`Match.keys_of` returns for it, so that
one pass over a list serves any number of keys. :mod:`schema.relations.assignment` evaluates the two matches
with label selectors.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from schema.relations.paths import texts_at, value_at
from schema.selectors import LabelSelector, escape_field_value, parse_label_selector, read_label_selector

__all__ = [
    "All",
    "FieldValue",
    "LabelValue",
    "Match",
    "Named",
    "OwnedBy",
    "Selected",
    "Selecting",
    "selector_text",
]


@dataclass(frozen=True, slots=True)
class Match:
    """``reads`` are the paths that it needs of an object beside its metadata."""

    @property
    def reads(self) -> tuple[str, ...]:
        return ()

    def keys_of(self, _object: Mapping[str, Any]) -> Collection[str]:
        """The keys to which the object belongs."""
        return ()

    def server_selectors(self, _key: str) -> Mapping[str, str] | None:
        """The selectors with which an API server finds the objects of one key; None if it cannot."""
        return None


@dataclass(frozen=True, slots=True)
class All(Match):
    """Every object; the key is always ``""``."""

    def keys_of(self, _object: Mapping[str, Any]) -> Collection[str]:
        return ("",)

    def server_selectors(self, _key: str) -> Mapping[str, str] | None:
        return {}


@dataclass(frozen=True, slots=True)
class OwnedBy(Match):
    """The keys are UIDs of owners."""

    def keys_of(self, object_: Mapping[str, Any]) -> Collection[str]:
        return texts_at(object_, ("metadata.ownerReferences[].uid",))


@dataclass(frozen=True, slots=True)
class LabelValue(Match):
    """The keys are values of a label."""

    label: str

    def keys_of(self, object_: Mapping[str, Any]) -> Collection[str]:
        value = value_at(object_, ("metadata", "labels", self.label))
        return (value,) if isinstance(value, str) else ()

    def server_selectors(self, key: str) -> Mapping[str, str] | None:
        return {"labelSelector": f"{self.label}={key}"}


@dataclass(frozen=True, slots=True)
class FieldValue(Match):
    """The keys are values of a field that the API server can select by."""

    path: str

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.path,)

    def keys_of(self, object_: Mapping[str, Any]) -> Collection[str]:
        return texts_at(object_, (self.path,))

    def server_selectors(self, key: str) -> Mapping[str, str] | None:
        return {"fieldSelector": f"{self.path}={escape_field_value(key)}"}


@dataclass(frozen=True, slots=True)
class Named(Match):
    """The keys are names that the object mentions at one of the paths."""

    paths: tuple[str, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        return self.paths

    def keys_of(self, object_: Mapping[str, Any]) -> Collection[str]:
        return texts_at(object_, self.paths)


@dataclass(frozen=True, slots=True)
class Selected(Match):
    """The keys are label selectors, as text."""

    def server_selectors(self, key: str) -> Mapping[str, str] | None:
        return {"labelSelector": key} if key else {}


@dataclass(frozen=True, slots=True)
class Selecting(Match):
    """The keys are labels as JSON; the object selects them with its selector at ``path``.

    ``empty_selects`` says that an empty selector selects everything; an absent one selects nothing.
    """

    path: tuple[str, ...]
    empty_selects: bool

    @property
    def reads(self) -> tuple[str, ...]:
        return (".".join(self.path),)

    @staticmethod
    def labels(key: str) -> Mapping[str, str]:
        """The labels of a key."""
        labels: Mapping[str, str] = msgspec.json.decode(key)
        return labels


@lru_cache(maxsize=4096)
def parsed_selector(text: str) -> LabelSelector:
    """The label selector that was checked before."""
    return parse_label_selector(text)


def labels_of(object_: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an object."""
    labels = value_at(object_, ("metadata", "labels"))
    return labels if isinstance(labels, dict) else {}


_OPERATORS = {"In": "in", "NotIn": "notin"}


def selector_text(selector: Any, *, empty_selects: bool = True) -> str | None:
    """A ``LabelSelector``, or a map of labels, in the text form of ``labelSelector``.

    None if it selects nothing: it is absent, malformed, or empty where that selects nothing.
    """
    if not isinstance(selector, dict):
        return None
    is_typed = not selector or not {"matchLabels", "matchExpressions"}.isdisjoint(selector)
    labels = (selector.get("matchLabels") or {}) if is_typed else selector
    try:
        read_label_selector(selector if is_typed else {"matchLabels": selector})
        terms = [f"{key}={value}" for key, value in labels.items()]
        terms += map(_expression, (selector.get("matchExpressions") or ()) if is_typed else ())
        text = ",".join(sorted(terms))
        parsed_selector(text)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return text if text or empty_selects else None


def _expression(expression: Mapping[str, Any]) -> str:
    key, operator = expression["key"], expression["operator"]
    if operator in _OPERATORS:
        values = sorted(expression["values"])
        if not values:
            raise ValueError(f"{operator} needs values")  # the text "key in ()" selects the empty value
        return f"{key} {_OPERATORS[operator]} ({','.join(values)})"
    return f"!{key}" if operator == "DoesNotExist" else f"{key}"
