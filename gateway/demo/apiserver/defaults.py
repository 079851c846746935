"""Default values for the fields that a client omits."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.demo.apiserver.openapi_documents import Node

__all__ = ["TYPE_AND_METADATA", "fill_defaults", "fill_schema_defaults"]

Object = dict[str, Any]

TYPE_AND_METADATA = ("apiVersion", "kind", "metadata")


def fill_defaults(plural: str, value: Object) -> None:
    """Set the built-in defaults of an object in place, by the plural name of its resource."""
    if (fill := FILLERS.get(plural)) is not None:
        fill(value.setdefault("spec", {}))
    elif (fill := WHOLE_FILLERS.get(plural)) is not None:
        fill(value)


def fill_schema_defaults(node: Node, value: Any) -> None:
    """Set the defaults of a schema in place and recursively, except below ``metadata``."""
    if isinstance(value, dict):
        for name, child in node.properties():
            if name not in value and "default" in child.schema:
                value[name] = json.loads(json.dumps(child.schema["default"]))
        for key, item in value.items():
            if (below := node.child(key)) is not None and key not in TYPE_AND_METADATA:
                fill_schema_defaults(below, item)
    elif isinstance(value, list):
        for item in value:
            fill_schema_defaults(node.items, item)


def _pod(spec: Object) -> None:
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        securityContext={},
    )
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        _container(container)
    for volume in spec.get("volumes", ()):
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if source in volume:
                _fill(volume[source], defaultMode=420)


def _container(container: Object) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = "@" not in image and tag in ("", "latest")
    _fill(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if latest else "IfNotPresent",
    )
    for port in container.get("ports", ()):
        _fill(port, protocol="TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            _fill(
                container[probe], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3
            )
            if "httpGet" in container[probe]:
                _fill(container[probe]["httpGet"], path="/", scheme="HTTP")


def _template(spec: Object) -> None:
    _pod(spec.setdefault("template", {}).setdefault("spec", {}))


def _bare_pod(spec: Object) -> None:
    _pod(spec)
    _fill(spec, enableServiceLinks=True, serviceAccountName="default", serviceAccount="default", priority=0)
    _fill(spec, preemptionPolicy="PreemptLowerPriority", tolerations=[])
    for key in ("not-ready", "unreachable"):
        toleration = {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
        if not any(item.get("key") == toleration["key"] for item in spec["tolerations"]):
            spec["tolerations"] = [*spec["tolerations"], {**toleration, "tolerationSeconds": 300}]


def _deployment(spec: Object) -> None:
    _template(spec)
    _fill(spec, replicas=1, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    _fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _fill(spec["strategy"], rollingUpdate={})
        _fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")


def _replica_set(spec: Object) -> None:
    _template(spec)
    _fill(spec, replicas=1)


def _stateful_set(spec: Object) -> None:
    _replica_set(spec)
    _fill(
        spec, podManagementPolicy="OrderedReady", revisionHistoryLimit=10, updateStrategy={}, serviceName=""
    )
    _fill(spec["updateStrategy"], type="RollingUpdate", rollingUpdate={"partition": 0})
    _fill(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})


def _daemon_set(spec: Object) -> None:
    _template(spec)
    _fill(spec, revisionHistoryLimit=10, updateStrategy={})
    _fill(spec["updateStrategy"], type="RollingUpdate", rollingUpdate={"maxUnavailable": 1, "maxSurge": 0})


def _job(spec: Object) -> None:
    _template(spec)
    _fill(spec, parallelism=1, completions=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)


def _cron_job(spec: Object) -> None:
    _job(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))
    _fill(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )


def _service(spec: Object) -> None:
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _fill(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
    for port in spec.get("ports", ()):
        _fill(port, protocol="TCP", targetPort=port.get("port"))


def _namespace(spec: Object) -> None:
    _fill(spec, finalizers=["kubernetes"])


def _autoscaler(spec: Object) -> None:
    _fill(spec, minReplicas=1)


def _network_policy(spec: Object) -> None:
    egress = ["Egress"] if "egress" in spec else []
    _fill(spec, podSelector={}, policyTypes=["Ingress", *egress])


def _storage_class(value: Object) -> None:
    _fill(value, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _endpoint_slice(value: Object) -> None:
    for port in value.get("ports") or ():
        _fill(port, name="", protocol="TCP")


def _fill(value: Object, **defaults: Any) -> None:
    for key, default in defaults.items():
        value.setdefault(key, default)


FILLERS: Mapping[str, Callable[[Object], None]] = {
    "pods": _bare_pod,
    "deployments": _deployment,
    "replicasets": _replica_set,
    "replicationcontrollers": _replica_set,
    "statefulsets": _stateful_set,
    "daemonsets": _daemon_set,
    "jobs": _job,
    "cronjobs": _cron_job,
    "services": _service,
    "namespaces": _namespace,
    "horizontalpodautoscalers": _autoscaler,
    "networkpolicies": _network_policy,
}
"""The defaults of a spec."""
WHOLE_FILLERS: Mapping[str, Callable[[Object], None]] = {
    "storageclasses": _storage_class,
    "endpointslices": _endpoint_slice,
}
"""Those of kinds without a spec."""
