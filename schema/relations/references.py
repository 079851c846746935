"""References by their shape: the relations of a property that names another object.

Two forms are recognised in any type, also in custom resources:

- a *reference*: an object, or a list of objects, with ``name`` and optionally ``namespace``, and with
  ``kind`` (beside it ``apiVersion``, ``apiGroup`` or ``group``). Without ``kind``, the name of the property
  implies a well-known kind: ``secretRef``, ``configMapKeyRef``, ``imagePullSecrets``.
- a *name*: a text whose property is called after a well-known kind: ``serviceAccountName``, ``nodeName``.

The relation is called after the property without ``Ref`` or ``Name``; a property without such an ending keeps
its name and gets ``Object`` or ``Objects``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, ServedResource
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, Lookup, ObjectName, Origin
from schema.relations.paths import value_at
from schema.relations.relation import Arguments, Relation, Rule

__all__ = ["named_object", "references_of"]

_GROUPS: Mapping[str, tuple[str, str]] = {
    "secret": ("", "Secret"),
    "configMap": ("", "ConfigMap"),
    "service": ("", "Service"),
    "serviceAccount": ("", "ServiceAccount"),
    "node": ("", "Node"),
    "persistentVolume": ("", "PersistentVolume"),
    "persistentVolumeClaim": ("", "PersistentVolumeClaim"),
    "claim": ("", "PersistentVolumeClaim"),
    "storageClass": ("storage.k8s.io", "StorageClass"),
    "volumeAttributesClass": ("storage.k8s.io", "VolumeAttributesClass"),
    "priorityClass": ("scheduling.k8s.io", "PriorityClass"),
    "runtimeClass": ("node.k8s.io", "RuntimeClass"),
    "ingressClass": ("networking.k8s.io", "IngressClass"),
    "gatewayClass": ("gateway.networking.k8s.io", "GatewayClass"),
    "resourceClaim": ("resource.k8s.io", "ResourceClaim"),
    "resourceClaimTemplate": ("resource.k8s.io", "ResourceClaimTemplate"),
    "deviceClass": ("resource.k8s.io", "DeviceClass"),
}
"""Group and kind of the well-known kinds, by the word that names them in properties."""
_ENDINGS: Mapping[str, str] = {
    "Secret": "secret",
    "ConfigMap": "configMap",
    "ServiceAccount": "serviceAccount",
    "Node": "node",
}
"""Words that also name the kind at the end of a longer name: ``passwordSecretRef``."""
_NAMES_BY_TYPE: Mapping[tuple[str, str], str] = {
    ("io.k8s.api.core.v1.PersistentVolumeClaimSpec", "volumeName"): "persistentVolume",
}
_NOT_CLAIMS = frozenset(("claim",))
"""Words that name the kind only in ``xName``: a ``claimRef`` without a kind is of any kind."""
_NO_REFERENCES = frozenset(
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    )
)
_OWN_NAMES = "resourceClaimName"
"""Beside it, ``name`` is the object's own: in the entries of a pod's ``resourceClaims``."""
_REF_ENDINGS = ("KeyRef", "Reference", "Ref")
_LIST_ENDINGS = ("References", "Refs")
_EMBEDDED = frozenset(("metadata", "spec", "status"))


def references_of(model: Model, kinds: KindIndex, object_type: ObjectType) -> Iterator[tuple[str, Relation]]:
    """The relations of the type's properties, each with the name of its property."""
    if object_type.id in _NO_REFERENCES:
        return
    for property_ in object_type.properties:
        relation = (
            _by_name(kinds, object_type, property_)
            if property_.type is Scalar.STRING
            else _by_shape(model, kinds, property_)
        )
        if relation is not None:
            yield property_.name, relation


def _by_name(kinds: KindIndex, object_type: ObjectType, property_: Property) -> Relation | None:
    key = property_.key
    if not key.endswith("Name"):
        return None
    stem = key.removesuffix("Name")
    target = _well_known(kinds, _NAMES_BY_TYPE.get((object_type.id, key), stem))
    if target is None:
        return None
    return Relation(
        stem,
        Rule.REFERENCE,
        f"The {target.resource.kind.kind} that `{key}` names.",
        ((key,), (f"{stem}Namespace",)),
        _FindNamed(target),
        target,
    )


