"""Filters on the served API: allow and deny lists of patterns, in the terms of RBAC and kubectl.

A pattern is ``RESOURCE[.GROUP][/SUBRESOURCE][:VERB[+VERB…]]``, as in ``kubectl create role --resource``,
followed by verbs:

- ``RESOURCE`` is a plural, singular, kind or short name in any case; it includes the subresources.
- ``GROUP`` is an API group, ``core`` for the core group. Default: any group.
- ``VERB`` is one of the API's verbs. Default: all verbs.
- ``*`` in the first three matches any text.

An excluded resource stays in discovery without verbs. It has no root fields, but keeps its claims on names:
a filter never changes the meaning of another name.

:func:`find_resource` uses the same patterns to look up a resource by a name, as kubectl does.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from schema.discovery import Discovery
from schema.resources import GroupVersion, Resource, is_builtin_group

__all__ = ["Filters", "MalformedPattern", "Pattern", "find_resource"]

API_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_CORE = "core"
_PATTERN = re.compile(
    r"(?P<resource>[\w*-]+)(?:\.(?P<group>[\w*-]+(?:\.[\w*-]+)*))?(?:/(?P<subresource>[\w*-]+))?(?::(?P<verbs>.*))?"
)
_GROUP = re.compile(r"[\w*-]+(?:\.[\w*-]+)*")
_SEPARATOR = re.compile(r"[,\s]+")


class MalformedPattern(ValueError):
    """A malformed pattern; the message quotes it and gives the syntax."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern; None matches anything. ``text`` is its source text."""

    text: str
    resource: str = "*"
    group: str | None = None
    subresource: str | None = None
    verbs: frozenset[str] | None = None

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read ``secrets``, ``deployments.apps/scale``, ``*:get+list+watch``; raises MalformedPattern."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise MalformedPattern(
                f"{text!r} is no pattern: RESOURCE[.GROUP][/SUBRESOURCE][:VERB+VERB…], such as secrets, "
                "deployments.apps, *.cert-manager.io or *:get+list+watch"
            )
        return cls(
            text,
            match["resource"].lower(),
            match["group"] and match["group"].lower(),
            match["subresource"] and match["subresource"].lower(),
            _parse_verbs(text, match["verbs"]),
        )

    @classmethod
    def parse_kind(cls, text: str) -> "Pattern":
        """Read ``KIND[.GROUP]``; raises MalformedPattern."""
        pattern = cls.parse(text)
        if pattern.subresource is not None or pattern.verbs is not None:
            raise MalformedPattern(
                f"{text!r} is no kind: KIND[.GROUP], such as Deployment or Certificate.cert-manager.io"
            )
        return pattern

    @classmethod
    def parse_group(cls, text: str) -> "Pattern":
        """Read an API group; raises MalformedPattern."""
        if not _GROUP.fullmatch(text):
            raise MalformedPattern(f"{text!r} is no API group, such as core, apps or *.k8s.io")
        return cls(text, group=text.lower())

    def matches(self, resource: Resource, subresource: str | None, verb: str) -> bool:
        """Whether it matches the verb on the resource or on its subresource."""
        if self.verbs is not None and verb not in self.verbs:
            return False
        if self.subresource is not None and (
            subresource is None or not _is_like(self.subresource, subresource)
        ):
            return False
        return self.names(resource)

    def names(self, resource: Resource) -> bool:
        """Whether it matches a name of the resource."""
        if self.group is not None and not _is_like(self.group, resource.gvr.group or _CORE):
            return False
        names = (resource.gvr.resource, resource.kind.kind, resource.singular, *resource.short_names)
        return any(_is_like(self.resource, name) for name in names)


