"""The relations of objects as a whole: of every kind, and of the built-in kinds one by one.

This module is the table of rules and exceptions; the functions of :mod:`schema.relations.finding` turn the
values that a relation reads into a lookup. The relations of references are in
:mod:`schema.relations.references`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from schema.model import ServedResource
from schema.relations.finding import (
    POD,
    Values,
    find_by_name,
    find_claim,
    find_dependents,
    find_events,
    find_instances,
    find_lease,
    find_namespace,
    find_owner,
    find_owners,
    find_selected,
    find_selecting,
    find_used,
    find_users,
    find_workload,
    searching,
)
from schema.relations.kinds import KindIndex
from schema.relations.lookup import Lookup, Origin
from schema.relations.matches import (
    FieldValue,
    LabelValue,
    Named,
    Selecting,
)
from schema.relations.relation import Arguments, Find, Path, Relation, Rule

__all__ = ["SELECTORS", "common_relations", "kind_relations", "namespace_relation", "selector_relation"]

_NAME: Path = ("metadata", "name")
_UID: Path = ("metadata", "uid")
_LABELS: Path = ("metadata", "labels")
_OWNERS: Path = ("metadata", "ownerReferences")
_SPEC: Path = ("spec",)

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


def common_relations(kinds: KindIndex) -> dict[str, Relation]:
    """The relations of every object, which the interface of all kinds has, too."""
    own = [
        Relation(
            "owner",
            Rule.OWNER,
            "The controller of the object, else its first owner: from `metadata.ownerReferences`.",
            (_OWNERS,),
            find_owner,
        ),
        Relation(
            "owners",
            Rule.OWNER,
            "All owners of the object, from `metadata.ownerReferences`; missing ones are left out.",
            (_OWNERS,),
            find_owners,
            to_many=True,
        ),
        Relation(
            "dependents",
            Rule.OWNER,
            "The objects that have this one in their `metadata.ownerReferences`. `kinds` are `Pod`,"
            " `ReplicaSet.apps`, …. Default: the kinds that Kubernetes itself creates for this one; for"
            " other kinds the usual workloads and the kinds of the same API group.",
            (_UID, ("apiVersion",), ("kind",)),
            partial(find_dependents, kinds),
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
                partial(find_events, event),
                event,
                to_many=True,
            )
        )
    return {relation.name: relation for relation in own}


def namespace_relation(kinds: KindIndex) -> Iterator[Relation]:
    """``inNamespace``, of the namespaced kinds."""
    namespace = kinds.of("", "Namespace")
    if namespace is not None:
        find = partial(find_namespace, namespace)
        yield Relation(
            "inNamespace", Rule.EXCEPTION, "The object's namespace as an object.", (), find, namespace
        )


def selector_relation(kinds: KindIndex, path: Path, empty_selects: bool) -> Iterator[Relation]:
    """The relation ``pods`` of a kind that has a pod selector at the path."""
    pod = kinds.of(*POD)
    if pod is not None:
        yield Relation(
            "pods",
            Rule.SELECTOR,
            f"The pods that `{'.'.join(path)}` selects.",
            (path,),
            partial(find_selected, pod, empty_selects),
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
            find_workload,
        )
    if own == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        yield Relation(
            "instances",
            Rule.EXCEPTION,
            "The objects of the kind that it defines, of all namespaces.",
            (("spec", "group"), ("spec", "names", "kind")),
            find_instances,
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
        partial(find_users, kinds, {**places, **others}, default),
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


_ROWS: Mapping[tuple[str, str], tuple[_Row, ...]] = {
    POD: (
        _Row(
            "node",
            ("", "Node"),
            "The node of the pod: `spec.nodeName`.",
            (("spec", "nodeName"),),
            find_by_name,
        ),
        _Row(
            "serviceAccount",
            ("", "ServiceAccount"),
            "The account of the pod: `spec.serviceAccountName`.",
            (("spec", "serviceAccountName"),),
            find_by_name,
        ),
        *(
            _Row(
                name,
                target,
                f"The objects of kind {target[1]} that `spec` names in volumes, containers and pull secrets.",
                (_SPEC,),
                partial(find_used, _USED[target]),
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
                partial(find_selecting, Selecting(*SELECTORS[target])),
                to_many=True,
                rule=Rule.SELECTOR,
            )
            for name, target in _SELECTED_BY.items()
        ),
        _Row("metrics", ("metrics.k8s.io", "PodMetrics"), "The pod's current usage.", (_NAME,), find_by_name),
    ),
    ("", "Node"): (
        _Row(
            "pods",
            POD,
            "The pods of the node, by `spec.nodeName`.",
            (_NAME,),
            searching(FieldValue("spec.nodeName"), everywhere=True),
            to_many=True,
        ),
        _Row(
            "lease",
            ("coordination.k8s.io", "Lease"),
            "The node's heartbeat: the Lease of its name in `kube-node-lease`.",
            (_NAME,),
            find_lease,
        ),
        _Row(
            "metrics", ("metrics.k8s.io", "NodeMetrics"), "The node's current usage.", (_NAME,), find_by_name
        ),
    ),
    ("", "Service"): (
        _Row(
            "endpointSlices",
            ("discovery.k8s.io", "EndpointSlice"),
            f"The EndpointSlices of the service, by the label `{_SERVICE_NAME}`.",
            (_NAME,),
            searching(LabelValue(_SERVICE_NAME)),
            to_many=True,
        ),
        _Row(
            "ingresses",
            ("networking.k8s.io", "Ingress"),
            "The Ingresses of its namespace that have the service as a backend.",
            (_NAME,),
            searching(Named(_BACKENDS)),
            to_many=True,
        ),
    ),
    ("", "PersistentVolumeClaim"): (
        _Row(
            "persistentVolume",
            ("", "PersistentVolume"),
            "The volume that is bound to the claim: `spec.volumeName`.",
            (("spec", "volumeName"),),
            find_by_name,
        ),
    ),
    ("", "PersistentVolume"): (
        _Row(
            "persistentVolumeClaim",
            ("", "PersistentVolumeClaim"),
            "The claim to which the volume is bound: `spec.claimRef`.",
            (("spec", "claimRef"),),
            find_claim,
        ),
    ),
}
"""The relations of built-in kinds to one other kind."""
