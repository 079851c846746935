"""The names of the root fields: pinned for every served version, short for the preferred one.

Design section 4, "Root fields" and "Short and pinned names". A pinned name always has an underscore and a
short name never has one, so that the two cannot collide.

A short name belongs to a built-in resource, else to the custom resource that was installed first
(:class:`~schema.installed.InstalledAPIs`); the other claimants have pinned names only. A resource also claims
the names of verbs that it does not serve: ``scalePod`` has no other owner, and filters change no name.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schema.installed import Age, InstalledAPIs
from schema.names import (
    Claim,
    Standing,
    by_place,
    camel,
    distinguished,
    legal,
    lower_camel,
    plural_noun,
    settle,
    snake,
)
from schema.resources import GroupVersionKind, GroupVersionResource, Resource
from schema.verbs import VERBS, Operation, Verb

__all__ = ["RESERVED_FIELDS", "RootNames", "names_depend_on_age", "root_names", "verbs_of"]

RESERVED_FIELDS = frozenset(
    {"version", "resources", "can", "canAll", "whoAmI", "object", "podLogs", "drainNode"}
    | {"applyManifest", "deleteManifest", "diffManifest"}
)

_RESERVED = frozenset((operation.value, name) for operation in Operation for name in RESERVED_FIELDS)
_LISTS = (Verb.LIST, Verb.WATCH_LIST)
_COMPILED_IN = frozenset(
    f"{name}.k8s.io"
    for name in (
        "admissionregistration",
        "apiextensions",
        "apiregistration",
        "authentication",
        "authorization",
        "certificates",
        "coordination",
        "discovery",
        "events",
        "flowcontrol.apiserver",
        "internal.apiserver",
        "networking",
        "node",
        "rbac.authorization",
        "resource",
        "scheduling",
        "storage",
        "storagemigration",
    )
)
"""Groups of the API server's own code, as of Kubernetes 1.36.

A group that is missing here costs two requests, for the age of its API; the names are the same.
"""


@dataclass(frozen=True, slots=True)
class RootNames:
    """The names of one resource's root fields, by verb.

    ``lost`` are the short names of the resource's nouns that another resource has, or none.
    """

    pinned: Mapping[Verb, str]
    short: Mapping[Verb, str]
    lost: Mapping[Verb, str]


@lru_cache(maxsize=4096)
def verbs_of(resource: Resource) -> tuple[Verb, ...]:
    """The verbs of the resource's root fields."""
    return tuple(verb for verb, spec in VERBS.items() if spec.is_served(resource))


def root_names(
    resources: Sequence[Resource],
    from_crds: Collection[GroupVersionKind] = (),
    installed: InstalledAPIs | None = None,
) -> list[RootNames]:
    """The names of the root fields, one RootNames per resource; ``resources`` are in discovery's order.

    ``from_crds`` are the kinds of custom resources, by the OpenAPI documents. ``installed`` has the ages of
    the APIs; it makes no difference unless :func:`names_depend_on_age`.
    """
    claims = _Claims(resources, from_crds, installed or InstalledAPIs())
    pinned, short = claims.pinned(), claims.short()
    names = []
    for number, resource in enumerate(resources):
        verbs, wishes = verbs_of(resource), _wishes(resource.gvr, resource.kind.kind)
        lost = wishes.short if resource.preferred else {}
        names.append(
            RootNames(
                {verb: pinned[number][verb] for verb in verbs},
                {verb: short[number][verb] for verb in verbs if verb in short[number]},
                {verb: lost[verb] for verb in verbs if lost.get(verb) != short[number].get(verb)},
            )
        )
    return names


def names_depend_on_age(resources: Sequence[Resource]) -> bool:
    """Whether several resources claim one name and an age may decide between them."""
    claims = _Claims(resources, (), InstalledAPIs())
    return any(
        len({claim.owner for claim in rivals}) > 1
        and not all(_is_compiled_in(resources[int(claim.owner)]) for claim in rivals)
        for place, rivals in by_place((*claims.all_short(), *claims.all_pinned())).items()
        if place not in _RESERVED
    )


