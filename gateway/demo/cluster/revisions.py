"""ControllerRevisions: the pod templates that a stateful set or a daemon set has had."""

from typing import Any

from gateway.demo.apiserver import Stored
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference
from gateway.demo.cluster.rollouts import template_hash

__all__ = ["REVISION_LABEL", "record_revision"]

REVISION_LABEL = "controller-revision-hash"
_TABLE = "controllerrevisions.apps"


def record_revision(cluster: ClusterState, kind: str, owner: Stored) -> Stored:
    """The revision of the owner's template; an old template that returns gets a new number."""
    data = {"spec": {"template": {**owner.object["spec"]["template"], "$patch": "replace"}}}
    revisions = cluster.owned(_TABLE, owner)
    newest = max((int(item.object["revision"]) for item in revisions), default=0)
    found = next((item for item in revisions if item.object["data"] == data), None)
    if found is not None:
        is_newest = found.object["revision"] == newest
        return found if is_newest else cluster.save(_TABLE, found, revision=newest + 1)
    name = template_hash(owner.object["spec"]["template"])
    labels = owner.object["spec"]["template"].get("metadata", {}).get("labels") or {}
    metadata: dict[str, Any] = {
        "name": f"{owner.name}-{name}",
        "namespace": owner.namespace,
        "labels": {**labels, REVISION_LABEL: name},
        "ownerReferences": [controller_reference(kind, "apps/v1", owner)],
    }
    created = cluster.create(_TABLE, {"metadata": metadata, "data": data, "revision": newest + 1})
    _forget(cluster, owner, revisions)
    return created


def _forget(cluster: ClusterState, owner: Stored, old: list[Stored]) -> None:
    """Remove the oldest revisions beyond ``revisionHistoryLimit``."""
    limit = owner.object["spec"].get("revisionHistoryLimit", 10)
    surplus = len(old) - limit
    for item in sorted(old, key=lambda item: int(item.object["revision"]))[: max(0, surplus)]:
        cluster.remove(_TABLE, item)
