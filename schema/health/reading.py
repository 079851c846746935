"""Typed reads of a Kubernetes object's JSON, which may have any shape.

An absent value and null are the same. A value of another type than Kubernetes' raises :class:`Unreadable`,
which makes the object's health ``UNKNOWN``: no rule guesses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Condition", "Conditions", "Reader", "Unreadable"]


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
        self._value = value if type(value) is dict else dict(value)
        self._path = path

    def value(self, *path: str) -> Any:
        """The value at the path, None if it is absent."""
        value: Any = self._value
        for key in path:
            if type(value) is not dict:
                return self._value_below(path)
            value = value.get(key)
        return value

    def _value_below(self, path: tuple[str, ...]) -> None:
        """The value below one that is not an object: None below an absent one."""
        value: Any = self._value
        for depth, key in enumerate(path):
            if value is None:
                return
            if type(value) is not dict:
                raise self._unreadable(path[:depth], "a JSON object")
            value = value.get(key)

    def text(self, *path: str, default: str = "") -> str:
        """The string at the path."""
        value = self.value(*path)
        if type(value) is str:
            return value
        if value is not None:
            raise self._unreadable(path, "a string")
        return default

    def integer(self, *path: str, default: int = 0) -> int:
        """The integer at the path."""
        found = self.optional_integer(*path)
        return default if found is None else found

    def optional_integer(self, *path: str) -> int | None:
        """The integer at the path, None if it is absent."""
        value = self.value(*path)
        if value is not None and type(value) is not int:
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
        if value is not None and type(value) is not bool:
            raise self._unreadable(path, "a Boolean")
        return bool(value)

    def objects(self, *path: str) -> Iterator["Reader"]:
        """The JSON objects of the list at the path."""
        items = self.value(*path)
        if items is None:
            return
        if type(items) is not list:
            raise self._unreadable(path, "a list")
        for index, item in enumerate(items):
            yield Reader(item, (*self._path, *path, str(index)))

    @cached_property
    def conditions(self) -> "Conditions":
        """``status.conditions`` by type."""
        items = self.value("status", "conditions")
        if items is not None and type(items) is not list:
            raise self._unreadable(("status", "conditions"), "a list")
        return Conditions(items or [], (*self._path, "status", "conditions"))

    def true_condition(self, *types: str) -> Condition | None:
        """The first condition of the types whose status is ``True``."""
        return next((found for type_ in types if (found := self._condition(type_, "True"))), None)

    def false_condition(self, *types: str) -> Condition | None:
        """The first condition of the types whose status is ``False``."""
        return next((found for type_ in types if (found := self._condition(type_, "False"))), None)

    def _condition(self, type_: str, status: str) -> Condition | None:
        conditions = self.conditions
        return conditions[type_] if conditions.get_status(type_) == status else None

    def _unreadable(self, path: tuple[str, ...], expected: str) -> Unreadable:
        return Unreadable(f"{'.'.join((*self._path, *path)) or 'the object'} is not {expected}")


class Conditions(Mapping[str, Condition]):
    """Conditions by type, in their order; each is read when it is looked up."""

    def __init__(self, items: list[Any], path: tuple[str, ...]) -> None:
        try:
            self._items = {item["type"]: item for item in items}
        except (KeyError, TypeError):
            raise Unreadable(f"{'.'.join(path)} is not a list of conditions") from None
        self._path = path

    def __getitem__(self, type_: str) -> Condition:
        item = Reader(self._items[type_], (*self._path, type_))
        return Condition(
            type=type_,
            status=item.text("status"),
            reason=item.text("reason"),
            message=item.text("message"),
            since=item.text("lastTransitionTime"),
            observed_generation=item.optional_integer("observedGeneration"),
        )

    def get_status(self, type_: str) -> Any:
        """The status of a condition, None if it is absent."""
        item = self._items.get(type_)
        return None if item is None else item.get("status")

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, type_: object) -> bool:
        return type_ in self._items