class _Claims:
    """The claims of all resources; the owner of a claim is the number of its resource."""

    def __init__(
        self,
        resources: Sequence[Resource],
        from_crds: Collection[GroupVersionKind],
        installed: InstalledAPIs,
    ) -> None:
        self._resources = resources
        self._ranks = [_rank(resource, resource.kind in from_crds, installed) for resource in resources]

    def all_pinned(self) -> Iterator[Claim]:
        for number, resource in enumerate(self._resources):
            for verb, name in _wishes(resource.gvr, resource.kind.kind).pinned.items():
                yield self._claim(number, verb, name)

    def all_short(self) -> Iterator[Claim]:
        """Every name that a resource may get: its wishes and its substitute."""
        yield from self._wished()
        yield from self._substitutes(frozenset())

    def _wished(self) -> Iterator[Claim]:
        for number, wishes in self._preferred():
            for verb, name in wishes.short.items():
                yield self._claim(number, verb, name)

    def _substitutes(self, won: Collection[Claim]) -> Iterator[Claim]:
        """``podMetricsList`` for each list whose plural is not in ``won``."""
        for number, wishes in self._preferred():
            for verb in _LISTS if wishes.substitute else ():
                if self._claim(number, verb, wishes.short[verb]) not in won:
                    yield self._claim(number, verb, wishes.substitute)

    def _preferred(self) -> Iterator[tuple[int, "_Wishes"]]:
        for number, resource in enumerate(self._resources):
            if resource.preferred:
                yield number, _wishes(resource.gvr, resource.kind.kind)

    def _claim(self, number: int, verb: Verb, name: str) -> Claim:
        standing, age = self._ranks[number]
        return Claim(str(number), name, standing, VERBS[verb].operation, age)

    def pinned(self) -> list[dict[Verb, str]]:
        """The pinned name of each verb; a resource marks every contested name that it does not win alike."""
        won = {(claim.owner, claim.scope, claim.name) for claim in settle(self.all_pinned())}
        return [
            {
                verb: name
                if (str(number), VERBS[verb].operation, name) in won
                else distinguished(name, str(resource.gvr))
                for verb, name in _wishes(resource.gvr, resource.kind.kind).pinned.items()
            }
            for number, resource in enumerate(self._resources)
        ]

    def short(self) -> list[dict[Verb, str]]:
        """The short names that each resource wins, by verb.

        A list whose plural another kind has is named after its singular, if the resource has that. A resource
        that has its plural claims no other name: a custom kind ``PodList`` may have ``podList``.
        """
        wished = list(self._wished())
        substitutes = self._substitutes(settle(wished, _RESERVED))
        won = {(claim.owner, claim.scope, claim.name) for claim in settle((*wished, *substitutes), _RESERVED)}
        names: list[dict[Verb, str]] = []
        for number, resource in enumerate(self._resources):
            wishes = _wishes(resource.gvr, resource.kind.kind)
            names.append(
                {
                    verb: name
                    for verb, name in wishes.short.items()
                    if (str(number), VERBS[verb].operation, name) in won
                }
            )
            for verb in _LISTS if Verb.GET in names[number] else ():
                if (str(number), VERBS[verb].operation, wishes.substitute) in won:
                    names[number].setdefault(verb, wishes.substitute)
        return names


@dataclass(frozen=True, slots=True)
class _Wishes:
    """The names of a resource's fields unless they are contested, by verb.

    ``pods``, ``createPod``, ``patchPodStatus``; ``core_v1_pods``, ``apps_v1_patchDeployment``: a pinned name
    begins with group and version. ``substitute`` is the other name of the lists, ``podList``; empty if the
    plural is that already.
    """

    pinned: Mapping[Verb, str]
    short: Mapping[Verb, str]
    substitute: str


@lru_cache(maxsize=4096)
def _wishes(gvr: GroupVersionResource, kind: str) -> _Wishes:
    singular, plural = lower_camel(kind), plural_noun(kind, gvr.resource)
    words = {"singular": singular, "plural": plural, "kind": camel(kind)}
    short = {verb: spec.field.format_map(words) for verb, spec in VERBS.items()}
    prefix = f"{snake(gvr.group) or 'core'}_{snake(gvr.version)}"
    pinned = {verb: legal(f"{prefix}_{name}") for verb, name in short.items()}
    substitute = f"{singular}List"
    return _Wishes(pinned, short, substitute if substitute != plural else "")


def _rank(resource: Resource, from_crd: bool, installed: InstalledAPIs) -> tuple[Standing, Age | None]:
    if installed.is_builtin(resource, from_crd=from_crd):
        return Standing.BUILTIN, None
    return Standing.CUSTOM, installed.age(resource, from_crd=from_crd)


def _is_compiled_in(resource: Resource) -> bool:
    return "." not in resource.gvr.group or resource.gvr.group in _COMPILED_IN
