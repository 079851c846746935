"""Users' rules of health, from the ``health`` list of the relations file.

.. code-block:: yaml

    health:
      - group: argoproj.io          # absent: the core group
        kind: Workflow
        rules:                      # the first rule that matches decides
          - status: FAILED
            field: status.phase     # a key with dots: metadata.annotations[example.com/state]
            in: [Failed, Error]
            reason: status.phase    # a field of the object, as `message`; both are optional
            message: status.message
          - status: IN_PROGRESS
            field: status.finishedAt
            exists: false
          - status: CURRENT
            condition: Completed    # a condition of `status.conditions`
            is: "True"              # the default

An object that no rule matches gets the health that it has without rules. An object that is being deleted is
``TERMINATING`` before any rule.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schema.health.reading import Reader
from schema.health.verdict import Health, HealthStatus

__all__ = ["HealthRule", "HealthRules", "InvalidHealthRule", "parse_health_rules"]

_Path = tuple[str, ...]
_KIND_KEYS = frozenset({"group", "kind", "rules"})
_RULE_KEYS = frozenset({"status", "field", "in", "exists", "condition", "is", "reason", "message"})
_STATUSES = frozenset(HealthStatus)
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\[\]]+)\]")
_CONDITIONS: _Path = ("status", "conditions")


class InvalidHealthRule(ValueError):
    """An entry of the ``health`` list cannot be read; the message gives its place and the reason."""


@dataclass(frozen=True, slots=True)
class _FieldRule:
    """Matches if the value at ``path`` is one of ``values``, or, without values, by its presence."""

    status: HealthStatus
    path: _Path
    values: tuple[Any, ...] | None
    exists: bool
    reason: _Path | None
    message: _Path | None

    @property
    def paths(self) -> tuple[_Path, ...]:
        return tuple(path for path in (self.path, self.reason, self.message) if path is not None)

    def evaluate(self, found: Reader) -> Health | None:
        value = found.value(*self.path)
        if self.values is None:
            matches = (value is not None) == self.exists
        else:
            matches = any(type(value) is type(wanted) and value == wanted for wanted in self.values)
        if not matches:
            return None
        return Health(self.status, _text(found, self.reason), _text(found, self.message))


@dataclass(frozen=True, slots=True)
class _ConditionRule:
    """Matches if the condition has the status; the health gets its reason and message."""

    status: HealthStatus
    type: str
    wanted: str

    @property
    def paths(self) -> tuple[_Path, ...]:
        return (_CONDITIONS,)

    def evaluate(self, found: Reader) -> Health | None:
        condition = found.conditions.get(self.type)
        if condition is None or condition.status != self.wanted:
            return None
        return Health(self.status, condition.reason or None, condition.message or None)


HealthRule = _FieldRule | _ConditionRule
"""A rule: ``evaluate`` gives the health of an object that it matches, None for any other object, and raises
Unreadable; ``paths`` are the paths of the values that it reads. Hashable."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """The rules of all kinds, by group and kind."""

    by_kind: Mapping[tuple[str, str], tuple[HealthRule, ...]] = field(default_factory=dict)

    def of(self, group: str, kind: str) -> tuple[HealthRule, ...]:
        """The rules of a kind, in their order."""
        return self.by_kind.get((group, kind), ())


def parse_health_rules(document: object) -> HealthRules:
    """The rules of a relations file: the value of its key ``health``.

    ``document`` is the file as JSON values. Raises InvalidHealthRule.
    """
    entries = _mapping(document, "the file").get("health")
    by_kind: dict[tuple[str, str], tuple[HealthRule, ...]] = {}
    for index, entry in enumerate(_list(entries, "health")):
        place = f"health[{index}]"
        known = _known(entry, place, _KIND_KEYS)
        group, kind = _optional_text(known, "group", place) or "", _required_text(known, "kind", place)
        rules = tuple(
            _parse_rule(rule, f"{place}.rules[{number}]")
            for number, rule in enumerate(_list(known.get("rules"), f"{place}.rules"))
        )
        if not rules:
            raise InvalidHealthRule(f"{place}: rules is required")
        by_kind[group, kind] = (*by_kind.get((group, kind), ()), *rules)
    return HealthRules(by_kind)


def _parse_rule(rule: object, place: str) -> HealthRule:
    known = _known(rule, place, _RULE_KEYS)
    status = _required_text(known, "status", place)
    if status not in _STATUSES:
        raise InvalidHealthRule(f"{place}.status: {status!r} is none of {', '.join(HealthStatus)}")
    if ("field" in known) == ("condition" in known):
        raise InvalidHealthRule(f"{place}: exactly one of field and condition is required")
    if "condition" in known:
        _refuse(known, place, "condition", {"in", "exists", "reason", "message"})
        wanted = _optional_text(known, "is", place) or "True"
        return _ConditionRule(HealthStatus(status), _required_text(known, "condition", place), wanted)
    _refuse(known, place, "field", {"is"})
    if ("in" in known) == ("exists" in known):
        raise InvalidHealthRule(f"{place}: exactly one of in and exists is required")
    return _FieldRule(
        HealthStatus(status),
        _parse_path(_required_text(known, "field", place), f"{place}.field"),
        _values(known, place) if "in" in known else None,
        _flag(known, "exists", place),
        *(_optional_path(known, key, place) for key in ("reason", "message")),
    )


def _values(known: Mapping[str, Any], place: str) -> tuple[Any, ...]:
    values = _list(known["in"], f"{place}.in")
    if not values or not all(isinstance(value, str | int | float | bool) for value in values):
        raise InvalidHealthRule(f"{place}.in: a list of texts, numbers or Booleans is required")
    return tuple(values)


def _parse_path(text: str, place: str) -> _Path:
    steps = list(_STEP.finditer(text))
    if "".join(step.group() for step in steps) != text or text.startswith("."):
        raise InvalidHealthRule(f"{place}: {text!r} is no path such as status.phase")
    return tuple(step.group(1) or step.group(2) for step in steps)


def _optional_path(known: Mapping[str, Any], key: str, place: str) -> _Path | None:
    text = _optional_text(known, key, place)
    return None if text is None else _parse_path(text, f"{place}.{key}")


def _refuse(known: Mapping[str, Any], place: str, subject: str, keys: set[str]) -> None:
    if refused := sorted(keys & known.keys()):
        raise InvalidHealthRule(f"{place}: {', '.join(refused)} cannot be combined with {subject}")


def _known(value: object, place: str, keys: frozenset[str]) -> Mapping[str, Any]:
    mapping = _mapping(value, place)
    if unknown := sorted(map(str, mapping.keys() - keys)):
        raise InvalidHealthRule(f"{place}: unknown {', '.join(unknown)}; known are {', '.join(sorted(keys))}")
    return mapping


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidHealthRule(f"{place}: a mapping is required")
    return value


def _list(value: object, place: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidHealthRule(f"{place}: a list is required")
    return value


def _required_text(known: Mapping[str, Any], key: str, place: str) -> str:
    text = _optional_text(known, key, place)
    if not text:
        raise InvalidHealthRule(f"{place}: {key} is required")
    return text


def _optional_text(known: Mapping[str, Any], key: str, place: str) -> str | None:
    value = known.get(key)
    if not isinstance(value, str | None):
        raise InvalidHealthRule(f"{place}.{key}: a text is required")
    return value


def _flag(known: Mapping[str, Any], key: str, place: str) -> bool:
    value = known.get(key, True)
    if not isinstance(value, bool):
        raise InvalidHealthRule(f"{place}.{key}: true or false is required")
    return value


def _text(found: Reader, path: _Path | None) -> str | None:
    value = None if path is None else found.value(*path)
    if value is None:
        return None
    return value if isinstance(value, str) else str(value)
