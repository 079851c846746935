"""The relations of objects as a whole: of every kind, and of the built-in kinds one by one.

This module is the table of rules and exceptions; each ``_find_`` function turns the values that a relation
reads into a lookup. The relations of references are in :mod:`schema.relations.references`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from schema.model import ServedResource
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, Lookup, ObjectName, Origin, Search, TopOwner
from schema.relations.matches import (
    All,
    FieldValue,
    LabelValue,
    Match,
    Named,
    OwnedBy,
    Selected,
    Selecting,
    selector_text,
)
from schema.relations.paths import texts_at, value_at
from schema.relations.references import named_object
from schema.relations.relation import Arguments, Find, Path, Relation, Rule

__all__ = ["SELECTORS", "common_relations", "kind_relations", "namespace_relation", "selector_relation"]

_NAME: Path = ("metadata", "name")
_UID: Path = ("metadata", "uid")
_LABELS: Path = ("metadata", "labels")
_OWNERS: Path = ("metadata", "ownerReferences")
_SPEC: Path = ("spec",)
Values = Sequence[Any]

POD = ("", "Pod")

_DEPENDENTS: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("apps", "Deployment"): (("apps", "ReplicaSet"),),
    ("apps", "ReplicaSet"): (POD,),
    ("apps", "StatefulSet"): (POD, ("apps", "ControllerRevision")),
    ("apps", "DaemonSet"): (POD, ("apps", "ControllerRevision")),
    ("", "ReplicationController"): (POD,),
    ("batch", "CronJob"): (("batch", "Job"),),
    ("batch", "Job"): (POD,),
    ("", "Service"): (("discovery.k8s.io", "EndpointSlice"),),
    ("", "Pod"): (("", "PersistentVolumeClaim"), ("resource.k8s.io", "ResourceClaim")),
    ("", "Node"): (POD, ("coordination.k8s.io", "Lease"), ("storage.k8s.io", "CSINode")),
}
"""The kinds of the dependents that the controllers of Kubernetes create."""
_USUAL_DEPENDENTS = (
    POD,
    ("apps", "ReplicaSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("", "Service"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("", "PersistentVolumeClaim"),
    ("networking.k8s.io", "Ingress"),
)
"""The kinds that other controllers usually create."""

SELECTORS: Mapping[tuple[str, str], tuple[Path, bool]] = {
    ("apps", "Deployment"): (("spec", "selector"), True),
    ("apps", "ReplicaSet"): (("spec", "selector"), True),
    ("apps", "StatefulSet"): (("spec", "selector"), True),
    ("apps", "DaemonSet"): (("spec", "selector"), True),
    ("batch", "Job"): (("spec", "selector"), True),
    ("", "ReplicationController"): (("spec", "selector"), False),
    ("", "Service"): (("spec", "selector"), False),
    ("policy", "PodDisruptionBudget"): (("spec", "selector"), True),
    ("networking.k8s.io", "NetworkPolicy"): (("spec", "podSelector"), True),
}
"""The built-in kinds that select pods: the path of the selector, and whether an empty one selects all."""
_SELECTED_BY: Mapping[str, tuple[str, str]] = {
    "services": ("", "Service"),
    "networkPolicies": ("networking.k8s.io", "NetworkPolicy"),
    "podDisruptionBudgets": ("policy", "PodDisruptionBudget"),
}
"""The way back: the relations of Pod."""

_CONTAINERS = ("containers[]", "initContainers[]", "ephemeralContainers[]")
_USED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "ConfigMap"): (
        "volumes[].configMap.name",
        "volumes[].projected.sources[].configMap.name",
        *(f"{container}.envFrom[].configMapRef.name" for container in _CONTAINERS),
        *(f"{container}.env[].valueFrom.configMapKeyRef.name" for container in _CONTAINERS),
    ),
    ("", "Secret"): (
        "volumes[].secret.secretName",
        "volumes[].projected.sources[].secret.name",
        *(f"{container}.envFrom[].secretRef.name" for container in _CONTAINERS),
        *(f"{container}.env[].valueFrom.secretKeyRef.name" for container in _CONTAINERS),
        "imagePullSecrets[].name",
        "volumes[].cephfs.secretRef.name",
        "volumes[].csi.nodePublishSecretRef.name",
        "volumes[].flexVolume.secretRef.name",
        "volumes[].iscsi.secretRef.name",
        "volumes[].rbd.secretRef.name",
        "volumes[].azureFile.secretName",
    ),
    ("", "PersistentVolumeClaim"): ("volumes[].persistentVolumeClaim.claimName",),
}
"""Where the spec of a pod names objects of its namespace."""
_POD_SPECS: Mapping[tuple[str, str], str] = {
    POD: "spec",
    ("apps", "Deployment"): "spec.template.spec",
    ("apps", "ReplicaSet"): "spec.template.spec",
    ("apps", "StatefulSet"): "spec.template.spec",
    ("apps", "DaemonSet"): "spec.template.spec",
    ("", "ReplicationController"): "spec.template.spec",
    ("batch", "Job"): "spec.template.spec",
    ("batch", "CronJob"): "spec.jobTemplate.spec.template.spec",
}
_OTHER_USES: Mapping[tuple[str, str], Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "Secret"): {
        ("networking.k8s.io", "Ingress"): ("spec.tls[].secretName",),
        ("", "ServiceAccount"): ("secrets[].name", "imagePullSecrets[].name"),
    },
}
_USES_OF_POD: Mapping[str, tuple[str, str]] = {
    "configMaps": ("", "ConfigMap"),
    "secrets": ("", "Secret"),
    "persistentVolumeClaims": ("", "PersistentVolumeClaim"),
}
_SERVICE_NAME = "kubernetes.io/service-name"
_BACKENDS = ("spec.defaultBackend.service.name", "spec.rules[].http.paths[].backend.service.name")
_LEASE_NAMESPACE = "kube-node-lease"


def common_relations(kinds: KindIndex) -> dict[str, Relation]:
    """The relations of every object, which the interface of all kinds has, too."""
    own = [
        Relation(
            "owner",
            Rule.OWNER,
            "The controller of the object, else its first owner: from `metadata.ownerReferences`.",
            (_OWNERS,),
            _find_owner,
        ),
        Relation(
            "owners",
            Rule.OWNER,
            "All owners of the object, from `metadata.ownerReferences`; missing ones are left out.",
            (_OWNERS,),
            _find_owners,
            to_many=True,
        ),
        Relation(
            "dependents",
            Rule.OWNER,
            "The objects that have this one in their `metadata.ownerReferences`. `kinds` are `Pod`,"
            " `ReplicaSet.apps`, …. Default: the kinds that Kubernetes itself creates for this one; for"
            " other kinds the usual workloads and the kinds of the same API group.",
            (_UID, ("apiVersion",), ("kind",)),
            partial(_find_dependents, kinds),
            to_many=True,
            takes_kinds=True,
        ),
    ]
    event = kinds.of("", "Event")
    if event is not None:
        own.append(
            Relation(
                "events",
                Rule.EXCEPTION,
                "The events about the object, by `involvedObject.uid`.",
                (_UID, _NAME, ("kind",)),
                partial(_find_events, event),
                event,
                to_many=True,
            )
        )
    return {relation.name: relation for relation in own}


def namespace_relation(kinds: KindIndex) -> Iterator[Relation]:
    """``inNamespace``, of the namespaced kinds."""
    namespace = kinds.of("", "Namespace")
    if namespace is not None:
        find = partial(_find_namespace, namespace)
        yield Relation(
            "inNamespace", Rule.EXCEPTION, "The object's namespace as an object.", (), find, namespace
        )


def selector_relation(kinds: KindIndex, path: Path, empty_selects: bool) -> Iterator[Relation]:
    """``pods``, of a kind with a selector of pods at the path."""
    pod = kinds.of(*POD)
    if pod is not None:
        yield Relation(
            "pods",
            Rule.SELECTOR,
            f"The pods that `{'.'.join(path)}` selects.",
            (path,),
            partial(_find_selected, pod, empty_selects),
            pod,
            to_many=True,
        )


def kind_relations(kinds: KindIndex, group: str, kind: str) -> Iterator[Relation]:
    """The relations of one built-in kind, as far as the related kinds are served."""
    own = (group, kind)
    if own in SELECTORS:
        yield from selector_relation(kinds, *SELECTORS[own])
    if own in _USED:
        yield _used_by(kinds, own)
    for row in _ROWS.get(own, ()):
        target = kinds.of(*row.target)
        if target is not None:
            yield row.relation(target)
    if own == POD:
        yield Relation(
            "workload",
            Rule.EXCEPTION,
            "The top of the chain of controllers: the Deployment of a pod, not its ReplicaSet.",
            (_OWNERS,),
            _find_workload,
        )
    if own == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        yield Relation(
            "instances",
            Rule.EXCEPTION,
            "The objects of the kind that it defines, of all namespaces.",
            (("spec", "group"), ("spec", "names", "kind")),
            _find_instances,
            to_many=True,
        )


def _used_by(kinds: KindIndex, used: tuple[str, str]) -> Relation:
    places = {kind: tuple(f"{spec}.{path}" for path in _USED[used]) for kind, spec in _POD_SPECS.items()}
    others = _OTHER_USES.get(used, {})
    default = [POD, *others]
    names = ", ".join(f"`{kind}`" for _, kind in default)
    return Relation(
        "usedBy",
        Rule.EXCEPTION,
        f"The objects of its namespace whose specification names it. `kinds` is {names} by default; workloads"
        " such as `Deployment` can be named, whose pod template counts.",
        (_NAME,),
        partial(_find_users, kinds, {**places, **others}, default),
        to_many=True,
        takes_kinds=True,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A relation to one kind; ``find`` gets the target's resource first."""

    name: str
    target: tuple[str, str]
    description: str
    reads: tuple[Path, ...]
    find: Callable[[ServedResource, Origin, Arguments, Values], Lookup]
    to_many: bool = False
    rule: Rule = Rule.EXCEPTION

    def relation(self, target: ServedResource) -> Relation:
        find: Find = partial(self.find, target)
        return Relation(self.name, self.rule, self.description, self.reads, find, target, self.to_many)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else ()


