"""Controllers that own pods: replica sets, stateful sets, daemon sets and jobs."""

from collections.abc import Mapping
from typing import Any

from gateway.demo.apiserver import Stored, fill_defaults, prepare
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference, set_condition
from gateway.demo.cluster.controller import Controller
from gateway.demo.cluster.revisions import REVISION_LABEL, record_revision

__all__ = ["PodSets", "is_ready", "terminate"]

Object = dict[str, Any]


def is_ready(pod: Stored) -> bool:
    """Whether a pod's Ready condition is true."""
    conditions = pod.object.get("status", {}).get("conditions", ())
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def is_active(pod: Stored) -> bool:
    """Whether a pod is active: neither finished nor terminating."""
    done = pod.object.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not done and "deletionTimestamp" not in pod.object["metadata"]


def terminate(cluster: ClusterState, pod: Stored) -> None:
    """Delete a pod as its controller does: with its grace period, at once if it is not scheduled."""
    metadata = pod.object["metadata"]
    if "deletionTimestamp" in metadata:
        return
    if not pod.object["spec"].get("nodeName"):
        cluster.remove("pods", pod)
        return
    grace = pod.object["spec"].get("terminationGracePeriodSeconds", 30)
    leaving = {**metadata, "deletionTimestamp": cluster.now(), "deletionGracePeriodSeconds": grace}
    cluster.save("pods", pod, metadata=leaving)


