"""What of a cluster's API is served at all: allow and deny lists, in the words of RBAC and of kubectl.

A pattern is ``RESOURCE[.GROUP][/SUBRESOURCE][:VERB[+VERB…]]``, as ``kubectl create role --resource`` has it,
with the verbs behind:

- ``RESOURCE`` is a plural, singular, kind or short name in any case; it stands for its subresources too.
- ``GROUP`` is an API group, ``core`` for the one without a name; without it, any group.
- ``VERB`` is one of the API's verbs; without any, all of them.
- ``*`` in the first three stands for any text.

What is excluded stays in discovery without its verbs: nothing of it is served, and yet it keeps its
claims on names, so that no list ever changes what the name of something else means.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from schema.discovery import Discovery
from schema.lowering.claims import is_builtin_group
from schema.resources import GroupVersion, Resource

__all__ = ["VERBS", "Filters", "MalformedPattern", "Pattern"]

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
CORE = "core"
PATTERN = re.compile(
    r"(?P<resource>[\w*-]+)(?:\.(?P<group>[\w*-]+(?:\.[\w*-]+)*))?(?:/(?P<subresource>[\w*-]+))?(?::(?P<verbs>.*))?"
)
GROUP = re.compile(r"[\w*-]+(?:\.[\w*-]+)*")
SEPARATOR = re.compile(r"[,\s]+")


class MalformedPattern(ValueError):
    """A pattern that cannot be read; the message quotes it and says what one looks like."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern as it was written; what is None stands for anything."""

    text: str
    resource: str = "*"
    group: str | None = None
    subresource: str | None = None
    verbs: frozenset[str] | None = None

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read ``secrets``, ``deployments.apps/scale``, ``*:get+list+watch``; raises MalformedPattern."""
        match = PATTERN.fullmatch(text)
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
        if not GROUP.fullmatch(text):
            raise MalformedPattern(f"{text!r} is no API group, such as core, apps or *.k8s.io")
        return cls(text, group=text.lower())

    def matches(self, resource: Resource, subresource: str | None, verb: str) -> bool:
        """Whether it covers that verb on the resource, or on a subresource of it."""
        if self.verbs is not None and verb not in self.verbs:
            return False
        if self.subresource is not None and (
            subresource is None or not _is_like(self.subresource, subresource)
        ):
            return False
        return self.names(resource)

    def names(self, resource: Resource) -> bool:
        """Whether it is about that resource."""
        if self.group is not None and not _is_like(self.group, resource.gvr.group or CORE):
            return False
        names = (resource.gvr.resource, resource.kind.kind, resource.singular, *resource.short_names)
        return any(_is_like(self.resource, name) for name in names)


@dataclass(frozen=True, slots=True)
class Filters:
    """Allow lists, each of which has to allow what is served where it is not empty, and a deny list."""

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
        """Read the lists; each text holds any number of patterns, separated by commas or blanks.

        ``groups`` and ``kinds`` are further allow lists, of groups and of kinds. Raises MalformedPattern.
        """
        allowed = (
            tuple(map(Pattern.parse, _split(include))),
            tuple(map(Pattern.parse_group, _split(groups))),
            tuple(map(Pattern.parse_kind, _split(kinds))),
        )
        return cls(tuple(filter(None, allowed)), tuple(map(Pattern.parse, _split(exclude))))

    def apply(self, discovery: Discovery) -> Discovery:
        """The same discovery, without the verbs and the subresources that the lists do not leave.

        Custom groups of which nothing is left are not among its ``group_versions``: their documents need
        not be fetched.
        """
        if not self.allowed and not self.denied:
            return discovery
        resources = tuple(map(self._restrict, discovery.resources))
        return replace(
            discovery,
            resources=resources,
            group_versions=tuple(_still_served(discovery.group_versions, resources)),
        )

    def unmatched(self, discovery: Discovery) -> tuple[str, ...]:
        """The patterns that match nothing of what is served: most likely typing errors."""
        patterns = [*(each for patterns in self.allowed for each in patterns), *self.denied]
        places = [
            (resource, subresource, verb)
            for resource in discovery.resources
            for subresource, verbs in _verbs_by_place(resource)
            for verb in verbs
        ]
        matched = {each for each in patterns if any(each.matches(*place) for place in places)}
        return tuple(each.text for each in patterns if each not in matched)

    def _restrict(self, resource: Resource) -> Resource:
        subresources = (
            replace(each, verbs=self._left(resource, each.name, each.verbs)) for each in resource.subresources
        )
        return replace(
            resource,
            verbs=self._left(resource, None, resource.verbs),
            subresources=tuple(each for each in subresources if each.verbs),
        )

    def _left(self, resource: Resource, subresource: str | None, verbs: frozenset[str]) -> frozenset[str]:
        return frozenset(verb for verb in verbs if self._allows(resource, subresource, verb))

    def _allows(self, resource: Resource, subresource: str | None, verb: str) -> bool:
        def any_of(patterns: tuple[Pattern, ...]) -> bool:
            return any(each.matches(resource, subresource, verb) for each in patterns)

        return all(map(any_of, self.allowed)) and not any_of(self.denied)


def _parse_verbs(text: str, verbs: str | None) -> frozenset[str] | None:
    if verbs is None:
        return None
    parsed = frozenset(verbs.lower().split("+"))
    if unknown := sorted(parsed - {*VERBS, "*"}):
        raise MalformedPattern(
            f"{text!r}: {unknown[0]!r} is no verb; verbs are {', '.join(VERBS)}, joined by +"
        )
    return None if "*" in parsed else parsed


def _split(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from filter(None, SEPARATOR.split(text))


def _is_like(pattern: str, name: str) -> bool:
    """Whether a pattern in lower case stands for the name."""
    name = name.lower()
    if "*" not in pattern:
        return pattern == name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def _verbs_by_place(resource: Resource) -> Iterator[tuple[str | None, frozenset[str]]]:
    yield None, resource.verbs
    for each in resource.subresources:
        yield each.name, each.verbs


def _still_served(
    group_versions: Iterable[GroupVersion], resources: Iterable[Resource]
) -> Iterator[GroupVersion]:
    """Kubernetes' own stay in any case: their definitions settle who has which plain type name."""
    left: dict[GroupVersion, bool] = {}
    for each in resources:
        serves = bool(each.verbs or each.subresources)
        left[each.gvr.group_version] = left.get(each.gvr.group_version, False) or serves
    for group_version in group_versions:
        if is_builtin_group(group_version.group) or left.get(group_version, True):
            yield group_version
