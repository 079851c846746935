"""Conversion of autoscalers (v1, v2) and events (core, events.k8s.io) between served and stored versions.

The storage versions are autoscaling/v2 and core/v1.
"""

from typing import Any

from schema.resources import GroupVersionResource

__all__ = ["from_stored", "needs_conversion", "to_stored"]

Object = dict[str, Any]

EVENT_KEYS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
EVENT_KEYS_BACK = {new: old for old, new in EVENT_KEYS.items()}


def needs_conversion(gvr: GroupVersionResource) -> bool:
    """Whether the served version of a resource differs from its storage version."""
    return (gvr.group, gvr.version) in (("events.k8s.io", "v1"), ("autoscaling", "v1"))


def from_stored(gvr: GroupVersionResource, value: Object) -> Object:
    """Convert an object from its storage version to the version of ``gvr``."""
    match (gvr.group, gvr.version):
        case ("events.k8s.io", "v1"):
            return _rename(value, EVENT_KEYS)
        case ("autoscaling", "v1"):
            return _autoscaler_to_v1(value)
    return value


def to_stored(gvr: GroupVersionResource, value: Object) -> Object:
    """Convert an object from the version of ``gvr`` to its storage version."""
    match (gvr.group, gvr.version):
        case ("events.k8s.io", "v1"):
            return _rename(value, EVENT_KEYS_BACK)
        case ("autoscaling", "v1"):
            return _autoscaler_to_v2(value)
    return value


def _rename(value: Object, names: dict[str, str]) -> Object:
    return {names.get(key, key): item for key, item in value.items()}


def _autoscaler_to_v1(value: Object) -> Object:
    spec = dict(value.get("spec") or {})
    status = dict(value.get("status") or {})
    for metric in spec.pop("metrics", ()):
        if metric.get("resource", {}).get("name") == "cpu":
            target = metric["resource"].get("target", {})
            if "averageUtilization" in target:
                spec["targetCPUUtilizationPercentage"] = target["averageUtilization"]
    for metric in status.pop("currentMetrics", ()):
        current = metric.get("resource", {}).get("current", {})
        if "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
    for section in (spec, status):
        section.pop("behavior", None)
        section.pop("conditions", None)
    return {**value, "spec": spec, "status": status}


def _autoscaler_to_v2(value: Object) -> Object:
    spec = dict(value.get("spec") or {})
    status = dict(value.get("status") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    status.pop("currentCPUUtilizationPercentage", None)
    if target is not None:
        wanted = {"type": "Utilization", "averageUtilization": target}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": wanted}}]
    return {**value, "spec": spec, "status": status}