class PodSets:
    """The controllers whose objects own pods."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.controllers = {
            "replicasets.apps": Controller(cluster, "replicasets.apps", "pods", self._replica_set),
            "statefulsets.apps": Controller(cluster, "statefulsets.apps", "pods", self._stateful_set),
            "daemonsets.apps": Controller(cluster, "daemonsets.apps", "pods", self._daemon_set),
            "jobs.batch": Controller(cluster, "jobs.batch", "pods", self._job),
        }

    def _create_pod(
        self,
        kind: str,
        api_version: str,
        owner: Stored,
        name: str,
        labels: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> None:
        template = owner.object["spec"]["template"]
        metadata = template.get("metadata", {})
        pod: Object = {
            "metadata": {
                "name": name,
                **({"generateName": f"{owner.name}-"} if kind != "StatefulSet" else {}),
                "namespace": owner.namespace,
                "labels": {**metadata.get("labels", {}), **(labels or {})},
                **({"annotations": {**metadata["annotations"]}} if metadata.get("annotations") else {}),
                "generation": 1,
                "ownerReferences": [controller_reference(kind, api_version, owner)],
            },
            "spec": {**template["spec"], **spec},
        }
        fill_defaults("pods", pod)
        prepare("pods", pod, self.cluster.stamps)
        self.cluster.create("pods", pod)
        source = f"{kind.lower()}-controller"
        self.cluster.event(kind, owner, "SuccessfulCreate", f"Created pod: {name}", source=source)

    def _replica_set(self, replica_set: Stored) -> None:
        pods = self.cluster.owned("pods", replica_set)
        active = [item for item in pods if is_active(item)]
        wanted = replica_set.object["spec"].get("replicas", 1)
        if "deletionTimestamp" not in replica_set.object["metadata"]:
            for _ in range(wanted - len(active)):
                name = f"{replica_set.name}-{self.cluster.stamps.suffix()}"
                self._create_pod("ReplicaSet", "apps/v1", replica_set, name)
            for pod in self._deletion_order(active)[: max(0, len(active) - wanted)]:
                terminate(self.cluster, pod)
        self._count(replica_set, "replicasets.apps", active)

    def _deletion_order(self, pods: list[Stored]) -> list[Stored]:
        """Pods that are not ready first, then the youngest.

        The storage keeps the order of creation. ``creationTimestamp`` has full seconds of the real time only,
        so that two runs of one seed would differ.
        """
        created = {key: index for index, key in enumerate(self.cluster.storage.all("pods"))}
        return sorted(pods, key=lambda pod: (is_ready(pod), -created[pod.key]))

    def _count(self, owner: Stored, table: str, active: list[Stored], revision: str = "") -> None:
        ready = sum(map(is_ready, active))
        status: Object = {
            **owner.object.get("status", {}),
            "replicas": len(active),
            "observedGeneration": owner.object["metadata"].get("generation", 1),
        }
        counts = {"fullyLabeledReplicas": len(active), "readyReplicas": ready, "availableReplicas": ready}
        if table == "statefulsets.apps":
            updated = sum(pod.labels.get(REVISION_LABEL) == revision for pod in active)
            counts = {"readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": updated}
            counts["currentReplicas"] = len(active) if updated == len(active) else len(active) - updated
            if revision:
                is_done = updated == owner.object["spec"]["replicas"]
                current = revision if is_done else status.get("currentRevision", revision)
                status |= {"updateRevision": revision, "currentRevision": current}
        self.cluster.save(table, owner, status=_with_counts(status, counts))

    def _stateful_set(self, stateful_set: Stored) -> None:
        pods = {item.name: item for item in self.cluster.owned("pods", stateful_set)}
        wanted = [f"{stateful_set.name}-{index}" for index in range(stateful_set.object["spec"]["replicas"])]
        revision = ""
        if "deletionTimestamp" not in stateful_set.object["metadata"]:
            revision = record_revision(self.cluster, "StatefulSet", stateful_set).name
            for name in wanted:
                # in order: a pod waits until the one before it is ready
                if name not in pods:
                    own = {REVISION_LABEL: revision}
                    self._create_pod("StatefulSet", "apps/v1", stateful_set, name, own, hostname=name)
                    break
                if not is_ready(pods[name]):
                    break
            surplus = sorted(set(pods) - set(wanted), key=lambda name: int(name.rpartition("-")[2]))
            if surplus:
                terminate(self.cluster, pods[surplus[-1]])
            elif _replaces_pods(stateful_set):
                self._replace_one([pods[name] for name in wanted if name in pods], len(wanted), revision)
        active = [item for item in pods.values() if is_active(item)]
        self._count(stateful_set, "statefulsets.apps", active, revision)

    def _replace_one(self, pods: list[Stored], wanted: int, revision: str) -> None:
        """Delete the last pod of an old template, if all are there and ready; its successor gets the new one.

        A pod of an old template that is not ready goes first.
        """
        old = [pod for pod in pods if pod.labels.get(REVISION_LABEL) != revision]
        unready = [pod for pod in pods if not is_ready(pod) or not is_active(pod)]
        if old and (not unready or unready[-1] in old) and len(pods) == wanted:
            terminate(self.cluster, unready[-1] if unready else old[-1])

    def _daemon_set(self, daemon_set: Stored) -> None:
        pods = [item for item in self.cluster.owned("pods", daemon_set) if is_active(item)]
        nodes = [item.name for item in self.cluster.objects("nodes")]
        taken = {item.object["spec"].get("nodeName") for item in pods}
        revision = ""
        if "deletionTimestamp" not in daemon_set.object["metadata"]:
            revision = record_revision(self.cluster, "DaemonSet", daemon_set).labels[REVISION_LABEL]
            for node in nodes:
                if node not in taken:
                    name = f"{daemon_set.name}-{self.cluster.stamps.suffix()}"
                    own = {REVISION_LABEL: revision}
                    self._create_pod("DaemonSet", "apps/v1", daemon_set, name, own, nodeName=node)
            if _replaces_pods(daemon_set):
                self._replace_one(pods, len(nodes), revision)
        ready = sum(map(is_ready, pods))
        updated = sum(pod.labels.get(REVISION_LABEL) == revision for pod in pods)
        counts = {"numberAvailable": ready, "updatedNumberScheduled": updated}
        status = {
            **daemon_set.object.get("status", {}),
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(nodes),
            "numberReady": ready,
            "observedGeneration": daemon_set.object["metadata"].get("generation", 1),
        }
        self.cluster.save("daemonsets.apps", daemon_set, status=_with_counts(status, counts))

    def _job(self, job: Stored) -> None:
        pods = self.cluster.owned("pods", job)
        done = [item for item in pods if item.object["status"].get("phase") == "Succeeded"]
        active = [item for item in pods if is_active(item)]
        spec, old = job.object["spec"], job.object.get("status", {})
        wanted = min(spec.get("parallelism", 1), spec.get("completions", 1) - len(done)) - len(active)
        finished = len(done) >= spec.get("completions", 1)
        if "deletionTimestamp" not in job.object["metadata"] and not spec.get("suspend"):
            for _ in range(wanted):
                name = f"{job.name}-{self.cluster.stamps.suffix()}"
                self._create_pod("Job", "batch/v1", job, name)
        now = self.cluster.now()
        status = {"startTime": old.get("startTime", now)}
        if finished:
            complete = {"type": "Complete", "status": "True"}
            status["completionTime"] = old.get("completionTime", now)
            conditions = set_condition(old.get("conditions", []), complete, now)
            self.cluster.save(
                "jobs.batch", job, status={**status, "conditions": conditions, "succeeded": len(done)}
            )
            return
        counts = {"active": len(active) + max(0, wanted), "succeeded": len(done)}
        self.cluster.save("jobs.batch", job, status=_with_counts(status, counts))


def _replaces_pods(owner: Stored) -> bool:
    """Whether a change of the template replaces the pods: the update strategy is not ``OnDelete``."""
    strategy = owner.object["spec"].get("updateStrategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def _with_counts(status: Mapping[str, Any], counts: Mapping[str, int]) -> Object:
    """A status with these counts; zeros are omitted, as by Go's omitempty."""
    rest = {key: value for key, value in status.items() if key not in counts}
    return {**rest, **{key: value for key, value in counts.items() if value}}
