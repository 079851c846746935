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
from itertools import takewhile

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
from schema.verbs import VERBS, FieldVerb, Operation, Verb, claimed_verbs, spec_of, verbs_of

__all__ = ["RESERVED_FIELDS", "RootNames", "names_depend_on_age", "root_names"]

RESERVED_FIELDS = frozenset(
    {"version", "resources", "can", "canAll", "whoAmI", "object", "podLogs", "drainNode"}
    | {"tree", "problems"}
    | {"applyManifest", "deleteManifest", "diffManifest"}
)

_RESERVED = frozenset((operation.value, name) for operation in Operation for name in RESERVED_FIELDS)
_NAMED_BY_PLURAL = (Verb.LIST, Verb.WATCH_LIST, Verb.DELETE_COLLECTION)
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

    pinned: Mapping[FieldVerb, str]
    short: Mapping[FieldVerb, str]
    lost: Mapping[FieldVerb, str]


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
        verbs, wishes = verbs_of(resource), _wishes(resource)
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
            for verb, name in _wishes(resource).pinned.items():
                yield self._claim(number, verb, name)

    def all_short(self) -> Iterator[Claim]:
        """Every name that a resource may get: its short and its pinned names, and its substitute."""
        yield from self._wished()
        for number, wishes in self._preferred():
            for verb, name in wishes.substitutes.items():
                yield self._claim(number, verb, name)

    def _wished(self) -> Iterator[Claim]:
        for number, wishes in self._preferred():
            for verb, name in wishes.short.items():
                yield self._claim(number, verb, name)

    def _substitutes(self, won: Collection[Claim]) -> Iterator[Claim]:
        """``podMetricsList`` for each list whose plural is not in ``won``, if the resource's singular is."""
        for number, wishes in self._preferred():
            if self._claim(number, Verb.GET, wishes.short[Verb.GET]) not in won:
                continue
            for verb, name in wishes.substitutes.items():
                if self._claim(number, verb, wishes.short[verb]) not in won:
                    yield self._claim(number, verb, name)

    def _preferred(self) -> Iterator[tuple[int, "_Wishes"]]:
        for number, resource in enumerate(self._resources):
            if resource.preferred:
                yield number, _wishes(resource)

    def _claim(self, number: int, verb: FieldVerb, name: str) -> Claim:
        standing, age = self._ranks[number]
        return Claim(str(number), name, standing, spec_of(verb).operation, age)

    def pinned(self) -> list[dict[FieldVerb, str]]:
        """The pinned name of each verb; a resource marks every contested name that it does not win alike."""
        won = {(claim.owner, claim.scope, claim.name) for claim in settle(self.all_pinned())}
        return [
            {
                verb: name
                if (str(number), spec_of(verb).operation, name) in won
                else distinguished(name, str(resource.gvr))
                for verb, name in _wishes(resource).pinned.items()
            }
            for number, resource in enumerate(self._resources)
        ]

    def short(self) -> list[dict[FieldVerb, str]]:
        """The short names that each resource wins, by verb.

        A field whose plural another kind has is named after its singular, if the resource has that. A
        resource that has its plural claims no other name: a custom kind ``PodList`` may have ``podList``.
        """
        wished = list(self._wished())
        substitutes = self._substitutes(settle(wished, _RESERVED))
        won = {(claim.owner, claim.scope, claim.name) for claim in settle((*wished, *substitutes), _RESERVED)}
        names: list[dict[FieldVerb, str]] = []
        for number, resource in enumerate(self._resources):
            wishes = _wishes(resource)
            names.append(
                {
                    verb: name
                    for verb, name in wishes.short.items()
                    if (str(number), spec_of(verb).operation, name) in won
                }
            )
            for verb, name in wishes.substitutes.items() if Verb.GET in names[number] else ():
                if (str(number), spec_of(verb).operation, name) in won:
                    names[number].setdefault(verb, name)
        return names


@dataclass(frozen=True, slots=True)
class _Wishes:
    """The names of a resource's fields unless they are contested, by verb.

    ``pods``, ``createPod``, ``patchPodStatus``; ``core_v1_pods``, ``apps_v1_patchDeployment``: a pinned name
    begins with group and version. ``substitutes`` are the other names of the fields that contain the plural:
    ``podList``, ``deletePodList``. It is empty if the plural is that already.
    """

    pinned: Mapping[FieldVerb, str]
    short: Mapping[FieldVerb, str]
    substitutes: Mapping[FieldVerb, str]


def _wishes(resource: Resource) -> _Wishes:
    return _wishes_of(resource.gvr, resource.kind.kind, claimed_verbs(resource))


@lru_cache(maxsize=4096)
def _wishes_of(gvr: GroupVersionResource, kind: str, more: tuple[FieldVerb, ...]) -> _Wishes:
    singular, plural = lower_camel(kind), plural_noun(kind, gvr.resource)
    words = _words(kind, singular, plural)
    short: dict[FieldVerb, str] = {}
    for verb in (*VERBS, *more):
        name = spec_of(verb).field.format_map(words)
        # only an aggregated API can have subresources whose names differ only in case or punctuation
        short[verb] = distinguished(name, str(verb)) if name in short.values() and verb in more else name
    prefix = f"{snake(gvr.group) or 'core'}_{snake(gvr.version)}"
    pinned = {verb: legal(f"{prefix}_{name}") for verb, name in short.items()}
    others = _words(kind, singular, f"{singular}List")
    substitutes: dict[FieldVerb, str] = {
        verb: VERBS[verb].field.format_map(others) for verb in _NAMED_BY_PLURAL
    }
    if others["plural"] == plural:
        substitutes.clear()
    return _Wishes(pinned, short, substitutes)


def _words(kind: str, singular: str, plural: str) -> Mapping[str, str]:
    """The nouns of a field's name; ``kinds`` is the plural noun in the capitalisation of the kind."""
    letters = zip(singular, plural, strict=False)
    stem = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
    kinds = camel(kind)[:stem] + plural[stem:] if stem else plural[:1].upper() + plural[1:]
    return {"singular": singular, "plural": plural, "kind": camel(kind), "kinds": kinds}


def _rank(resource: Resource, from_crd: bool, installed: InstalledAPIs) -> tuple[Standing, Age | None]:
    if installed.is_builtin(resource, from_crd=from_crd):
        return Standing.BUILTIN, None
    return Standing.CUSTOM, installed.age(resource, from_crd=from_crd)


def _is_compiled_in(resource: Resource) -> bool:
    return "." not in resource.gvr.group or resource.gvr.group in _COMPILED_IN
