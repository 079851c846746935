"""The selectable fields of each resource, and their values."""

from collections.abc import Mapping
from typing import Any

from gateway.demo.apiserver.statuses import bad_request
from gateway.demo.apiserver.storage import Stored
from schema.resources import Resource
from schema.selectors import FieldSelector, LabelSelector, parse_field_selector, parse_label_selector

__all__ = ["Selection", "parse_selection"]

EVENT_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
SELECTABLE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "replicationcontrollers"): ("status.replicas",),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
    ("", "events"): (
        *(f"involvedObject.{item}" for item in EVENT_REFERENCE),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("events.k8s.io", "events"): (
        *(f"regarding.{item}" for item in EVENT_REFERENCE),
        "reason",
        "reportingController",
        "type",
    ),
}
# selectable fields with a different path in the stored object
PLACES: Mapping[tuple[str, str], str] = {
    ("events", "source"): "source.component",
    ("events", "reportingController"): "reportingComponent",
    ("jobs", "status.successful"): "status.succeeded",
    **{("events", f"regarding.{item}"): f"involvedObject.{item}" for item in EVENT_REFERENCE},
}
ZERO = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}
CLUSTER_SCOPED_WITHOUT_NAMESPACE = frozenset(("nodes", "namespaces", "persistentvolumes"))


class Selection:
    """A label selector and a field selector together, for one resource."""

    def __init__(self, resource: Resource, labels: LabelSelector, fields: FieldSelector) -> None:
        self.plural = resource.gvr.resource
        self.labels = labels
        self.fields = fields

    @property
    def everything(self) -> bool:
        return self.labels.empty and self.fields.empty

    def matches(self, stored: Stored) -> bool:
        return self.labels.matches(stored.labels) and self.fields.matches(
            lambda field: self._value(stored.object, field)
        )

    def _value(self, value: Any, field: str) -> str:
        for key in PLACES.get((self.plural, field), field).split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return ZERO.get(field, "")
        return str(value).lower() if isinstance(value, bool) else str(value)


def parse_selection(
    resource: Resource, label_selector: str, field_selector: str, more: tuple[str, ...] = ()
) -> Selection:
    """Parse both selectors; refuses (400) malformed ones and fields that are not selectable.

    ``more``: the selectable fields of a custom resource.
    """
    try:
        labels = parse_label_selector(label_selector)
        fields = parse_field_selector(field_selector)
    except ValueError as error:
        raise bad_request(str(error)) from error
    known = (*_selectable(resource), *more)
    for field in sorted(fields.fields - set(known)):
        raise bad_request(f"field label not supported: {field}")
    return Selection(resource, labels, fields)


def _selectable(resource: Resource) -> tuple[str, ...]:
    own = SELECTABLE.get((resource.gvr.group, resource.gvr.resource), ())
    if not resource.gvr.group and resource.gvr.resource in CLUSTER_SCOPED_WITHOUT_NAMESPACE:
        return ("metadata.name", *own)
    return ("metadata.name", "metadata.namespace", *own)
