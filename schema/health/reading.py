"""Typed reads of a Kubernetes object's JSON, which may have any shape.

An absent value and null are the same. A value of another type than Kubernetes' raises :class:`Unreadable`,
which makes the object's health ``UNKNOWN``: no rule guesses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Condition", "Reader", "Unreadable"]


_MOST_DIGITS = 20  # of an int64


class Unreadable(ValueError):
    """A value does not have the type that Kubernetes declares for it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of ``status.conditions``. ``since`` is the time of its last transition (RFC 3339), or empty."""

    type: str
    status: str
    reason: str
    message: str
    since: str
    observed_generation: int | None

    @property
    def is_true(self) -> bool:
        return self.status == "True"

    @property
    def is_false(self) -> bool:
        return self.status == "False"


class Reader:
    """Reads values of one JSON object by their path."""

    def __init__(self, value: object, path: tuple[str, ...] = ()) -> None:
        if not isinstance(value, dict):
            raise Unreadable(f"{'.'.join(path) or 'the object'} is no JSON object")
        self._value = value
        self._path = path

    def value(self, *path: str) -> Any:
        """The value at the path, None if it is absent."""
        value: Any = self._value
        for depth, key in enumerate(path):
            if value is None:
                return None
            if not isinstance(value, dict):
                raise self._unreadable(path[:depth], "a JSON object")
            value = value.get(key)
        return value

    def text(self, *path: str, default: str = "") -> str:
        """The string at the path."""
        value = self.value(*path)
        if not isinstance(value, str | None):
            raise self._unreadable(path, "a string")
        return default if value is None else value

    def integer(self, *path: str, default: int = 0) -> int:
        """The integer at the path."""
        found = self.optional_integer(*path)
        return default if found is None else found

    def optional_integer(self, *path: str) -> int | None:
        """The integer at the path, None if it is absent."""
        value = self.value(*path)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self._unreadable(path, "an integer")
        return value

    def generation(self, *path: str) -> int | None:
        """The generation at the path, None if it is absent. Some controllers store it as a string."""
        value = self.value(*path)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS:
            return int(value)
        return self.optional_integer(*path)

    def flag(self, *path: str) -> bool:
        """The Boolean at the path, false if it is absent."""
        value = self.value(*path)
        if not isinstance(value, bool | None):
            raise self._unreadable(path, "a Boolean")
        return bool(value)

    def objects(self, *path: str) -> Iterator["Reader"]:
        """The JSON objects of the list at the path."""
        items = self.value(*path)
        if not isinstance(items, list | None):
            raise self._unreadable(path, "a list")
        for index, item in enumerate(items or ()):
            yield Reader(item, (*self._path, *path, str(index)))

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """``status.conditions`` by type, in their order."""
        found = (
            Condition(
                type=item.text("type"),
                status=item.text("status"),
                reason=item.text("reason"),
                message=item.text("message"),
                since=item.text("lastTransitionTime"),
                observed_generation=item.optional_integer("observedGeneration"),
            )
            for item in self.objects("status", "conditions")
        )
        return {condition.type: condition for condition in found}

    def true_condition(self, *types: str) -> Condition | None:
        """The first condition of the types whose status is ``True``."""
        return next((found for type_ in types if (found := self._condition(type_, "True"))), None)

    def false_condition(self, *types: str) -> Condition | None:
        """The first condition of the types whose status is ``False``."""
        return next((found for type_ in types if (found := self._condition(type_, "False"))), None)

    def _condition(self, type_: str, status: str) -> Condition | None:
        condition = self.conditions.get(type_)
        return condition if condition is not None and condition.status == status else None

    def _unreadable(self, path: tuple[str, ...], expected: str) -> Unreadable:
        return Unreadable(f"{'.'.join((*self._path, *path)) or 'the object'} is not {expected}")
