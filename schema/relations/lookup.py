"""Lookups: where the related objects of one object are found.

A lookup is a tuple of parts; the related objects are the objects of all parts, in this order. Equal lookups
find the same objects, so that a batch looks up each one once.
"""

from dataclasses import dataclass

from schema.model import ServedResource
from schema.relations.matches import Match
from schema.resources import GroupVersion

__all__ = ["KindName", "Lookup", "ObjectName", "Origin", "Search", "TopOwner"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The object from which a relation starts: its namespace (empty: none) and its API group."""

    namespace: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class KindName:
    """A kind as references name it; ``group`` and ``version`` are None where the reference has none."""

    kind: str
    group: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, kind: str, api_version: str | None, group: str | None = None) -> "KindName":
        """From an ``apiVersion``, or else an ``apiGroup``."""
        if api_version:
            parsed = GroupVersion.parse(api_version)
            return cls(kind, parsed.group, parsed.version)
        return cls(kind, group)

    @classmethod
    def parse(cls, text: str) -> "KindName":
        """From ``Pod``, ``Deployment.apps`` or ``apps/v1/Deployment``; a kind alone is of any group."""
        if "/" in text:
            api_version, _, kind = text.rpartition("/")
            return cls.of(kind, api_version)
        kind, _, group = text.partition(".")
        return cls(kind, group or None)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """One object by its name. With ``uid`` only the object with that UID, not a later one of the same name.

    ``kind`` is a resource of the schema, or a kind that is yet to be found, first in the group ``near``.
    """

    kind: ServedResource | KindName
    name: str
    namespace: str = ""
    uid: str = ""
    near: str = ""

    def __hash__(self) -> int:
        # a ServedResource holds mappings
        return hash((self.name, self.namespace, self.uid))


@dataclass(frozen=True, slots=True)
class Search:
    """The objects of a kind in a namespace (None: in all) that ``match`` one of the ``keys``."""

    kind: ServedResource | KindName
    match: Match
    keys: tuple[str, ...]
    namespace: str | None = None

    def __hash__(self) -> int:
        # without the match: thousands of searches have the same one
        return hash((self.keys, self.namespace))


@dataclass(frozen=True, slots=True)
class TopOwner:
    """The last object of the chain of controllers that begins with ``first``."""

    first: ObjectName


Lookup = tuple[ObjectName | Search | TopOwner, ...]
