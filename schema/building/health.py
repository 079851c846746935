"""The field ``health`` of every kind, computed by the rules of :mod:`schema.health`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLString,
)

from schema.derivation import ABSENT, OF_KIND, Derivation, derived_field
from schema.health import Health, HealthRule, HealthRules, HealthStatus, health_of, health_paths
from schema.model import ObjectType, Scalar
from schema.resources import GroupVersion, GroupVersionKind, is_builtin_group
from schema.selection import Derived, Field, Leaf, Node, Selection

__all__ = [
    "HEALTH",
    "HEALTH_STATUS",
    "build_any_health_field",
    "build_health_field",
    "health_selection",
    "health_value",
]

HEALTH_STATUS = GraphQLEnumType(
    "HealthStatus",
    {
        status.value: GraphQLEnumValue(status.value, description=description)
        for status, description in (
            (HealthStatus.CURRENT, "The object is as its spec wants it."),
            (HealthStatus.IN_PROGRESS, "The object is on the way to its spec."),
            (HealthStatus.FAILED, "The object does not reach its spec without help."),
            (HealthStatus.TERMINATING, "The object is being deleted."),
            (HealthStatus.UNKNOWN, "The object does not tell."),
        )
    },
    description="The state of an object, by the rules of kstatus.",
)

HEALTH = GraphQLObjectType(
    "Health",
    {
        "status": GraphQLField(GraphQLNonNull(HEALTH_STATUS)),
        "reason": GraphQLField(
            GraphQLString, description="One word in CamelCase: the controller's own, else that of kstatus."
        ),
        "message": GraphQLField(GraphQLString, description="The reason in one sentence."),
    },
    description="The health of one object, from its own spec and status; other objects do not count.",
)

_DESCRIPTION = (
    "Whether the object is as its spec wants it: by the rules of kstatus for built-in kinds, by conditions"
    " (`Ready`, `Available`, `Stalled`, …) for all others."
)
_WHOLE = Node(
    HEALTH.name, tuple(Field(name, name, Leaf(Scalar.JSON)) for name in ("status", "reason", "message"))
)
_Path = tuple[str, ...]


def build_health_field(object_type: ObjectType, rules: HealthRules) -> GraphQLField:
    """The field of a kind, with the user's rules for it."""
    kinds = {(kind.group, kind.kind) for kind in object_type.kinds}
    if len(kinds) != 1:
        return build_any_health_field(rules)
    ((group, kind),) = kinds
    return derived_field(HEALTH, _derivation(object_type, group, kind, rules), _DESCRIPTION)


def health_selection(object_type: ObjectType, kind: GroupVersionKind, rules: HealthRules) -> Selection:
    """The compiled selection ``{ health { status reason message } }`` of objects of a kind."""
    derived = Derived(_derivation(object_type, kind.group, kind.kind, rules), _WHOLE)
    return _selection(Node(object_type.name, (Field("health", "health", derived),)))


@lru_cache(maxsize=256)
def _selection(tree: Node) -> Selection:
    return Selection(tree, only_metadata=tree.keys() <= {"metadata"})


def _derivation(object_type: ObjectType, group: str, kind: str, rules: HealthRules) -> Derivation:
    own = rules.of(group, kind)
    reads = _reads(object_type, group, health_paths(group, kind, own))
    return Derivation(reads, _HealthOf(group, kind, own, reads))


def build_any_health_field(rules: HealthRules) -> GraphQLField:
    """The field of objects whose kind is only known from the object itself."""

    def resolve(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> dict[str, str | None]:
        group, kind = GroupVersion.parse(str(source.get("apiVersion"))).group, str(source.get("kind"))
        return health_value(health_of(source, group, kind, rules.of(group, kind)))

    return GraphQLField(
        HEALTH, resolve=resolve, description=_DESCRIPTION, extensions={OF_KIND: _DerivationOfKind(rules)}
    )


@dataclass(frozen=True, slots=True)
class _DerivationOfKind:
    """The derivation of the health of any object of a kind."""

    rules: HealthRules

    def __call__(self, group: str, kind: str) -> Derivation:
        own = self.rules.of(group, kind)
        reads = health_paths(group, kind, own)
        return Derivation(reads, _HealthOf(group, kind, own, reads))


def health_value(health: Health) -> dict[str, str | None]:
    """The value of a field of type ``Health``."""
    return {"status": health.status.value, "reason": health.reason, "message": health.message}


def _reads(object_type: ObjectType, group: str, paths: Iterable[_Path]) -> tuple[_Path, ...]:
    """The paths that objects of the type can have.

    A built-in kind without ``status``, such as ConfigMap, then needs nothing but its metadata.
    """
    if not is_builtin_group(group):
        return tuple(paths)
    known = {property_.key for property_ in object_type.properties}
    return tuple(path for path in paths if path[0] in known)


@dataclass(frozen=True, slots=True)
class _HealthOf:
    """The function of the derivation: the health of many objects from the values at ``reads``."""

    group: str
    kind: str
    rules: tuple[HealthRule, ...]
    reads: tuple[_Path, ...]

    def __call__(self, *columns: list[msgspec.Raw]) -> list[dict[str, str | None]]:
        rows = zip(*columns, strict=True) if columns else repeat(())
        return [health_value(health_of(self._object(row), self.group, self.kind, self.rules)) for row in rows]

    def _object(self, row: tuple[msgspec.Raw, ...]) -> dict[str, Any]:
        """An object with the values at their paths."""
        built: dict[str, Any] = {}
        for path, value in zip(self.reads, row, strict=True):
            if value is ABSENT:
                continue
            inner = built
            for key in path[:-1]:
                inner = inner.setdefault(key, {})
            inner[path[-1]] = msgspec.json.decode(value)
        return built
