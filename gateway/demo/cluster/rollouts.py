"""Deployments: one replica set per template, and rolling updates between them."""

import hashlib
import json
from typing import Any

from gateway.demo.apiserver import NAME_ALPHABET, Stored
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference, set_condition
from gateway.demo.cluster.controller import Controller

__all__ = ["Deployments"]

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
_OWN_ANNOTATIONS = (REVISION, "kubectl.kubernetes.io/last-applied-configuration")
HASH = "pod-template-hash"


def template_hash(template: Object) -> str:
    """The hash of a pod template, as a short name."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(NAME_ALPHABET[item % len(NAME_ALPHABET)] for item in digest[:10])


def resolve_share(value: Any, total: int, *, up: bool) -> int:
    """An ``IntOrString`` such as ``25%`` as a number of replicas."""
    if not isinstance(value, str):
        return int(value)
    share = int(value.rstrip("%")) * total
    return -(-share // 100) if up else share // 100


def desired(replica_set: Stored) -> int:
    return int(replica_set.object["spec"].get("replicas", 0))


def counted(replica_set: Stored, name: str) -> int:
    return int(replica_set.object.get("status", {}).get(name, 0))


def _inherited(deployment: Stored) -> Object:
    """The annotations that the controller copies from a deployment to its newest replica set."""
    annotations = deployment.object["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in _OWN_ANNOTATIONS}


class Deployments:
    """The deployment controller."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.controller = Controller(cluster, "deployments.apps", "replicasets.apps", self._reconcile)

    def _reconcile(self, deployment: Stored) -> None:
        if "deletionTimestamp" in deployment.object["metadata"]:
            return
        replica_sets = self.cluster.owned("replicasets.apps", deployment)
        name = template_hash(deployment.object["spec"]["template"])
        new = next((item for item in replica_sets if item.labels.get(HASH) == name), None)
        old = [item for item in replica_sets if new is None or item.key != new.key]
        if not deployment.object["spec"].get("paused"):
            if new is None:
                new = self._create(deployment, name, old)
            elif self._revision(new) < max(map(self._revision, replica_sets)):
                new = self._promote(deployment, new, replica_sets)
            else:
                new = self._inherit(deployment, new)
            self._roll(deployment, new, old)
            self._clean_up(deployment, old)
        self._report(deployment, name)

    def _revision(self, replica_set: Stored) -> int:
        return int((replica_set.object["metadata"].get("annotations") or {}).get(REVISION, 0))

    def _create(self, deployment: Stored, name: str, old: list[Stored]) -> Stored:
        spec = deployment.object["spec"]
        template = spec["template"]
        labels = {**template.get("metadata", {}).get("labels", {}), HASH: name}
        selector = {
            **spec["selector"],
            "matchLabels": {**spec["selector"].get("matchLabels", {}), HASH: name},
        }
        revision = str(max(map(self._revision, old), default=0) + 1)
        self._annotate(deployment, revision)
        first = not old
        created = self.cluster.create(
            "replicasets.apps",
            {
                "metadata": {
                    "name": f"{deployment.name}-{name}",
                    "namespace": deployment.namespace,
                    "generation": 1,
                    "labels": labels,
                    "annotations": {**_inherited(deployment), REVISION: revision},
                    "ownerReferences": [controller_reference("Deployment", "apps/v1", deployment)],
                },
                "spec": {
                    "replicas": spec.get("replicas", 1) if first else 0,
                    "selector": selector,
                    "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
                },
                "status": {"replicas": 0},
            },
        )
        if first:
            self._tell(deployment, created, 0, desired(created))
        return created

    def _inherit(self, deployment: Stored, new: Stored) -> Stored:
        """Copy the deployment's annotations, its change cause among them, to its newest replica set."""
        metadata = new.object["metadata"]
        annotations = {**(metadata.get("annotations") or {}), **_inherited(deployment)}
        return self.cluster.save("replicasets.apps", new, metadata={**metadata, "annotations": annotations})

    def _promote(self, deployment: Stored, new: Stored, replica_sets: list[Stored]) -> Stored:
        """Make the replica set of an old template the newest one (a rollback)."""
        revision = str(max(map(self._revision, replica_sets)) + 1)
        self._annotate(deployment, revision)
        metadata = new.object["metadata"]
        annotations = {**metadata.get("annotations", {}), **_inherited(deployment), REVISION: revision}
        return self.cluster.save("replicasets.apps", new, metadata={**metadata, "annotations": annotations})

    def _annotate(self, deployment: Stored, revision: str) -> None:
        metadata = deployment.object["metadata"]
        annotations = {**(metadata.get("annotations") or {}), REVISION: revision}
        self.cluster.save("deployments.apps", deployment, metadata={**metadata, "annotations": annotations})

    def _roll(self, deployment: Stored, new: Stored, old: list[Stored]) -> None:
        """One step of a rolling update, within ``maxSurge`` and ``maxUnavailable``."""
        spec = deployment.object["spec"]
        wanted = spec.get("replicas", 1)
        rolling = spec.get("strategy", {}).get("rollingUpdate")
        running = [item for item in old if desired(item)]
        if rolling is None and any(counted(item, "replicas") or desired(item) for item in old):
            for item in running:
                self._scale(deployment, item, 0)
            return
        if not running:
            self._scale(deployment, new, wanted)
            return
        rolling = rolling or {}
        surge = resolve_share(rolling.get("maxSurge", "25%"), wanted, up=True)
        missing = resolve_share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        if not surge and not missing:
            missing = 1
        total = desired(new) + sum(map(desired, running))
        target = min(wanted, max(0, desired(new)) + max(0, wanted + surge - total))
        self._scale(deployment, new, min(target, wanted))
        available = counted(new, "availableReplicas") + sum(
            counted(item, "availableReplicas") for item in running
        )
        spare = available - (wanted - missing)
        for item in sorted(running, key=self._revision):
            unready = desired(item) - counted(item, "availableReplicas")
            step = min(desired(item), max(0, unready) + max(0, spare))
            spare -= max(0, step - max(0, unready))
            self._scale(deployment, item, desired(item) - step)

    def _scale(self, deployment: Stored, replica_set: Stored, replicas: int) -> None:
        before = desired(replica_set)
        if before == replicas:
            return
        metadata = replica_set.object["metadata"]
        metadata = {**metadata, "generation": metadata.get("generation", 1) + 1}
        spec = {**replica_set.object["spec"], "replicas": replicas}
        self.cluster.save("replicasets.apps", replica_set, metadata=metadata, spec=spec)
        self._tell(deployment, replica_set, before, replicas)

    def _tell(self, deployment: Stored, replica_set: Stored, before: int, after: int) -> None:
        direction = "up" if after > before else "down"
        message = f"Scaled {direction} replica set {replica_set.name} from {before} to {after}"
        self.cluster.event(
            "Deployment", deployment, "ScalingReplicaSet", message, source="deployment-controller"
        )

    def _clean_up(self, deployment: Stored, old: list[Stored]) -> None:
        """Delete the oldest replica sets beyond ``revisionHistoryLimit``."""
        idle = [item for item in old if not desired(item) and not counted(item, "replicas")]
        limit = deployment.object["spec"].get("revisionHistoryLimit", 10)
        for item in sorted(idle, key=self._revision)[: max(0, len(idle) - limit)]:
            self.cluster.remove("replicasets.apps", item)

    def _report(self, deployment: Stored, name: str) -> None:
        deployment = self.cluster.storage.get("deployments.apps", deployment.key) or deployment
        replica_sets = self.cluster.owned("replicasets.apps", deployment)
        wanted = deployment.object["spec"].get("replicas", 1)
        total, available = (
            sum(counted(item, field) for item in replica_sets) for field in ("replicas", "availableReplicas")
        )
        updated = sum(counted(item, "replicas") for item in replica_sets if item.labels.get(HASH) == name)
        counts = {
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": sum(counted(item, "readyReplicas") for item in replica_sets),
            "availableReplicas": available,
            "unavailableReplicas": max(0, max(total, wanted) - available),
        }
        done = updated == total == available == wanted
        status = {
            "observedGeneration": deployment.object["metadata"].get("generation", 1),
            **{key: value for key, value in counts.items() if value},
            "conditions": self._conditions(deployment, f"{deployment.name}-{name}", available, done=done),
        }
        self.cluster.save("deployments.apps", deployment, status=status)

    def _conditions(self, deployment: Stored, newest: str, available: int, *, done: bool) -> list[Object]:
        spec, now = deployment.object["spec"], self.cluster.now()
        wanted = spec.get("replicas", 1)
        rolling = spec.get("strategy", {}).get("rollingUpdate") or {}
        missing = resolve_share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        enough = available >= wanted - missing
        conditions: list[Object] = deployment.object.get("status", {}).get("conditions", [])
        minimum = {
            "type": "Available",
            "status": "True" if enough else "False",
            "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        }
        has = "has successfully progressed." if done else "is progressing."
        progress = {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
            "message": f'ReplicaSet "{newest}" {has}',
        }
        for item in (minimum, progress):
            conditions = set_condition(conditions, item, now)
        return conditions
