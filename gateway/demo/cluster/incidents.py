"""Incidents: unsolicited changes of the demo cluster, one every few seconds."""

from collections.abc import Callable
from typing import Any

from gateway.demo.apiserver import Stored
from gateway.demo.cluster.cluster_state import ClusterState, set_condition
from gateway.demo.cluster.kubelet import restart_container, set_ready
from gateway.demo.cluster.replicas import is_ready, terminate

__all__ = ["Incidents"]

Object = dict[str, Any]

NAMESPACES = ("shop", "media")
HEARTBEAT = 10.0
EVENTS = 300


class Incidents:
    """Incidents every few seconds, in the demo's own namespaces only."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.incidents: tuple[tuple[int, Callable[[], None]], ...] = (
            (4, self._crash),
            (4, self._stumble),
            (3, self._autoscale),
            (2, self._evict),
            (1, self._release),
        )

    def start(self) -> None:
        """Schedule the first incident; each one schedules the next."""
        self._incident_later()
        self._heartbeat_later()

    def _incident_later(self) -> None:
        self.cluster.timeline.after(self.cluster.random.uniform(2.5, 6.0), self._incident)

    def _incident(self) -> None:
        weights, actions = zip(*self.incidents, strict=True)
        self.cluster.random.choices(actions, weights)[0]()
        self._incident_later()

    def _heartbeat_later(self) -> None:
        self.cluster.timeline.after(HEARTBEAT, self._heartbeat)

    def _heartbeat(self) -> None:
        now = self.cluster.now()
        for node in list(self.cluster.objects("nodes")):
            status = node.object.get("status", {})
            beaten = [{**item, "lastHeartbeatTime": now} for item in status.get("conditions", ())]
            self.cluster.save("nodes", node, status={**status, "conditions": beaten})
        self._forget_events()
        self._heartbeat_later()

    def _forget_events(self) -> None:
        """Delete the oldest Events, as a real cluster does after an hour."""
        events = sorted(self.cluster.objects("events"), key=lambda item: item.revision)
        for item in events[: max(0, len(events) - EVENTS)]:
            self.cluster.remove("events", item)

    def _any_pod(self) -> Stored | None:
        pods = [
            item
            for namespace in NAMESPACES
            for item in self.cluster.objects("pods", namespace)
            if is_ready(item)
        ]
        return self.cluster.random.choice(pods) if pods else None

    def _crash(self) -> None:
        """A container crashes and restarts."""
        if pod := self._any_pod():
            message = f"Back-off restarting failed container in pod {pod.name}"
            self.cluster.event("Pod", pod, "BackOff", message, source="kubelet", warning=True)
            pod = restart_container(self.cluster, pod, exit_code=self.cluster.random.choice((1, 137)))
            self._unready(pod)

    def _stumble(self) -> None:
        """A pod fails its readiness probe for a while."""
        if pod := self._any_pod():
            message = "Readiness probe failed: connection refused"
            self.cluster.event("Pod", pod, "Unhealthy", message, source="kubelet", warning=True)
            self._unready(pod)

    def _unready(self, pod: Stored) -> None:
        key = set_ready(self.cluster, pod, ready=False).key

        def recover() -> None:
            current = self.cluster.storage.get("pods", key)
            if current and "deletionTimestamp" not in current.object["metadata"]:
                set_ready(self.cluster, current, ready=True)

        self.cluster.timeline.after(self.cluster.random.uniform(1.5, 4.0), recover)

    def _evict(self) -> None:
        """A pod is deleted; its controller creates another."""
        if pod := self._any_pod():
            terminate(self.cluster, pod)

    def _autoscale(self) -> None:
        """The autoscaler adds or removes one replica."""
        for autoscaler in list(self.cluster.objects("horizontalpodautoscalers.autoscaling", NAMESPACES[0])):
            spec = autoscaler.object["spec"]
            reference = spec["scaleTargetRef"]
            key = f"{autoscaler.namespace}/{reference['name']}"
            deployment = self.cluster.storage.get("deployments.apps", key)
            if deployment is None:
                continue
            before = deployment.object["spec"]["replicas"]
            step = self.cluster.random.choice((-1, 1))
            after = min(spec["maxReplicas"], max(spec.get("minReplicas", 1), before + step))
            self._set_replicas(deployment, after)
            self._report(autoscaler, before, after)

    def _set_replicas(self, deployment: Stored, replicas: int) -> None:
        spec = {**deployment.object["spec"], "replicas": replicas}
        self._change_spec(deployment, spec)

    def _change_spec(self, deployment: Stored, spec: Object) -> None:
        if spec != deployment.object["spec"]:
            metadata = deployment.object["metadata"]
            metadata = {**metadata, "generation": metadata.get("generation", 1) + 1}
            self.cluster.save("deployments.apps", deployment, metadata=metadata, spec=spec)

    def _report(self, autoscaler: Stored, current: int, wanted: int) -> None:
        now = self.cluster.now()
        usage = {"averageUtilization": self.cluster.random.randint(35, 95), "averageValue": "170m"}
        conditions = autoscaler.object.get("status", {}).get("conditions", [])
        able = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
        status = {
            "currentReplicas": current,
            "desiredReplicas": wanted,
            "lastScaleTime": now,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": usage}}],
            "conditions": set_condition(conditions, able, now),
        }
        self.cluster.save("horizontalpodautoscalers.autoscaling", autoscaler, status=status)

    def _release(self) -> None:
        """A deployment gets a new image."""
        candidates = [
            item
            for item in self.cluster.objects("deployments.apps", "media")
            if item.object.get("status", {}).get("updatedReplicas") == item.object["spec"]["replicas"]
        ]
        if not candidates:
            return
        deployment = self.cluster.random.choice(candidates)
        template = deployment.object["spec"]["template"]
        first, *others = template["spec"]["containers"]
        image, _, version = first["image"].rpartition(":")
        major, _, last = version.rpartition(".")
        if not last.isdigit():
            return
        bumped = {**first, "image": f"{image}:{major}.{int(last) + 1}"}
        pod_spec = {**template["spec"], "containers": [bumped, *others]}
        spec = {**deployment.object["spec"], "template": {**template, "spec": pod_spec}}
        self._change_spec(deployment, spec)
