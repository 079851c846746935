"""From the values that a relation reads to its lookup, for the table of :mod:`schema.relations.builtin`.

Each function has the signature of :data:`~schema.relations.relation.Find`, after the arguments that the table
binds: the index of kinds, or the resource of the target.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from schema.model import ServedResource
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, Lookup, ObjectName, Origin, Search, TopOwner
from schema.relations.matches import All, FieldValue, Match, Named, OwnedBy, Selected, selector_text
from schema.relations.paths import texts_at, value_at
from schema.relations.references import named_object
from schema.relations.relation import Arguments

__all__ = [
    "POD",
    "Values",
    "find_by_name",
    "find_claim",
    "find_dependents",
    "find_events",
    "find_instances",
    "find_lease",
    "find_namespace",
    "find_owner",
    "find_owners",
    "find_selected",
    "find_selecting",
    "find_used",
    "find_users",
    "find_workload",
    "searching",
]

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
_LEASE_NAMESPACE = "kube-node-lease"


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


def find_owner(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    references = values[0] if isinstance(values[0], list) else []
    return _owner_name(_controller(references) or next(iter(references), None), origin)


def find_owners(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    references = values[0] if isinstance(values[0], list) else []
    return tuple(part for item in references for part in _owner_name(item, origin))


def find_workload(origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return tuple(
        TopOwner(first)
        for first in _owner_name(_controller(values[0]), origin)
        if isinstance(first, ObjectName)
    )


def find_dependents(kinds: KindIndex, origin: Origin, arguments: Arguments, values: Values) -> Lookup:
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


def find_events(event: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    uid, name, kind = values
    # the kubelet has the name of its node as the UID of the node's events
    keys = (*_texts(uid), *(_texts(name) if kind == "Node" and uid else ()))
    return (Search(event, FieldValue("involvedObject.uid"), keys, origin.namespace or None),)


def find_namespace(target: ServedResource, origin: Origin, _arguments: Arguments, _values: Values) -> Lookup:
    return named_object(target, origin.namespace, None, origin)


def find_instances(_origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    group, kind = values
    if not isinstance(group, str) or not isinstance(kind, str):
        return ()
    return (Search(KindName(kind, group), All(), ("",)),)


def find_selected(
    pod: ServedResource, empty_selects: bool, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    text = selector_text(values[0], empty_selects=empty_selects)
    keys = () if text is None else (text,)
    return (Search(pod, Selected(), keys, origin.namespace or None),)


def find_selecting(
    match: Match, target: ServedResource, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    labels = values[0] if isinstance(values[0], dict) else {}
    key = msgspec.json.encode(labels, order="sorted").decode()
    return (Search(target, match, (key,), origin.namespace or None),)


def find_users(
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


def find_used(
    paths: tuple[str, ...], target: ServedResource, origin: Origin, _arguments: Arguments, values: Values
) -> Lookup:
    names = texts_at(values[0], paths)
    return tuple(part for name in names for part in named_object(target, name, None, origin))


def find_by_name(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return named_object(target, values[0], None, origin)


def find_lease(target: ServedResource, _origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    return named_object(target, values[0], _LEASE_NAMESPACE, Origin())


def find_claim(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
    name, namespace = (value_at(values[0], (key,)) for key in ("name", "namespace"))
    return named_object(target, name, namespace, origin)


def searching(match: Match, *, everywhere: bool = False) -> Callable[..., Lookup]:
    """Finds the objects of the target whose match has the first value as its key."""

    def find(target: ServedResource, origin: Origin, _arguments: Arguments, values: Values) -> Lookup:
        return (Search(target, match, _texts(values[0]), None if everywhere else origin.namespace or None),)

    return find
