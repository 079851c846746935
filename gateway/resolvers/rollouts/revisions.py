"""``deploymentHistory``, ``undoDeployment`` and their like: the pod templates that a workload has had.

A Deployment's revisions are its ReplicaSets, a StatefulSet's and a DaemonSet's are ControllerRevisions. A
way back replaces the pod template of the version that was read; after a conflict all is read again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gateway.errors import BadArgument, Conflict
from gateway.kube.lists import fetch_list
from gateway.kube.paths import resource_path
from gateway.kube.received import decode
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.write_request import Write, send_write
from schema.building import RootField
from schema.resources import GroupVersionKind, GroupVersionResource, Resource

__all__ = ["list_revisions", "undo_rollout"]

CHANGE_CAUSE = "kubernetes.io/change-cause"
NUMBER = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"
_RETRIES = 4
"""Further attempts for an object whose status others change at the same time."""

JSONObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Revision:
    """The fields of ``WorkloadRevision``."""

    revision: int
    changeCause: str | None  # noqa: N815 - the name of the GraphQL field
    created: str | None
    current: bool
    template: JSONObject = field(repr=False)


async def list_revisions(
    root: RootField, info: Info, *, name: str, namespace: str | None = None
) -> list[JSONObject]:
    """Answer ``deploymentHistory(name: …)``: the revisions, the oldest first. Raises GatewayError."""
    _, revisions = await _fetch(root, info, name, namespace)
    return [asdict(revision) for revision in revisions]


async def undo_rollout(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    to_revision: int | None = None,
    dry_run: bool | None = False,
) -> JSONObject:
    """Answer ``undoDeployment(name: …)`` with the changed object.

    Raises BadArgument for a revision that does not exist and for a paused Deployment, and Conflict if the
    spec changes meanwhile.
    """
    path = resource_path(root.served.resource, namespace or info.context.default_namespace, name)
    parameters = {"fieldManager": "kube-graphql", **({"dryRun": "All"} if dry_run else {})}

    async def undo(workload: JSONObject, revisions: Sequence[_Revision]) -> JSONObject:
        if workload.get("spec", {}).get("paused"):
            raise BadArgument(f"{name} is paused; resume it with resumeDeployment, then undo its rollout")
        operations = _operations(workload, _target(revisions, to_revision, name))
        write = Write("PATCH", path, operations, "application/json-patch+json", parameters, guarded=True)
        return await send_write(info, write)

    workload, revisions = await _fetch(root, info, name, namespace)
    for _ in range(_RETRIES):
        try:
            return await undo(workload, revisions)
        except Conflict:
            version = _spec_version(workload)
            workload, revisions = await _fetch(root, info, name, namespace)
            # of two undos at once, the second must not undo the first
            if _spec_version(workload) != version:
                raise
    return await undo(workload, revisions)


def _spec_version(workload: JSONObject) -> tuple[str, int]:
    """The identity of the object and of its spec; a change of the status leaves it."""
    return workload["metadata"]["uid"], workload["metadata"].get("generation", 0)


def _target(revisions: Sequence[_Revision], number: int | None, name: str) -> _Revision:
    """The revision of that number; without one, the newest before the current one."""
    if number is not None:
        found = next((revision for revision in revisions if revision.revision == number), None)
        if found is None:
            existing = ", ".join(str(revision.revision) for revision in revisions) or "none"
            raise BadArgument(f"{name} has no revision {number}; it has: {existing}")
        return found
    earlier = [revision for revision in revisions if not revision.current]
    if not earlier:
        raise BadArgument(f"{name} has no earlier revision to go back to")
    return earlier[-1]


def _operations(workload: JSONObject, target: _Revision) -> list[JSONObject]:
    """A JSON Patch that takes the template and its change cause, of this version of the object only."""
    metadata = workload["metadata"]
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
    template = {"op": "replace", "path": "/spec/template", "value": target.template}
    return [version, *_cause_operations(metadata.get("annotations"), target.changeCause), template]


def _cause_operations(annotations: JSONObject | None, cause: str | None) -> list[JSONObject]:
    path = "/metadata/annotations/" + CHANGE_CAUSE.replace("/", "~1")
    if cause is None:
        return [{"op": "remove", "path": path}] if CHANGE_CAUSE in (annotations or {}) else []
    if annotations is None:
        return [{"op": "add", "path": "/metadata/annotations", "value": {CHANGE_CAUSE: cause}}]
    return [{"op": "add", "path": path, "value": cause}]


async def _fetch(
    root: RootField, info: Info, name: str, namespace: str | None
) -> tuple[JSONObject, list[_Revision]]:
    """The workload and its revisions, the oldest first."""
    resource = root.served.resource
    namespace = namespace or info.context.default_namespace
    path = resource_path(resource, namespace, name)
    owned = _revision_resource(resource)
    _expect_served(info, owned)
    budget_of(info).reserve_requests(2)
    client = limited_client_of(info)
    response = await client.get(path)
    workload = decode(response.body, dict[str, Any], "a workload")
    selector = _selector(workload.get("spec", {}).get("selector") or {})
    listing = await fetch_list(
        client, resource_path(owned, namespace), {"labelSelector": selector}, kind=owned.kind
    )
    uid = workload["metadata"]["uid"]
    objects = [decode(item.object, dict[str, Any], "a revision") for item in listing.objects]
    mine = [object_ for object_ in objects if _controller_uid(object_) == uid]
    revisions = sorted(
        (_revision(object_) for object_ in mine if _number(object_)), key=lambda item: item.revision
    )
    return workload, _mark_current(revisions, _plain(workload["spec"]["template"]))


def _mark_current(revisions: list[_Revision], template: JSONObject) -> list[_Revision]:
    """Mark the newest revision with the workload's template; none if its controller has not recorded it yet.

    The controllers' own marks lag behind the template.
    """
    for index in reversed(range(len(revisions))):
        if revisions[index].template == template:
            revisions[index] = replace(revisions[index], current=True)
            break
    return revisions


def _revision_resource(resource: Resource) -> Resource:
    plural, kind = ("controllerrevisions", "ControllerRevision")
    if resource.kind.kind == "Deployment":
        plural, kind = ("replicasets", "ReplicaSet")
    group, version = resource.gvr.group, resource.gvr.version
    return replace(
        resource,
        gvr=GroupVersionResource(group, version, plural),
        kind=GroupVersionKind(group, version, kind),
    )


def _expect_served(info: Info, owned: Resource) -> None:
    """Check that the filters of the gateway allow reading the revisions. Raises BadArgument."""
    if not any("list" in served.verbs for served in info.context.filters.restrict([owned])):
        raise BadArgument(
            f"the revisions are {owned.gvr.resource}, which this gateway does not serve"
            " (--include, --exclude)"
        )


def _revision(owned: JSONObject) -> _Revision:
    metadata = owned["metadata"]
    spec = owned["data"]["spec"] if "data" in owned else owned["spec"]
    cause = (metadata.get("annotations") or {}).get(CHANGE_CAUSE)
    created = metadata.get("creationTimestamp")
    return _Revision(_number(owned), cause, created, current=False, template=_plain(spec["template"]))


def _plain(template: JSONObject) -> JSONObject:
    """The template as its author wrote it, without the marks of controllers."""
    metadata = dict(template.get("metadata") or {})
    metadata.pop("creationTimestamp", None)
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != TEMPLATE_HASH}
    plain = {**template, "metadata": {**metadata, "labels": labels}}
    plain.pop("$patch", None)
    return plain


def _number(owned: JSONObject) -> int:
    """The number of a revision; 0 if its controller has not numbered it yet."""
    if "data" in owned:
        return int(owned.get("revision") or 0)
    text = (owned["metadata"].get("annotations") or {}).get(NUMBER, "")
    return int(text) if text.isdecimal() else 0


def _controller_uid(owned: JSONObject) -> str | None:
    owners = owned["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)


def _selector(selector: JSONObject) -> str:
    """A LabelSelector as the text of a ``labelSelector`` parameter."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for item in selector.get("matchExpressions") or ():
        key, values = item["key"], ",".join(item.get("values") or ())
        match item["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)
