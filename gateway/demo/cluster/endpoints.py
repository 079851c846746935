"""The EndpointSlice controller: a slice per Service with a selector, an endpoint for each of its pods."""

from typing import Any

from gateway.demo.apiserver import Change, Stored, fill_defaults
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference
from gateway.demo.cluster.controller import Controller
from gateway.demo.cluster.replicas import is_ready

__all__ = ["EndpointSlices"]

Object = dict[str, Any]

SLICES = "endpointslices.discovery.k8s.io"
_MANAGED_BY = "endpointslice-controller.k8s.io"


class EndpointSlices:
    """Keeps the slices after a change of a Service, of its slice, or of a pod that it selects."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.services = Controller(cluster, "services", SLICES, self._reconcile)
        cluster.listen("pods", self._pod_changed)

    def _pod_changed(self, change: Change) -> None:
        pods = [pod for pod in (change.old, change.new) if pod is not None]
        for service in self.cluster.objects("services", change.new.namespace):
            if any(_selects(service, pod) for pod in pods):
                self.services.mark(service)

    def _reconcile(self, service: Stored) -> None:
        slices = self.cluster.owned(SLICES, service)
        spec = service.object["spec"]
        if not spec.get("selector") or spec.get("type") == "ExternalName":
            for old in slices:
                self.cluster.remove(SLICES, old)
            return
        pods = [pod for pod in self.cluster.objects("pods", service.namespace) if _selects(service, pod)]
        content: Object = {
            "endpoints": [self._endpoint(pod) for pod in pods if _has_address(pod)],
            "ports": [_port(port, pods) for port in spec.get("ports") or ()],
        }
        fill_defaults("endpointslices", content)
        if not slices:
            self._create(service, content)
        elif any(slices[0].object.get(key) != value for key, value in content.items()):
            metadata = slices[0].object["metadata"]
            metadata = {**metadata, "generation": metadata.get("generation", 1) + 1}
            self.cluster.save(SLICES, slices[0], metadata=metadata, **content)

    def _create(self, service: Stored, content: Object) -> None:
        metadata = {
            "name": f"{service.name}-{self.cluster.stamps.suffix()}",
            "generateName": f"{service.name}-",
            "namespace": service.namespace,
            "generation": 1,
            "labels": {
                **service.labels,
                "endpointslice.kubernetes.io/managed-by": _MANAGED_BY,
                "kubernetes.io/service-name": service.name,
            },
            "ownerReferences": [controller_reference("Service", "v1", service)],
        }
        self.cluster.create(SLICES, {"metadata": metadata, "addressType": "IPv4", **content})

    def _endpoint(self, pod: Stored) -> Object:
        serving, terminating = is_ready(pod), "deletionTimestamp" in pod.object["metadata"]
        node = self.cluster.storage.get("nodes", pod.object["spec"].get("nodeName", ""))
        zone = node.labels.get("topology.kubernetes.io/zone") if node is not None else None
        target = {"kind": "Pod", "namespace": pod.namespace, "name": pod.name}
        endpoint: Object = {
            "addresses": [pod.object["status"]["podIP"]],
            "conditions": {
                "ready": serving and not terminating,
                "serving": serving,
                "terminating": terminating,
            },
            "nodeName": pod.object["spec"].get("nodeName"),
            "targetRef": {**target, "uid": pod.object["metadata"]["uid"]},
            "zone": zone,
        }
        return {key: value for key, value in endpoint.items() if value is not None}


def _selects(service: Stored, pod: Stored) -> bool:
    selector = service.object["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= pod.labels.items()


def _has_address(pod: Stored) -> bool:
    status = pod.object.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _port(port: Object, pods: list[Stored]) -> Object:
    """The port of the endpoints; one with a name is looked up in the first pod that has it."""
    number, name = port.get("targetPort", port["port"]), port.get("name", "")
    if isinstance(number, str):
        named = (
            item["containerPort"]
            for pod in pods
            for container in pod.object["spec"]["containers"]
            for item in container.get("ports") or ()
            if item.get("name") == number
        )
        number = next(named, None)
    found = {"name": name, "port": number, "protocol": port.get("protocol", "TCP")}
    return {key: value for key, value in found.items() if value is not None}