def _owner_name(reference: Any, origin: Origin) -> Lookup:
    texts = [value_at(reference, (key,)) for key in ("kind", "name", "apiVersion", "uid")]
    if not all(isinstance(text, str) and text for text in texts):
        return ()
    kind, name, api_version, uid = texts
    return (ObjectName(KindName.of(kind, api_version), name, origin.namespace, uid),)


def _controller(references: Any) -> Any:
    found = references if isinstance(references, list) else []
    return next((item for item in found if value_at(item, ("controller",)) is True), None)


def _find_owner(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    references = values[0] if isinstance(values[0], list) else []
    return _owner_name(_controller(references) or next(iter(references), None), origin)


def _find_owners(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    references = values[0] if isinstance(values[0], list) else []
    return tuple(part for item in references for part in _owner_name(item, origin))


def _find_workload(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return tuple(
        TopOwner(first)
        for first in _owner_name(_controller(values[0]), origin)
        if isinstance(first, ObjectName)
    )


def _find_dependents(kinds: KindIndex, origin: Origin, arguments: Arguments, values: Values) -> Lookup:
    uid, api_version, kind = values
    own = KindName.of(str(kind), str(api_version))
    if arguments.kinds is not None:
        targets = [_kind(kinds, text, origin) for text in arguments.kinds]
    elif (defaults := _DEPENDENTS.get((own.group or "", own.kind))) is not None:
        targets = [served for default in defaults if (served := kinds.of(*default))]
    else:
        usual = [served for default in _USUAL_DEPENDENTS if (served := kinds.of(*default))]
        group = () if origin.group == "" else kinds.of_group(origin.group)
        targets = [*usual, *(served for served in group if served not in usual)]
    return tuple(
        Search(served, OwnedBy(), _texts(uid), _place(served, origin))
        for served in targets
        if "list" in served.resource.verbs and (served.resource.namespaced or not origin.namespace)
    )


def _kind(kinds: KindIndex, text: str, origin: Origin) -> ServedResource:
    served = kinds.find(KindName.parse(text), origin.group)
    if served is None:
        raise ValueError(f"the cluster serves no kind {text}, or several of that name: give `Kind.group`")
    return served


def _place(served: ServedResource, origin: Origin) -> str | None:
    return (origin.namespace or None) if served.resource.namespaced else None


def _find_events(event: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    uid, name, kind = values
    # the kubelet has the name of its node as the UID of the node's events
    keys = (*_texts(uid), *(_texts(name) if kind == "Node" and uid else ()))
    return (Search(event, FieldValue("involvedObject.uid"), keys, origin.namespace or None),)


def _find_namespace(target: ServedResource, origin: Origin, _arguments: Arguments, _values: Values) -> Lookup:
    return named_object(target, origin.namespace, None, origin)


def _find_instances(_origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    group, kind = values
    if not isinstance(group, str) or not isinstance(kind, str):
        return ()
    return (Search(KindName(kind, group), All(), ("",)),)


def _find_selected(
    pod: ServedResource, empty_selects: bool, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    text = selector_text(values[0], empty_selects=empty_selects)
    keys = () if text is None else (text,)
    return (Search(pod, Selected(), keys, origin.namespace or None),)


def _find_selecting(
    match: Match, target: ServedResource, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    labels = values[0] if isinstance(values[0], dict) else {}
    key = msgspec.json.encode(labels, order="sorted").decode()
    return (Search(target, match, (key,), origin.namespace or None),)


def _find_users(
    kinds: KindIndex,
    places: Mapping[tuple[str, str], tuple[str, ...]],
    default: Sequence[tuple[str, str]],
    origin: Origin,
    arguments: Arguments,
    values: Values,
) -> Lookup:
    if arguments.kinds is None:
        targets = [served for item in default if (served := kinds.of(*item))]
    else:
        targets = [_kind(kinds, text, origin) for text in arguments.kinds]
    searches: list[Search] = []
    for served in targets:
        kind = served.resource.kind
        paths = places.get((kind.group, kind.kind))
        if paths is None:
            raise ValueError(f"objects of kind {kind.kind} cannot use it: `kinds` takes {_listed(places)}")
        searches.append(Search(served, Named(paths), _texts(values[0]), origin.namespace or None))
    return tuple(searches)


def _listed(places: Mapping[tuple[str, str], object]) -> str:
    return ", ".join(kind for _, kind in places)


def _find_used(
    paths: tuple[str, ...], target: ServedResource, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    names = texts_at(values[0], paths)
    return tuple(part for name in names for part in named_object(target, name, None, origin))


def _find_by_name(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return named_object(target, values[0], None, origin)


def _find_lease(target: ServedResource, _origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return named_object(target, values[0], _LEASE_NAMESPACE, Origin())


def _find_claim(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    name, namespace = (value_at(values[0], (key,)) for key in ("name", "namespace"))
    return named_object(target, name, namespace, origin)


def _searching(match: Match, *, everywhere: bool = False) -> Callable[..., Lookup]:
    """Finds the objects of the target whose match has the first value as its key."""

    def find(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
        return (Search(target, match, _texts(values[0]), None if everywhere else origin.namespace or None),)

    return find


_ROWS: Mapping[tuple[str, str], tuple[_Row, ...]] = {
    POD: (
        _Row(
            "node",
            ("", "Node"),
            "The node of the pod: `spec.nodeName`.",
            (("spec", "nodeName"),),
            _find_by_name,
        ),
        _Row(
            "serviceAccount",
            ("", "ServiceAccount"),
            "The account of the pod: `spec.serviceAccountName`.",
            (("spec", "serviceAccountName"),),
            _find_by_name,
        ),
        *(
            _Row(
                name,
                target,
                f"The objects of kind {target[1]} that `spec` names in volumes, containers and pull secrets.",
                (_SPEC,),
                partial(_find_used, _USED[target]),
                to_many=True,
            )
            for name, target in _USES_OF_POD.items()
        ),
        *(
            _Row(
                name,
                target,
                f"The objects of kind {target[1]} whose `{'.'.join(SELECTORS[target][0])}` selects the pod.",
                (_LABELS,),
                partial(_find_selecting, Selecting(*SELECTORS[target])),
                to_many=True,
                rule=Rule.SELECTOR,
            )
            for name, target in _SELECTED_BY.items()
        ),
        _Row(
            "metrics", ("metrics.k8s.io", "PodMetrics"), "The pod's current usage.", (_NAME,), _find_by_name
        ),
    ),
    ("", "Node"): (
        _Row(
            "pods",
            POD,
            "The pods of the node, by `spec.nodeName`.",
            (_NAME,),
            _searching(FieldValue("spec.nodeName"), everywhere=True),
            to_many=True,
        ),
        _Row(
            "lease",
            ("coordination.k8s.io", "Lease"),
            "The node's heartbeat: the Lease of its name in `kube-node-lease`.",
            (_NAME,),
            _find_lease,
        ),
        _Row(
            "metrics", ("metrics.k8s.io", "NodeMetrics"), "The node's current usage.", (_NAME,), _find_by_name
        ),
    ),
    ("", "Service"): (
        _Row(
            "endpointSlices",
            ("discovery.k8s.io", "EndpointSlice"),
            f"The EndpointSlices of the service, by the label `{_SERVICE_NAME}`.",
            (_NAME,),
            _searching(LabelValue(_SERVICE_NAME)),
            to_many=True,
        ),
        _Row(
            "ingresses",
            ("networking.k8s.io", "Ingress"),
            "The Ingresses of its namespace that have the service as a backend.",
            (_NAME,),
            _searching(Named(_BACKENDS)),
            to_many=True,
        ),
    ),
    ("", "PersistentVolumeClaim"): (
        _Row(
            "persistentVolume",
            ("", "PersistentVolume"),
            "The volume that is bound to the claim: `spec.volumeName`.",
            (("spec", "volumeName"),),
            _find_by_name,
        ),
    ),
    ("", "PersistentVolume"): (
        _Row(
            "persistentVolumeClaim",
            ("", "PersistentVolumeClaim"),
            "The claim to which the volume is bound: `spec.claimRef`.",
            (("spec", "claimRef"),),
            _find_claim,
        ),
    ),
}
"""The relations of built-in kinds to one other kind."""
