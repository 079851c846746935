"""The references that an object requires."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import example, given

from schema.model import Definition, ListOf, Scalar, ServedResource
from schema.relations import KindName, ReferenceFinder
from schema.resources import GroupVersionKind
from tests.schema.health.objects import condition, object_of
from tests.schema.health.test_evaluate import OBJECTS
from tests.schema.relations.test_catalogue import META, kubernetes, object_type

SPEC: dict[str, Any] = {
    "serviceAccountName": "robot",
    "nodeName": "node",
    "imagePullSecrets": [{"name": "registry"}],
    "volumes": [
        {"secret": {"secretName": "tls"}},
        {"secret": {"secretName": "maybe", "optional": True}},
        {"configMap": {"name": "maybe", "optional": True}},
        {"projected": {"sources": [{"configMap": {"name": "ca"}}, {"serviceAccountToken": {}}]}},
        {"persistentVolumeClaim": {"claimName": "data"}},
        {"csi": {"driver": "x", "nodePublishSecretRef": {"name": "csi"}}},
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
OF_POD = {
    ("ServiceAccount", "robot"),
    ("Node", "node"),
    ("Secret", "tls"),
    ("ConfigMap", "ca"),
    ("PersistentVolumeClaim", "data"),
    ("Secret", "csi"),
    ("Secret", "env"),
    ("Secret", "key"),
}
CONTROLLED = [{"kind": "Deployment", "name": "web", "controller": True}]


@cache
def finder() -> ReferenceFinder:
    return ReferenceFinder(kubernetes())


def served(group: str, kind: str) -> ServedResource:
    found = finder().kinds.of(group, kind)
    assert found is not None
    return found


def required(found: Any, group: str, kind: str) -> set[tuple[str, ...]]:
    """Kind and name of the targets, and the namespace of those in another than ``here``."""
    names = finder().of(served(group, kind)).find(msgspec.json.encode(found), "here")
    return {
        (
            name.kind.kind if isinstance(name.kind, KindName) else name.kind.resource.kind.kind,
            name.name,
            *([name.namespace] if name.namespace not in ("", "here") else []),
        )
        for name in names
    }


def test_a_pod_requires_what_is_not_optional() -> None:
    assert required(object_of(SPEC), "", "Pod") == OF_POD


def test_a_pod_that_has_finished_or_is_being_deleted_requires_nothing() -> None:
    assert required(object_of(SPEC, {"phase": "Succeeded"}), "", "Pod") == set()
    assert required(object_of(SPEC, deletionTimestamp="2026-01-01T00:00:00Z"), "", "Pod") == set()


@pytest.mark.parametrize(
    ("group", "kind"),
    [("apps", "Deployment"), ("apps", "DaemonSet"), ("batch", "Job"), ("apps", "ReplicaSet")],
)
def test_a_pod_template_requires_the_same_as_the_pod(group: str, kind: str) -> None:
    template = {"template": {"spec": SPEC}}
    assert required(object_of(template), group, kind) == OF_POD


def test_a_template_that_is_a_copy_and_a_job_that_has_ended_require_nothing() -> None:
    template = {"template": {"spec": SPEC}}
    assert required(object_of(template, ownerReferences=CONTROLLED), "apps", "ReplicaSet") == set()
    ended = {"conditions": [condition("Complete", "True")]}
    assert required(object_of(template, ended), "batch", "Job") == set()
    running = {"conditions": [condition("Complete", "False")]}
    assert required(object_of(template, running), "batch", "Job") == OF_POD


@pytest.mark.parametrize(
    ("group", "kind", "found", "expected"),
    [
        (
            "networking.k8s.io",
            "Ingress",
            object_of(
                {
                    "ingressClassName": "nginx",
                    "defaultBackend": {"service": {"name": "all"}},
                    "rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}],
                    "tls": [{"secretName": "cert"}],
                }
            ),
            {("IngressClass", "nginx"), ("Service", "all"), ("Service", "web"), ("Secret", "cert")},
        ),
        (
            "autoscaling",
            "HorizontalPodAutoscaler",
            object_of({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
            {("Deployment", "web")},
        ),
        (
            "rbac.authorization.k8s.io",
            "RoleBinding",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "later"}],
            },
            {("Role", "reader")},
        ),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration",
            {"webhooks": [{"clientConfig": {"service": {"name": "hook", "namespace": "system"}}}]},
            {("Service", "hook", "system")},
        ),
        (
            "",
            "PersistentVolumeClaim",
            object_of({"storageClassName": "manual", "volumeName": "volume"}),
            {("PersistentVolume", "volume")},
        ),
        ("", "PersistentVolume", object_of({"claimRef": {"name": "gone", "namespace": "here"}}), set()),
        ("apps", "StatefulSet", object_of({"serviceName": "headless"}), {("Service", "headless")}),
        ("", "ServiceAccount", {"secrets": [{"name": "token"}]}, set()),
        ("discovery.k8s.io", "EndpointSlice", {"endpoints": [{"nodeName": "gone"}]}, set()),
        ("", "ConfigMap", {"data": {"secretName": "x"}}, set()),
    ],
)
def test_the_references_of_other_kinds(
    group: str, kind: str, found: Mapping[str, Any], expected: set[tuple[str, ...]]
) -> None:
    assert required(found, group, kind) == expected


def test_references_of_custom_resources_at_any_depth() -> None:
    text = Scalar.STRING
    reference = object_type(
        "a.Ref", kind=text, name=text, namespace=text, apiVersion=text, optional=Scalar.BOOLEAN
    )
    inner = object_type(
        "a.Inner", secretName=text, targetRefs=ListOf(Definition("a.Ref")), optional=Scalar.BOOLEAN
    )
    spec = object_type(
        "a.Spec",
        items=ListOf(Definition("a.Inner")),
        again=Definition("a.Spec"),
        configMapName=text,
        storageClassName=text,
        ignored=Definition("a.Ref"),
    )
    kind = GroupVersionKind("a.io", "v1", "Thing")
    thing = replace(
        object_type(
            "a.Thing", metadata=Definition(META), spec=Definition("a.Spec"), status=Definition("a.Spec")
        ),
        kinds=(kind,),
    )
    model = kubernetes()
    objects = {**model.objects, **{item.id: item for item in (reference, inner, spec, thing)}}
    pods = served("", "Pod")
    things = replace(pods, object="a.Thing", resource=replace(pods.resource, kind=kind))
    body = {
        "spec": {
            "configMapName": "settings",
            "storageClassName": "manual",
            "ignored": {"kind": "Pod", "name": "*"},
            "items": [
                {"secretName": "password", "targetRefs": [{"kind": "Pod", "name": "a"}, {"kind": "Pod"}]},
                {"secretName": "maybe", "optional": True},
                {"targetRefs": [{"kind": "Pod", "name": "b", "optional": True}]},
            ],
        },
        "status": {"configMapName": "report"},
    }
    found = ReferenceFinder(replace(model, objects=objects)).of(things)
    names = [name.name for name in found.find(msgspec.json.encode(body), "here")]
    assert sorted(names) == ["a", "password", "settings"]


@given(OBJECTS)
@example({"status": {"phase": []}})
@example({"status": {"conditions": [{"type": [], "status": "True"}]}})
def test_no_json_raises(found: Any) -> None:
    body = msgspec.json.encode(found)
    for group, kind in (("", "Pod"), ("apps", "Deployment"), ("networking.k8s.io", "Ingress")):
        finder().of(served(group, kind)).find(body, "here")