def _by_shape(model: Model, kinds: KindIndex, property_: Property) -> Relation | None:
    to_many = isinstance(property_.type, ListOf)
    inner = property_.type.items if isinstance(property_.type, ListOf) else property_.type
    if not isinstance(inner, Definition) or inner.id not in model.objects:
        return None
    shape = {item.key: item.type for item in model.objects[inner.id].properties}
    if shape.get("name") is not Scalar.STRING or not _EMBEDDED.isdisjoint(shape) or _OWN_NAMES in shape:
        return None
    stem, name = _names(property_.key, to_many)
    target = None
    if shape.get("kind") is not Scalar.STRING:
        target = None if stem in _NOT_CLAIMS else _well_known(kinds, stem)
        if target is None:
            return None
    return Relation(
        name,
        Rule.REFERENCE,
        _describe(property_.key, target, to_many),
        ((property_.key,),),
        _FindReferenced(target),
        target,
        to_many,
    )


def _describe(key: str, target: ServedResource | None, to_many: bool) -> str:
    kind = f"{target.resource.kind.kind}" if target else "object"
    if to_many:
        return f"The {kind}s to which the entries of `{key}` refer; missing ones are left out."
    return f"The {kind} to which `{key}` refers; null if it does not exist."


def _names(key: str, to_many: bool) -> tuple[str, str]:
    """The word that names the kind, and the name of the relation."""
    for ending in _LIST_ENDINGS if to_many else _REF_ENDINGS:
        stem = key.removesuffix(ending)
        if stem and stem != key:
            return stem, f"{stem}s" if to_many else stem
    if to_many:
        stem = key.removesuffix("s")
        return stem, f"{stem}Objects"
    stem = key.removesuffix("Object")
    return key, stem if stem != key else f"{key}Object"


def _well_known(kinds: KindIndex, word: str) -> ServedResource | None:
    known = _GROUPS.get(word) or next(
        (_GROUPS[stem] for ending, stem in _ENDINGS.items() if word.endswith(ending)), None
    )
    return kinds.of(*known) if known else None


def named_object(
    target: ServedResource, name: Any, namespace: Any, origin: Origin, uid: str = ""
) -> tuple[ObjectName, ...]:
    """The object of a resource by its name; empty without a name, or without the namespace that it needs."""
    if not isinstance(name, str) or not name:
        return ()
    if not target.resource.namespaced:
        return (ObjectName(target, name, uid=uid),)
    place = namespace if isinstance(namespace, str) and namespace else origin.namespace
    return (ObjectName(target, name, place, uid),) if place else ()


@dataclass(frozen=True, slots=True, eq=False)
class _FindNamed:
    target: ServedResource

    def __call__(self, origin: Origin, _arguments: Arguments, values: Sequence[Any]) -> Lookup:
        name, namespace = values
        return named_object(self.target, name, namespace, origin)


@dataclass(frozen=True, slots=True, eq=False)
class _FindReferenced:
    """``target`` is the implied kind, None if the reference has a kind."""

    target: ServedResource | None

    def __call__(self, origin: Origin, _arguments: Arguments, values: Sequence[Any]) -> Lookup:
        (value,) = values
        references = value if isinstance(value, list) else [value]
        return tuple(part for item in references for part in self._one(origin, item))

    def _one(self, origin: Origin, reference: Any) -> Lookup:
        name = value_at(reference, ("name",))
        namespace = value_at(reference, ("namespace",))
        if self.target is not None:
            return named_object(self.target, name, namespace, origin)
        texts = {key: value_at(reference, (key,)) for key in ("kind", "apiVersion", "apiGroup", "group")}
        if not isinstance(name, str) or not name or not isinstance(texts["kind"], str):
            return ()
        group = texts["apiGroup"] if isinstance(texts["apiGroup"], str) else texts["group"]
        api_version = texts["apiVersion"] if isinstance(texts["apiVersion"], str) else None
        kind = KindName.of(texts["kind"], api_version, group if isinstance(group, str) else None)
        place = namespace if isinstance(namespace, str) and namespace else origin.namespace
        return (ObjectName(kind, name, place, near=origin.group),)
