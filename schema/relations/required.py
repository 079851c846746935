"""Required references: the objects that an object names and cannot do without.

Every reference of a kind counts (:mod:`schema.relations.references`), at any depth, those of custom resources
included, but for these:

- those of custom resources that have a kind and whose property does not end in ``Ref`` or ``Reference``:
  filters and patches have the same shape;
- optional ones, by a field ``optional`` of the reference or beside it (volumes, variables);
- those in ``status``, which report and do not require;
- those in objects that a controller computes, or that are used once or not at all
  (:data:`_COMPUTED`, :data:`_NOT_REQUIRED`, :data:`_NOT_REQUIRED_KEYS`);
- those of objects that have finished or are being deleted, and those in the pod templates of ReplicaSets and
  Jobs that have a controller: the template is a copy of the controller's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schema.model import Model, ServedResource
from schema.relations.kinds import KindIndex
from schema.relations.lookup import ObjectName, Origin
from schema.relations.nesting import nested_in
from schema.relations.paths import decode_parts, value_at, values_at
from schema.relations.references import references_of
from schema.relations.relation import Arguments, Relation

__all__ = ["ReferenceFinder", "RequiredReferences"]

_CORE, _RBAC = "io.k8s.api.core.v1", "io.k8s.api.rbac.v1"
_NOT_REQUIRED_KEYS = frozenset(
    (
        # kubelet pulls without secrets that do not exist
        "imagePullSecrets",
        # volumes may have a class without an object
        "storageClassName",
        # read once, when the volume is provisioned
        "dataSource",
        "dataSourceRef",
    )
)
"""Properties whose references may dangle, in pods and claims that are part of a custom resource, too."""
_NOT_REQUIRED = frozenset(
    (
        (f"{_CORE}.ServiceAccount", "secrets"),
        # a volume outlasts its claim
        (f"{_CORE}.PersistentVolumeSpec", "claimRef"),
        # a binding may come before its subjects; Kubernetes' own do
        (f"{_RBAC}.RoleBinding", "subjects"),
        (f"{_RBAC}.ClusterRoleBinding", "subjects"),
        # `*` stands for all accounts of a namespace
        ("io.k8s.api.flowcontrol.v1.Subject", "serviceAccount"),
    )
)
"""Properties of one type whose references may dangle."""
_COMPUTED = frozenset(
    (
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("resource.k8s.io", "ResourceSlice"),
        ("storage.k8s.io", "CSIStorageCapacity"),
    )
)
"""Kinds whose objects a controller derives from others, by group and kind."""
_COPIES = frozenset((("apps", "ReplicaSet"), ("batch", "Job")))
"""Kinds whose pod template is a copy of their controller's."""
_FINISHED_PHASES = ("Succeeded", "Failed")
_FINISHED_CONDITIONS = ("Complete", "Failed")
_STATE = (
    "metadata.deletionTimestamp",
    "metadata.ownerReferences[].controller",
    "status.phase",
    "status.conditions[].type",
    "status.conditions[].status",
)
_BUILTIN = "io.k8s.api."
_ENDINGS = ("Ref", "Refs", "Reference", "References")
_FEW_PLACES = 8
"""Up to so many, only the values at the places are decoded."""
_OPTIONAL = "optional"
_ARGUMENTS = Arguments()


@dataclass(frozen=True, slots=True)
class _Place:
    """The references of one property, of the objects at ``path`` (empty: of the object itself)."""

    path: str
    key: str
    relation: Relation

    @property
    def reads(self) -> Iterator[str]:
        """The paths of the values that it needs."""
        for key, *_ in self.relation.reads:
            is_list = self.relation.to_many and key == self.key
            yield _joined(self.path, f"{key}[]" if is_list else key)
        yield _joined(self.path, _OPTIONAL)

    def collect(self, around: Mapping[str, Any], origin: Origin, names: dict[ObjectName, None]) -> None:
        """Add the objects that the references of ``around`` name."""
        values = [_required(value_at(around, path)) for path in self.relation.reads]
        if all(value is None for value in values):
            return
        for part in self.relation.find(origin, _ARGUMENTS, values):
            if isinstance(part, ObjectName):
                names[part] = None


@dataclass(frozen=True, slots=True)
class _Node:
    """The places of the objects at one path, and the nodes of the objects below, by key."""

    places: list[_Place] = field(default_factory=list)
    below: dict[str, "_Node"] = field(default_factory=dict)

    def add(self, place: _Place) -> None:
        node = self
        for step in place.path.split(".") if place.path else ():
            node = node.below.setdefault(step.removesuffix("[]"), _Node())
        node.places.append(place)

    def collect(self, value: Any, origin: Origin, names: dict[ObjectName, None]) -> None:
        """Add the objects to which a value refers; a list refers to the objects of all its items."""
        # without the generators of objects_at, which take as long as the rest
        if isinstance(value, list):
            for item in value:
                self.collect(item, origin, names)
            return
        if not isinstance(value, dict):
            return
        if self.places and value.get(_OPTIONAL) is not True:
            for place in self.places:
                if place.key in value:
                    place.collect(value, origin, names)
        for key, node in self.below.items():
            if (inner := value.get(key)) is not None:
                node.collect(inner, origin, names)


