"""The references that an object needs, and the beginning of a problem."""

from typing import Any

from hypothesis import given

from schema.health import Health, HealthStatus, health_of, required_references, since_of
from tests.schema.health.objects import condition, container, object_of, pod
from tests.schema.health.test_evaluate import OBJECTS

SPEC: dict[str, Any] = {
    "serviceAccountName": "robot",
    "volumes": [
        {"secret": {"secretName": "tls"}},
        {"configMap": {"name": "maybe", "optional": True}},
        {"projected": {"sources": [{"configMap": {"name": "ca"}}, {"serviceAccountToken": {}}]}},
        {"persistentVolumeClaim": {"claimName": "data"}},
        {"emptyDir": {}},
    ],
    "initContainers": [{"envFrom": [{"secretRef": {"name": "env"}}, {"configMapRef": {"name": "ca"}}]}],
    "containers": [
        {
            "env": [
                {"name": "A", "value": "x"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "opt", "optional": True}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ]
        }
    ],
}


def test_a_pod_needs_what_is_not_optional() -> None:
    assert required_references(object_of(SPEC), "", "Pod") == [
        ("ServiceAccount", "robot"),
        ("Secret", "tls"),
        ("ConfigMap", "ca"),
        ("PersistentVolumeClaim", "data"),
        ("Secret", "env"),
        ("Secret", "key"),
    ]


def test_a_pod_that_has_finished_or_is_being_deleted_needs_nothing() -> None:
    assert required_references(object_of(SPEC, {"phase": "Succeeded"}), "", "Pod") == []
    assert required_references(object_of(SPEC, deletionTimestamp="2026-01-01T00:00:00Z"), "", "Pod") == []


def test_an_ingress_needs_its_services() -> None:
    backend = {"service": {"name": "web"}}
    spec = {
        "defaultBackend": {"service": {"name": "all"}},
        "rules": [{"http": {"paths": [{"backend": backend}]}}],
    }
    found = required_references(object_of(spec), "networking.k8s.io", "Ingress")
    assert found == [("Service", "all"), ("Service", "web")]
    assert required_references(object_of(spec), "", "ConfigMap") == []


@given(OBJECTS)
def test_no_json_raises(found: Any) -> None:
    required_references(found, "", "Pod")
    since_of(found, Health(HealthStatus.FAILED, "Any"))


def test_a_problem_began_with_its_condition_or_the_end_of_its_container() -> None:
    unschedulable = condition(
        "PodScheduled", "False", "Unschedulable", lastTransitionTime="2026-01-02T00:00:00Z"
    )
    found = pod("Pending", unschedulable)
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-02T00:00:00Z"
    last = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-03T00:00:00Z"}}
    found = pod("Running", containerStatuses=[container(last=last, waiting={"reason": "CrashLoopBackOff"})])
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-03T00:00:00Z"
    found = object_of(creationTimestamp="2026-01-01T00:00:00Z")
    assert since_of(found, health_of(found, "", "Pod")) == "2026-01-01T00:00:00Z"
    assert since_of({}, health_of({}, "", "Pod")) is None
