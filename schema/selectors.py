"""Label selectors and field selectors: parsing and matching.

Grammar and rules are the API server's (Kubernetes documentation, "Labels and Selectors" and "Field
Selectors"): a selector that it refuses with 400 is a ``ValueError`` here, any other has the same meaning.
The API server decides which fields of a kind are selectable: a :class:`FieldSelector` accepts any field.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = [
    "FieldRequirement",
    "FieldSelector",
    "LabelRequirement",
    "LabelSelector",
    "Operator",
    "escape_field_value",
    "label_key_problem",
    "label_value_problem",
    "parse_field_selector",
    "parse_label_selector",
    "read_label_selector",
]


class Operator(StrEnum):
    """The operator of a label requirement; the values are the selector language's own spelling."""

    IN = "in"
    NOT_IN = "notin"
    EQUALS = "="
    NOT_EQUALS = "!="
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = "gt"
    LESS_THAN = "lt"


@dataclass(frozen=True, slots=True)
class LabelRequirement:
    """One condition on one label key."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it; an absent key meets ``!=`` and ``notin``, as in the API server."""
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN | Operator.EQUALS:
                return value in self.values
            case Operator.NOT_IN | Operator.NOT_EQUALS:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None
            case Operator.GREATER_THAN | Operator.LESS_THAN:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not _INTEGER.fullmatch(value):
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator is Operator.GREATER_THAN else int(value) < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A conjunction of requirements; an empty one selects everything."""

    requirements: tuple[LabelRequirement, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """``field=value``, or ``field!=value`` if ``negated``."""

    field: str
    value: str
    negated: bool = False

    def matches(self, get: Callable[[str], str]) -> bool:
        return (get(self.field) == self.value) is not self.negated


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """A conjunction of requirements; an empty one selects everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it selects everything."""
        return not self.requirements

    @property
    def fields(self) -> frozenset[str]:
        """The fields of all requirements."""
        return frozenset(requirement.field for requirement in self.requirements)

    def matches(self, get: Callable[[str], str]) -> bool:
        """Whether an object matches; ``get`` returns the value of a field, the empty string if absent."""
        return all(requirement.matches(get) for requirement in self.requirements)

    def exact(self, field: str) -> str | None:
        """The value that ``field`` must have; None if the selector does not require exactly one."""
        return next(
            (
                requirement.value
                for requirement in self.requirements
                if requirement.field == field and not requirement.negated
            ),
            None,
        )


_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TOKEN = re.compile(r"==|!=|[=!<>(),]|[^=!<>(), \t\r\n]+")
_BINARY = {
    "in": Operator.IN,
    "notin": Operator.NOT_IN,
    "=": Operator.EQUALS,
    "==": Operator.EQUALS,
    "!=": Operator.NOT_EQUALS,
    ">": Operator.GREATER_THAN,
    "<": Operator.LESS_THAN,
}
_SYMBOLS = frozenset(("", "=", "==", "!=", "!", "<", ">", "(", ")", ","))


def label_key_problem(key: str) -> str | None:
    """The fault of a label key (``[prefix/]name``); None if it is valid."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return "the part before the slash must be a lower-case DNS subdomain of at most 253 characters"
    if len(name) > 63 or not _NAME.fullmatch(name):
        return "the name must be 1 to 63 letters, digits, '-', '_' and '.', alphanumeric at both ends"
    return None


def label_value_problem(value: str) -> str | None:
    """The fault of a label value; None if it is valid."""
    if value and (len(value) > 63 or not _NAME.fullmatch(value)):
        return "must be empty or 1 to 63 letters, digits, '-', '_' and '.', alphanumeric at both ends"
    return None


def parse_label_selector(text: str) -> LabelSelector:
    """Parse a label selector (``a=b,c!=d,e in (x,y),f notin (z),g,!h``). Raises ValueError."""
    tokens = _Tokens(_TOKEN.findall(text))
    requirements = []
    while tokens.peek():
        requirements.append(_parse_requirement(tokens))
        if not (separator := tokens.take()):
            break
        if separator != ",":
            raise ValueError(f"label selector: found {separator!r}, expected ',' or the end")
        if (following := tokens.peek()) in _SYMBOLS - {"!"}:
            raise ValueError(f"label selector: found {following!r}, expected a label key after ','")
    return LabelSelector(tuple(requirements))


