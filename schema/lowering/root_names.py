"""The names of the root fields: pinned for every served version, short for the preferred one.

Design section 4, "Root fields" and "Short and pinned names". A pinned name always has an underscore and a
short name never has one, so that the two cannot collide.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schema.names import (
    Claim,
    Standing,
    camel,
    distinguished,
    legal,
    lower_camel,
    plural_noun,
    settle,
    snake,
)
from schema.resources import GroupVersionKind, GroupVersionResource, Resource, is_builtin_group
from schema.verbs import VERBS, Operation, Verb

__all__ = ["RESERVED_FIELDS", "RootNames", "root_names", "verbs_of"]

RESERVED_FIELDS = frozenset({"version", "resources", "can", "object", "applyManifest", "podLogs"})


@dataclass(frozen=True, slots=True)
class RootNames:
    """The names of one resource's root fields, by verb."""

    pinned: Mapping[Verb, str]
    short: Mapping[Verb, str]


def verbs_of(resource: Resource) -> tuple[Verb, ...]:
    """The verbs of the resource's root fields."""
    return tuple(verb for verb, spec in VERBS.items() if spec.is_served(resource))


def root_names(
    resources: Sequence[Resource], from_crds: Collection[GroupVersionKind] = ()
) -> list[RootNames]:
    """The names of the root fields, one RootNames per resource; ``resources`` are in discovery's order.

    ``from_crds`` are the kinds that are known to be custom resources, in any group.
    """
    wishes = [_wishes(resource.gvr, resource.kind.kind) for resource in resources]
    standings = [_standing(resource, from_crds) for resource in resources]
    served = [verbs_of(resource) for resource in resources]
    fields = [
        (number, resource, verb) for number, resource in enumerate(resources) for verb in served[number]
    ]
    pinned_claims = [
        Claim(f"{number}", wishes[number].pinned[verb], standings[number], VERBS[verb].operation)
        for number, _, verb in fields
    ]
    won = settle(pinned_claims)
    pinned: list[dict[Verb, str]] = [{} for _ in resources]
    for (number, resource, verb), claim in zip(fields, pinned_claims, strict=True):
        identity = f"{resource.gvr}/{verb}"
        pinned[number][verb] = claim.name if claim in won else distinguished(claim.name, identity)
    short = _settle_short(resources, wishes, standings)
    return [
        RootNames(pinned[number], {verb: short[number][verb] for verb in verbs if verb in short[number]})
        for number, verbs in enumerate(served)
    ]


def _settle_short(
    resources: Sequence[Resource], wishes: Sequence[RootNames], standings: Sequence[Standing]
) -> list[dict[Verb, str]]:
    """A resource also claims the names of verbs that it does not serve: ``scalePod`` has no other owner."""
    claims = {
        Claim(f"{number}", name, standings[number], VERBS[verb].operation): (number, verb)
        for number, resource in enumerate(resources)
        if resource.preferred
        for verb, name in wishes[number].short.items()
    }
    won = settle(claims, {(scope, name) for scope in Operation for name in RESERVED_FIELDS})
    names: list[dict[Verb, str]] = [{} for _ in resources]
    for claim, (number, verb) in claims.items():
        if claim in won:
            names[number][verb] = claim.name
    return names


@lru_cache(maxsize=4096)
def _wishes(gvr: GroupVersionResource, kind: str) -> RootNames:
    """The names of the fields unless they are contested; a pinned name begins with group and version.

    ``pods``, ``createPod``, ``patchPodStatus``; ``core_v1_pods``, ``apps_v1_patchDeployment``.
    """
    words = {"singular": lower_camel(kind), "plural": plural_noun(kind, gvr.resource), "kind": camel(kind)}
    short = {verb: spec.field.format_map(words) for verb, spec in VERBS.items()}
    prefix = f"{snake(gvr.group) or 'core'}_{snake(gvr.version)}"
    return RootNames({verb: legal(f"{prefix}_{name}") for verb, name in short.items()}, short)


def _standing(resource: Resource, from_crds: Collection[GroupVersionKind]) -> Standing:
    if not is_builtin_group(resource.gvr.group):
        return Standing.CUSTOM
    return Standing.ADDON if resource.kind in from_crds else Standing.BUILTIN