class RequiredReferences:
    """The required references of the objects of one kind."""

    def __init__(self, served: ServedResource, places: Iterable[_Place]) -> None:
        self._kind = served.resource.kind.group, served.resource.kind.kind
        found = list(places)
        self._root = _Node()
        for place in found:
            self._root.add(place)
        self._number = len(found)
        reads = dict.fromkeys(path for place in found for path in place.reads)
        self._paths = (*_STATE, *(path for path in reads if not path.startswith(("metadata.", "status."))))

    def __bool__(self) -> bool:
        return self._number > 0

    def find(self, body: bytes | msgspec.Raw, namespace: str) -> list[ObjectName]:
        """The objects that an object requires, each once.

        ``namespace`` is the object's own. Raises msgspec.DecodeError for malformed JSON.
        """
        # parts of a CustomResourceDefinition are few, and the rest is large
        is_partial = self._number <= _FEW_PLACES
        decoded = decode_parts(body, self._paths) if is_partial else msgspec.json.decode(body)
        if not isinstance(decoded, dict) or _requires_nothing(decoded, self._kind):
            return []
        names: dict[ObjectName, None] = {}
        self._root.collect(decoded, Origin(namespace, self._kind[0]), names)
        return list(names)


class ReferenceFinder:
    """The required references of the kinds of a model; computed for each kind on first use."""

    def __init__(self, model: Model) -> None:
        self.kinds = KindIndex(model)
        self._model = model
        self._by_type: dict[str, tuple[_Place, ...]] = {}
        self._of_kind: dict[str, RequiredReferences] = {}

    def of(self, served: ServedResource) -> RequiredReferences:
        """The required references of the objects of a resource; false if the kind has none."""
        found = self._of_kind.get(served.object)
        if found is None:
            found = self._of_kind[served.object] = RequiredReferences(served, self._of_resource(served))
        return found

    def _of_resource(self, served: ServedResource) -> Iterator[_Place]:
        kind = served.resource.kind
        if (kind.group, kind.kind) in _COMPUTED:
            return
        for place in self._of(served.object):
            first = place.path.partition(".")[0] or place.key
            if first not in ("metadata", "status"):
                yield place

    def _of(self, id_: str) -> tuple[_Place, ...]:
        """The references of a type and of the types inside of it; a type inside of itself counts once."""
        if id_ not in self._by_type:
            self._by_type[id_] = ()
            self._by_type[id_] = tuple(self._places(id_))
        return self._by_type[id_]

    def _places(self, id_: str) -> Iterator[_Place]:
        object_type = self._model.objects[id_]
        keys = {property_.name: property_.key for property_ in object_type.properties}
        for name, relation in references_of(self._model, self.kinds, object_type):
            key = keys[name]
            is_certain = relation.target is not None or id_.startswith(_BUILTIN) or key.endswith(_ENDINGS)
            may_dangle = key in _NOT_REQUIRED_KEYS or (id_, key) in _NOT_REQUIRED
            if is_certain and not may_dangle and _is_plain(key):
                yield _Place("", key, relation)
        for nested in nested_in(self._model, id_):
            key = nested.property.key
            # a path has no notation for lists of lists
            if nested.lists > 1 or not _is_plain(key):
                continue
            for place in self._of(nested.id):
                path = _joined(f"{key}[]" if nested.lists else key, place.path)
                yield _Place(path, place.key, place.relation)


def _joined(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path and rest else path or rest


def _is_plain(key: str) -> bool:
    """Whether a path can contain the key."""
    return "." not in key and "[" not in key


def _required(value: Any) -> Any:
    """The value without the references that are optional."""
    if isinstance(value, list):
        return [item for item in value if value_at(item, (_OPTIONAL,)) is not True]
    return None if value_at(value, (_OPTIONAL,)) is True else value


def _requires_nothing(decoded: Mapping[str, Any], kind: tuple[str, str]) -> bool:
    if value_at(decoded, ("metadata", "deletionTimestamp")):
        return True
    if kind in _COPIES and True in values_at(decoded, "metadata.ownerReferences[].controller"):
        return True
    if kind == ("", "Pod"):
        return value_at(decoded, ("status", "phase")) in _FINISHED_PHASES
    if kind == ("batch", "Job"):
        return any(
            value_at(item, ("status",)) == "True" and value_at(item, ("type",)) in _FINISHED_CONDITIONS
            for item in values_at(decoded, "status.conditions[]")
        )
    return False