class _Tokens:
    """The tokens of a label selector, from left to right; the empty string marks the end."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token


def _parse_requirement(tokens: _Tokens) -> LabelRequirement:
    first = tokens.take()
    absent = first == "!"
    key = tokens.take() if absent else first
    if key in _SYMBOLS:
        raise ValueError(f"label selector: found {key!r}, expected a label key")
    if absent or tokens.peek() in ("", ","):
        return _requirement(key, Operator.DOES_NOT_EXIST if absent else Operator.EXISTS, frozenset())
    if (operator := _BINARY.get(tokens.peek())) is None:
        raise ValueError(f"label selector: found {tokens.peek()!r}, expected one of {', '.join(_BINARY)}")
    tokens.take()
    if operator in (Operator.IN, Operator.NOT_IN):
        return _requirement(key, operator, frozenset(_parse_values(tokens)))
    return _requirement(key, operator, frozenset((_parse_value(tokens),)))


def _parse_value(tokens: _Tokens) -> str:
    if tokens.peek() in ("", ","):
        return ""
    if (value := tokens.take()) in _SYMBOLS:
        raise ValueError(f"label selector: found {value!r}, expected a value")
    return value


def _parse_values(tokens: _Tokens) -> Iterator[str]:
    if (opening := tokens.take()) != "(":
        raise ValueError(f"label selector: found {opening!r}, expected '('")
    while True:
        # a missing value is the empty string, as in "()" and "(a,)"
        yield "" if tokens.peek() in (",", ")") else tokens.take()
        if (separator := tokens.take()) == ")":
            return
        if separator != ",":
            raise ValueError(f"label selector: found {separator!r}, expected ',' or ')'")


def _requirement(key: str, operator: Operator, values: frozenset[str]) -> LabelRequirement:
    if problem := label_key_problem(key):
        raise ValueError(f"label selector: invalid key {key!r}: {problem}")
    for value in values:
        if problem := label_value_problem(value):
            raise ValueError(f"label selector: invalid value {value!r} for {key!r}: {problem}")
        if operator in (Operator.GREATER_THAN, Operator.LESS_THAN) and not _INTEGER.fullmatch(value):
            raise ValueError(f"label selector: {value!r} for {key!r} must be an integer to be compared")
    return LabelRequirement(key, operator, values)


_EXPRESSIONS = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}


def read_label_selector(selector: Mapping[str, Any]) -> LabelSelector:
    """Parse the ``LabelSelector`` of an object (``matchLabels``, ``matchExpressions``).

    Raises ValueError.
    """
    equal = [
        _requirement(key, Operator.EQUALS, frozenset((value,)))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    return LabelSelector((*equal, *map(_read_expression, selector.get("matchExpressions") or ())))


def _read_expression(expression: Mapping[str, Any]) -> LabelRequirement:
    operator = _EXPRESSIONS.get(expression.get("operator", ""))
    if operator is None:
        raise ValueError(f"label selector: unknown operator {expression.get('operator')!r}")
    return _requirement(expression.get("key", ""), operator, frozenset(expression.get("values") or ()))


_TERM = re.compile(r"(?:[^\\,]|\\.|\\$)+", re.DOTALL)
_COMPARISON = re.compile(r"(?P<field>.*?)(?P<operator>!=|==|=)(?P<value>.*)", re.DOTALL)
_VALUE = re.compile(r"(?:[^\\,=]|\\[\\,=])*")
_ESCAPED = re.compile(r"\\(.)")


def parse_field_selector(text: str) -> FieldSelector:
    """Parse a field selector (``metadata.name=x,spec.nodeName!=y``). Raises ValueError.

    In a value ``\\,``, ``\\=`` and ``\\\\`` escape the character.
    """
    terms = map(_parse_term, _TERM.findall(text))
    return FieldSelector(tuple(term for term in terms if term.field or term.value))


def _parse_term(term: str) -> FieldRequirement:
    if (parts := _COMPARISON.fullmatch(term)) is None:
        raise ValueError(f"field selector: {term!r} is not field=value or field!=value")
    if not _VALUE.fullmatch(parts["value"]):
        raise ValueError(f"field selector: {term!r} needs '\\' before each '\\', ',' and '=' of its value")
    return FieldRequirement(parts["field"], _ESCAPED.sub(r"\1", parts["value"]), parts["operator"] == "!=")


def escape_field_value(value: str) -> str:
    """Escape a value; the inverse of :func:`parse_field_selector`."""
    return re.sub(r"([\\,=])", r"\\\1", value)