@dataclass(frozen=True, slots=True)
class Filters:
    """Allow lists, every non-empty one of which has to match, and a deny list, which must not match."""

    allowed: tuple[tuple[Pattern, ...], ...] = ()
    denied: tuple[Pattern, ...] = ()

    @classmethod
    def parse(
        cls,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        groups: Iterable[str] = (),
        kinds: Iterable[str] = (),
    ) -> "Filters":
        """Parse the lists; a text holds any number of patterns, separated by commas or blanks.

        ``groups`` and ``kinds`` are further allow lists, of groups and of kinds. Raises MalformedPattern.
        """
        allowed = (
            tuple(map(Pattern.parse, _split(include))),
            tuple(map(Pattern.parse_group, _split(groups))),
            tuple(map(Pattern.parse_kind, _split(kinds))),
        )
        return cls(tuple(filter(None, allowed)), tuple(map(Pattern.parse, _split(exclude))))

    def apply(self, discovery: Discovery) -> Discovery:
        """The discovery without the filtered verbs.

        Its ``group_versions`` omit custom groups without a served resource: their documents are not needed.
        """
        if not self.allowed and not self.denied:
            return discovery
        resources = self.restrict(discovery.resources)
        return replace(
            discovery,
            resources=resources,
            group_versions=tuple(_still_served(discovery.group_versions, resources)),
        )

    def restrict(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """The resources without the filtered verbs and subresources."""
        return tuple(map(self._restrict, resources))

    def unmatched(self, discovery: Discovery) -> tuple[str, ...]:
        """The patterns that match nothing in discovery, most likely typing errors."""
        patterns = [*chain.from_iterable(self.allowed), *self.denied]
        places = [
            (resource, subresource, verb)
            for resource in discovery.resources
            for subresource, verbs in _verbs_by_place(resource)
            for verb in verbs
        ]
        matched = {pattern for pattern in patterns if any(pattern.matches(*place) for place in places)}
        return tuple(pattern.text for pattern in patterns if pattern not in matched)

    def _restrict(self, resource: Resource) -> Resource:
        subresources = (
            replace(subresource, verbs=self._allowed_verbs(resource, subresource.name, subresource.verbs))
            for subresource in resource.subresources
        )
        return replace(
            resource,
            verbs=self._allowed_verbs(resource, None, resource.verbs),
            # without verbs a subresource keeps its claims on names (schema.verbs.subresources)
            subresources=tuple(subresources),
        )

    def _allowed_verbs(
        self, resource: Resource, subresource: str | None, verbs: frozenset[str]
    ) -> frozenset[str]:
        return frozenset(verb for verb in verbs if self._allows(resource, subresource, verb))

    def _allows(self, resource: Resource, subresource: str | None, verb: str) -> bool:
        def any_of(patterns: tuple[Pattern, ...]) -> bool:
            return any(pattern.matches(resource, subresource, verb) for pattern in patterns)

        return all(map(any_of, self.allowed)) and not any_of(self.denied)


def _parse_verbs(text: str, verbs: str | None) -> frozenset[str] | None:
    if verbs is None:
        return None
    parsed = frozenset(verbs.lower().split("+"))
    if unknown := sorted(parsed - {*API_VERBS, "*"}):
        raise MalformedPattern(
            f"{text!r}: {unknown[0]!r} is no verb; verbs are {', '.join(API_VERBS)}, joined by +"
        )
    return None if "*" in parsed else parsed


def _split(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, _SEPARATOR.split(text))


def _is_like(pattern: str, name: str) -> bool:
    """Whether a lower-case pattern matches the name."""
    name = name.lower()
    if "*" not in pattern:
        return pattern == name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def _verbs_by_place(resource: Resource) -> Iterator[tuple[str | None, frozenset[str]]]:
    yield None, resource.verbs
    for subresource in resource.subresources:
        yield subresource.name, subresource.verbs


def _still_served(
    group_versions: Iterable[GroupVersion], resources: Iterable[Resource]
) -> Iterator[GroupVersion]:
    """Built-in groups always stay: their definitions determine the owners of plain type names."""
    is_served: dict[GroupVersion, bool] = {}
    for resource in resources:
        group_version = resource.gvr.group_version
        serves = any(verbs for _, verbs in _verbs_by_place(resource))
        is_served[group_version] = is_served.get(group_version, False) or serves
    for group_version in group_versions:
        if is_builtin_group(group_version.group) or is_served.get(group_version, True):
            yield group_version


def find_resource(name: str, resources: Iterable[Resource]) -> Resource | None:
    """Find a resource by its plural, singular, kind or short name in any case, optionally with ``.GROUP``.

    A full name wins over a short one, then the group's preferred version, then discovery's order. None if
    no resource has the name. Raises MalformedPattern for a text that is not a name.
    """
    pattern = Pattern.parse_kind(name)
    if "*" in name:
        raise MalformedPattern(f"{name!r} is not the name of one resource")
    matching = [resource for resource in resources if pattern.names(resource)]
    return min(
        matching, key=lambda resource: (_is_short(pattern, resource), not resource.preferred), default=None
    )


def _is_short(pattern: Pattern, resource: Resource) -> bool:
    full = (resource.gvr.resource, resource.singular, resource.kind.kind)
    return pattern.resource not in map(str.lower, full)
