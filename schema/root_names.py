"""The names of the root fields: pinned for every served version, short for the preferred one.

Design section 4, "Root fields" and "Short and pinned names". Pinned names always have underscores and
short names never do, so that neither can be mistaken for the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schema.claims import Claim, Standing, is_builtin_group, settle
from schema.model import Verb
from schema.names import camel, distinguished, legal, lower_camel, plural_noun, snake
from schema.resources import GroupVersionKind, Resource

__all__ = ["RESERVED_FIELDS", "RootNames", "root_names", "verbs_of"]

RESERVED_FIELDS = frozenset({"version", "resources", "can", "object", "applyManifest", "podLogs"})
RESTARTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
PLURAL = (Verb.LIST, Verb.WATCH_LIST)
SINGULAR = (Verb.GET, Verb.WATCH_OBJECT)
ROOT_TYPE = {
    Verb.LIST: "Query",
    Verb.GET: "Query",
    Verb.WATCH_LIST: "Subscription",
    Verb.WATCH_OBJECT: "Subscription",
}
ROOT_TYPES = ("Query", "Mutation", "Subscription")


@dataclass(frozen=True, slots=True)
class RootNames:
    """The root fields of one resource, by what they do."""

    pinned: Mapping[Verb, str]
    short: Mapping[Verb, str]


def verbs_of(resource: Resource) -> tuple[Verb, ...]:
    """What can be done with the resource, as its discovery lists it."""
    status, scale = resource.subresource("status"), resource.subresource("scale")
    can_patch = "patch" in resource.verbs
    served = {
        Verb.LIST: "list" in resource.verbs,
        Verb.GET: "get" in resource.verbs,
        Verb.WATCH_LIST: "watch" in resource.verbs,
        Verb.WATCH_OBJECT: "watch" in resource.verbs,
        Verb.CREATE: "create" in resource.verbs,
        # applying creates what is not there
        Verb.APPLY: can_patch and "create" in resource.verbs,
        Verb.PATCH: can_patch,
        Verb.PATCH_STATUS: status is not None and "patch" in status.verbs,
        Verb.SCALE: scale is not None and "patch" in scale.verbs,
        Verb.DELETE: "delete" in resource.verbs,
        Verb.RESTART: can_patch and resource.gvr.group == "apps" and resource.kind.kind in RESTARTABLE,
    }
    return tuple(verb for verb, is_served in served.items() if is_served)


def root_names(
    resources: Sequence[Resource], from_crds: Collection[GroupVersionKind] = ()
) -> list[RootNames]:
    """The names of each resource's root fields; ``resources`` in discovery's order.

    ``from_crds``: the kinds known to be custom resources, whatever their group.
    """
    fields = [
        (number, resource, verb) for number, resource in enumerate(resources) for verb in verbs_of(resource)
    ]
    pinned_claims = [
        Claim(f"{number}", pinned_name(resource, verb), _standing(resource, from_crds), _scope(verb))
        for number, resource, verb in fields
    ]
    won = settle(pinned_claims)
    pinned: list[dict[Verb, str]] = [{} for _ in resources]
    for (number, resource, verb), claim in zip(fields, pinned_claims, strict=True):
        identity = f"{resource.gvr}/{verb}"
        pinned[number][verb] = claim.name if claim in won else distinguished(claim.name, identity)
    return [
        RootNames(pinned[number], short) for number, short in enumerate(_short_names(resources, from_crds))
    ]


def _short_names(
    resources: Sequence[Resource], from_crds: Collection[GroupVersionKind]
) -> list[dict[Verb, str]]:
    """A resource also claims the names of what it does not serve: ``scalePod`` is about no other Pod."""
    fields = [
        (number, resource, verb)
        for number, resource in enumerate(resources)
        if resource.preferred
        for verb in Verb
    ]
    claims = [
        Claim(f"{number}", short_name(resource, verb), _standing(resource, from_crds), _scope(verb))
        for number, resource, verb in fields
    ]
    served = [frozenset(verbs_of(resource)) for resource in resources]
    won = settle(claims, {(scope, name) for scope in ROOT_TYPES for name in RESERVED_FIELDS})
    names: list[dict[Verb, str]] = [{} for _ in resources]
    for (number, _, verb), claim in zip(fields, claims, strict=True):
        if claim in won and verb in served[number]:
            names[number][verb] = claim.name
    return names


def short_name(resource: Resource, verb: Verb) -> str:
    """``pods``, ``pod``, ``createPod``, ``patchPodStatus``: what the field is called unless contested."""
    kind = resource.kind.kind
    if verb in PLURAL:
        return plural_noun(kind, resource.gvr.resource)
    if verb in SINGULAR:
        return lower_camel(kind)
    if verb is Verb.PATCH_STATUS:
        return f"patch{camel(kind)}Status"
    return f"{verb}{camel(kind)}"


def pinned_name(resource: Resource, verb: Verb) -> str:
    """The short name with group and version in front: ``core_v1_pods``, ``apps_v1_patchDeployment``."""
    group = snake(resource.gvr.group) or "core"
    return legal(f"{group}_{snake(resource.gvr.version)}_{short_name(resource, verb)}")


def _scope(verb: Verb) -> str:
    return ROOT_TYPE.get(verb, "Mutation")


def _standing(resource: Resource, from_crds: Collection[GroupVersionKind]) -> Standing:
    if not is_builtin_group(resource.gvr.group):
        return Standing.CUSTOM
    return Standing.ADDON if resource.kind in from_crds else Standing.BUILTIN
