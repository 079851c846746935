"""The initial cluster: nodes, namespaces, and in them a shop and a media service."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from gateway.demo.apiserver import Catalog, Target, WriteOptions, Writer
from gateway.demo.cluster.cluster_state import ClusterState

__all__ = ["NAMESPACES", "plant_bare", "plant_cluster"]

Object = dict[str, Any]
Placed = tuple[str, str, str, str, Object]
"""Group, version, kind and plural, then the object."""

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
ZONES = ("a", "b", "c", "a")
OPTIONS = WriteOptions(field_manager="kubectl-create", field_validation="Strict")

# namespace, name, image, replicas, port, component, CPU (m) and memory (Mi) requests, age in days
DEPLOYMENTS = (
    ("kube-system", "coredns", "registry.k8s.io/coredns/coredns:v1.12.1", 2, 53, "dns", 100, 70, 41),
    (
        "kube-system",
        "metrics-server",
        "registry.k8s.io/metrics-server:v0.7.2",
        1,
        10250,
        "metrics",
        100,
        200,
        41,
    ),
    ("shop", "web", "nginx:1.29", 3, 8080, "frontend", 100, 64, 12),
    ("shop", "catalog", "ghcr.io/example/catalog:2.4.1", 2, 8080, "backend", 200, 256, 9),
    ("shop", "cart", "ghcr.io/example/cart:1.9.0", 2, 8080, "backend", 150, 128, 9),
    ("shop", "checkout", "ghcr.io/example/checkout:3.0.2", 3, 8080, "backend", 250, 256, 3),
    ("shop", "payments", "ghcr.io/example/payments:1.2.7", 2, 8443, "backend", 200, 256, 21),
    ("media", "gallery", "ghcr.io/example/gallery:0.14.0", 2, 3000, "frontend", 100, 128, 6),
    ("media", "encoder", "ghcr.io/example/encoder:5.1.3", 3, 9000, "worker", 1000, 1024, 2),
    ("media", "thumbnails", "ghcr.io/example/thumbnails:1.0.8", 2, 9000, "worker", 500, 256, 6),
    ("default", "hello", "registry.k8s.io/echoserver:1.10", 1, 8080, "example", 10, 16, 1),
)
STATEFUL_SETS = (
    ("shop", "redis", "redis:8.2", 1, 6379, "cache", 100, 256, 21),
    ("media", "postgres", "postgres:17.6", 2, 5432, "database", 500, 1024, 30),
)

_CLAIM = "gallery-media"


def plant_bare(cluster: ClusterState, writer: Writer, catalog: Catalog) -> None:
    """The objects of an empty cluster: its namespaces."""
    for name in NAMESPACES:
        _create(writer, catalog, "", "v1", "Namespace", "namespaces", {"metadata": {"name": name}})
    cluster.timeline.skip(1)


def plant_cluster(cluster: ClusterState, writer: Writer, catalog: Catalog) -> None:
    """Create the whole cluster, as if it had been running for days."""
    cluster.timeline.offset = -timedelta(days=42)
    plant_bare(cluster, writer, catalog)
    for name in ("shop", "media"):
        body = {"metadata": {"name": name, "labels": {"team": name}}}
        _create(writer, catalog, "", "v1", "Namespace", "namespaces", body)
    for index, zone in enumerate(ZONES, 1):
        cluster.create("nodes", _node(f"worker-{index}", zone, index, cluster.now()))
    _plant_volume(cluster)
    _create(writer, catalog, "apps", "v1", "DaemonSet", "daemonsets", _kube_proxy())
    for values in _surroundings():
        group, version, kind, plural, body = values
        _create(writer, catalog, group, version, kind, plural, body)
    for row in sorted((*DEPLOYMENTS, *STATEFUL_SETS), key=lambda row: -row[8]):
        cluster.timeline.offset = -timedelta(days=row[8], hours=len(row[1]))
        kind, plural = (
            ("StatefulSet", "statefulsets") if row in STATEFUL_SETS else ("Deployment", "deployments")
        )
        _create(writer, catalog, "apps", "v1", kind, plural, _workload(row, kind))
        _create(writer, catalog, "", "v1", "Service", "services", _service(row))
        cluster.timeline.skip(8)
    cluster.timeline.offset = timedelta()


def _create(
    writer: Writer, catalog: Catalog, group: str, version: str, kind: str, plural: str, body: Object
) -> None:
    resource = catalog.find(group, version, plural)
    if resource is None:
        raise LookupError(f"{plural} are not served")
    typed = {"apiVersion": resource.kind.api_version, "kind": kind, **body}
    writer.create(Target(resource, body["metadata"].get("namespace", "")), typed, OPTIONS)


def _labels(name: str, namespace: str, component: str) -> Object:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": namespace,
        "app.kubernetes.io/component": component,
    }


def _workload(row: tuple[Any, ...], kind: str) -> Object:
    namespace, name, image, replicas, port, component, cpu, memory, _ = row
    labels = _labels(name, namespace, component)
    selector = {"app.kubernetes.io/name": name}
    container = {
        "name": name,
        "image": image,
        "ports": [{"name": "main", "containerPort": port}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {
            "requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{memory * 2}Mi"},
        },
        "readinessProbe": {"tcpSocket": {"port": "main"}, "periodSeconds": 5},
    }
    volume = {"name": "media", "persistentVolumeClaim": {"claimName": _CLAIM}}
    volumes = {"volumes": [volume]} if name == "gallery" else {}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selector},
            **({"serviceName": name} if kind == "StatefulSet" else {}),
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], **volumes}},
        },
    }


def _service(row: tuple[Any, ...]) -> Object:
    namespace, name, _, _, port, component, *_ = row
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": _labels(name, namespace, component)},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "main", "port": port, "targetPort": "main"}],
        },
    }


def _kube_proxy() -> Object:
    labels = _labels("kube-proxy", "kube-system", "proxy")
    container = {"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.36.3"}
    return {
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "kube-proxy"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"hostNetwork": True, "containers": [container]},
            },
        },
    }


def _surroundings() -> Iterator[Placed]:
    """The supporting objects of a namespace in a real cluster."""
    yield from _configuration()
    yield from _storage_classes()
    yield _scaling()
    yield _ingress("shop", "web")
    yield _ingress("media", "gallery")
    yield _network_policy()


def _configuration() -> Iterator[Placed]:
    yield (
        "",
        "v1",
        "ConfigMap",
        "configmaps",
        {
            "metadata": {"name": "shop-settings", "namespace": "shop"},
            "data": {"currency": "EUR", "banner": "Free shipping this week"},
        },
    )
    yield (
        "",
        "v1",
        "Secret",
        "secrets",
        {
            "metadata": {"name": "payments-credentials", "namespace": "shop"},
            "stringData": {"username": "demo", "password": "not-a-secret"},
        },
    )


def _plant_volume(cluster: ClusterState) -> None:
    """The claim of the gallery and its volume, which no controller binds here."""
    size, modes = {"storage": "20Gi"}, ["ReadWriteMany"]
    common = {"accessModes": modes, "storageClassName": "standard", "volumeMode": "Filesystem"}
    claim = cluster.create(
        "persistentvolumeclaims",
        {
            "metadata": {"name": _CLAIM, "namespace": "media"},
            "spec": {**common, "resources": {"requests": size}, "volumeName": "pvc-gallery"},
            "status": {"phase": "Bound", "accessModes": modes, "capacity": size},
        },
    )
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "media", "name": _CLAIM}
    disk = {"driver": "disks.example.com", "volumeHandle": "disk-1"}
    cluster.create(
        "persistentvolumes",
        {
            "metadata": {"name": "pvc-gallery"},
            "spec": {
                **common,
                "capacity": size,
                "claimRef": {**reference, "uid": claim.object["metadata"]["uid"]},
                "csi": disk,
                "persistentVolumeReclaimPolicy": "Delete",
            },
            "status": {"phase": "Bound"},
        },
    )


def _storage_classes() -> Iterator[Placed]:
    is_default = {"storageclass.kubernetes.io/is-default-class": "true"}
    for name, annotations in (("standard", is_default), ("archive", {})):
        yield (
            "storage.k8s.io",
            "v1",
            "StorageClass",
            "storageclasses",
            {
                "metadata": {"name": name, "annotations": annotations},
                "provisioner": "disks.example.com",
                "volumeBindingMode": "WaitForFirstConsumer",
            },
        )


def _scaling() -> Placed:
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
    target = {"type": "Utilization", "averageUtilization": 70}
    return (
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        {
            "metadata": {"name": "checkout", "namespace": "shop"},
            "spec": {
                "scaleTargetRef": scaled,
                "minReplicas": 2,
                "maxReplicas": 6,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        },
    )


def _ingress(namespace: str, name: str) -> Placed:
    backend = {"service": {"name": name, "port": {"name": "main"}}}
    return (
        "networking.k8s.io",
        "v1",
        "Ingress",
        "ingresses",
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "rules": [
                    {
                        "host": f"{namespace}.example.com",
                        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                    }
                ]
            },
        },
    )


def _network_policy() -> Placed:
    return (
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        {
            "metadata": {"name": "payments-only-from-checkout", "namespace": "shop"},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "payments"}},
                "ingress": [
                    {"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "checkout"}}}]}
                ],
            },
        },
    )


def _node(name: str, zone: str, index: int, now: str) -> Object:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    healthy = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "demo.large",
                "topology.kubernetes.io/region": "demo-1",
                "topology.kubernetes.io/zone": f"demo-1{zone}",
            },
        },
        "spec": {"podCIDR": f"10.244.{index}.0/24", "providerID": f"demo://{name}"},
        "status": {
            "capacity": capacity,
            "allocatable": {**capacity, "cpu": "7800m", "memory": "30Gi"},
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.0.{index + 10}"},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [
                {
                    "type": condition,
                    "status": status,
                    "reason": "KubeletReady" if condition == "Ready" else f"KubeletHasNo{condition}",
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
                for condition, status in healthy.items()
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "osImage": "Demo Linux 1",
                "kernelVersion": "6.12.0",
                "kubeletVersion": "v1.36.3",
                "containerRuntimeVersion": "containerd://2.1.4",
                "machineID": name,
                "systemUUID": name,
                "bootID": name,
                "kubeProxyVersion": "",
            },
        },
    }
