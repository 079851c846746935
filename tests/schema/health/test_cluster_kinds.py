"""The health of storage, network, nodes and the API itself."""

from typing import Any

import pytest

from schema.health import health_of
from tests.schema.health.objects import condition, object_of

Object = dict[str, Any]
READY = condition("Ready", reason="KubeletReady")
DELETED = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("group", "kind", "found", "status", "reason"),
    [
        ("", "PersistentVolumeClaim", object_of(status={"phase": "Bound"}), "CURRENT", None),
        ("", "PersistentVolumeClaim", object_of(status={"phase": "Pending"}), "IN_PROGRESS", "NotBound"),
        ("", "PersistentVolumeClaim", object_of(), "IN_PROGRESS", "NotBound"),
        ("", "PersistentVolumeClaim", object_of(status={"phase": "Lost"}), "FAILED", "Lost"),
        ("", "PersistentVolume", object_of(status={"phase": "Released"}), "CURRENT", "Released"),
        ("", "PersistentVolume", object_of(), "IN_PROGRESS", "NotAvailable"),
        ("", "PersistentVolume", object_of(status={"phase": "Failed"}), "FAILED", "Failed"),
        ("", "Service", object_of({"type": "ClusterIP"}), "CURRENT", None),
        ("", "Service", object_of(), "CURRENT", None),
        ("", "Service", object_of({"type": "LoadBalancer"}), "IN_PROGRESS", "NoIPAssigned"),
        (
            "",
            "Service",
            object_of({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, {"loadBalancer": {}}),
            "IN_PROGRESS",
            "NoLoadBalancer",
        ),
        (
            "",
            "Service",
            object_of(
                {"type": "LoadBalancer", "clusterIP": "10.0.0.1"},
                {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
            ),
            "CURRENT",
            None,
        ),
        ("", "Node", object_of(status={"conditions": [READY]}), "CURRENT", None),
        ("", "Node", object_of({"unschedulable": True}, {"conditions": [READY]}), "CURRENT", "Cordoned"),
        (
            "",
            "Node",
            object_of(status={"conditions": [condition("Ready", "Unknown", "NodeStatusUnknown")]}),
            "UNKNOWN",
            "NodeStatusUnknown",
        ),
        (
            "",
            "Node",
            object_of(status={"conditions": [condition("Ready", "False", "KubeletNotReady")]}),
            "FAILED",
            "KubeletNotReady",
        ),
        (
            "",
            "Node",
            object_of(
                status={"conditions": [READY, condition("DiskPressure", reason="KubeletHasDiskPressure")]}
            ),
            "FAILED",
            "KubeletHasDiskPressure",
        ),
        ("", "Node", object_of(), "UNKNOWN", "NoReadyCondition"),
        ("", "Namespace", object_of(status={"phase": "Active"}), "CURRENT", None),
        ("", "Namespace", object_of(deletionTimestamp=DELETED), "TERMINATING", "Terminating"),
        (
            "",
            "Namespace",
            object_of(
                status={"conditions": [condition("NamespaceContentRemaining")]}, deletionTimestamp=DELETED
            ),
            "TERMINATING",
            "NamespaceContentRemaining",
        ),
        ("policy", "PodDisruptionBudget", object_of(), "CURRENT", None),
        (
            "policy",
            "PodDisruptionBudget",
            object_of(status={"conditions": [condition("DisruptionAllowed", "False", "InsufficientPods")]}),
            "CURRENT",
            "InsufficientPods",
        ),
        (
            "policy",
            "PodDisruptionBudget",
            object_of(status={"conditions": [condition("DisruptionAllowed", "False", "SyncFailed")]}),
            "FAILED",
            "SyncFailed",
        ),
        ("apiextensions.k8s.io", "CustomResourceDefinition", object_of(), "IN_PROGRESS", "Installing"),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            object_of(status={"conditions": [condition("NamesAccepted"), condition("Established")]}),
            "CURRENT",
            None,
        ),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            object_of(status={"conditions": [condition("NamesAccepted", "False", "PluralConflict")]}),
            "FAILED",
            "PluralConflict",
        ),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            object_of(status={"conditions": [condition("Established", "False", "Installing")]}),
            "IN_PROGRESS",
            "Installing",
        ),
        ("apiregistration.k8s.io", "APIService", object_of(), "IN_PROGRESS", "NoAvailableCondition"),
        (
            "apiregistration.k8s.io",
            "APIService",
            object_of(status={"conditions": [condition("Available", "False", "FailedDiscoveryCheck")]}),
            "FAILED",
            "FailedDiscoveryCheck",
        ),
        (
            "autoscaling",
            "HorizontalPodAutoscaler",
            object_of(
                status={
                    "conditions": [
                        condition("AbleToScale"),
                        condition("ScalingActive", "False", "FailedGetResourceMetric"),
                    ]
                }
            ),
            "FAILED",
            "FailedGetResourceMetric",
        ),
        (
            "autoscaling",
            "HorizontalPodAutoscaler",
            object_of(status={"conditions": [condition("ScalingActive", "False", "ScalingDisabled")]}),
            "CURRENT",
            "ScalingDisabled",
        ),
        ("certificates.k8s.io", "CertificateSigningRequest", object_of(), "IN_PROGRESS", "NotApproved"),
        (
            "certificates.k8s.io",
            "CertificateSigningRequest",
            object_of(status={"conditions": [condition("Approved")]}),
            "IN_PROGRESS",
            "NotSigned",
        ),
        (
            "certificates.k8s.io",
            "CertificateSigningRequest",
            object_of(status={"conditions": [condition("Denied", reason="Nope")]}),
            "FAILED",
            "Nope",
        ),
        ("storage.k8s.io", "VolumeAttachment", object_of(status={"attached": True}), "CURRENT", None),
        ("storage.k8s.io", "VolumeAttachment", object_of(), "IN_PROGRESS", "NotAttached"),
        (
            "storage.k8s.io",
            "VolumeAttachment",
            object_of(status={"attached": False, "attachError": {"message": "no device"}}),
            "FAILED",
            "AttachFailed",
        ),
        ("", "ConfigMap", {"metadata": {}}, "CURRENT", None),
        ("", "Secret", {"metadata": {}}, "CURRENT", None),
    ],
)
def test_kinds(group: str, kind: str, found: Object, status: str, reason: str | None) -> None:
    health = health_of(found, group, kind)
    assert (health.status, health.reason) == (status, reason)
