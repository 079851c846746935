"""The recorded API of a real API server of Kubernetes 1.36, lowered as a whole."""

import gzip
import json
from functools import cache
from importlib.resources import files

import pytest

from schema.discovery import parse_aggregated
from schema.lowering import lower
from schema.model import Definition, ListOf, Model, Scalar, TypeExpression, Verb
from schema.resources import GroupVersion
from tests.schema.documents import META, built, property_of, served

RECORDED = files("gateway.demo.apiserver") / "openapi"


def recorded(name: str) -> bytes:
    return gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes())


@cache
def kubernetes() -> Model:
    groups = json.loads(recorded("discovery"))["groups"]
    core = [group for group in groups if not group.get("metadata", {}).get("name")]
    others = [group for group in groups if group not in core]
    discovery = parse_aggregated(*(json.dumps({"items": items}).encode() for items in (core, others)))
    documents = {item: recorded(item.path.replace("/", "_")) for item in discovery.group_versions}
    assert GroupVersion("apps", "v1") in documents
    return lower(discovery, documents)


def type_at(kind: str, path: str) -> TypeExpression:
    """The type at a path of property names below a kind, lists walked through."""
    model = kubernetes()
    expression: TypeExpression = Definition(
        next(item.object for item in model.resources if item.resource.kind.kind == kind)
    )
    for key in path.split("."):
        while isinstance(expression, ListOf):
            expression = expression.items
        assert isinstance(expression, Definition)
        expression = property_of(model.objects[expression.id], key).type
    return expression


def test_everything_is_typed_and_valid() -> None:
    assert kubernetes().problems == ()
    built(kubernetes())


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("Pod", "metadata.labels", Scalar.STRING_MAP),
        ("Pod", "metadata.creationTimestamp", Scalar.DATE_TIME),
        ("Pod", "metadata.generation", Scalar.INT64),
        ("Pod", "metadata.managedFields.fieldsV1", Scalar.JSON),
        ("Pod", "spec.containers.ports.containerPort", Scalar.INT),
        ("Pod", "spec.containers.livenessProbe.httpGet.port", Scalar.INT_OR_STRING),
        ("Pod", "spec.containers.resources.limits", Scalar.JSON),
        ("Pod", "spec.tolerations.tolerationSeconds", Scalar.INT64),
        ("Secret", "data", Scalar.STRING_MAP),
        ("Deployment", "spec.template.spec.containers.env.value", Scalar.STRING),
        ("Lease", "spec.renewTime", Scalar.DATE_TIME),
        ("HorizontalPodAutoscaler", "spec.metrics.resource.target.averageValue", Scalar.QUANTITY),
        ("CustomResourceDefinition", "spec.versions.schema.openAPIV3Schema.default", Scalar.JSON),
        (
            "CustomResourceDefinition",
            "spec.versions.schema.openAPIV3Schema.not.not.allOf",
            ListOf(Definition("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")),
        ),
    ],
)  # fmt: skip
def test_values_have_the_types_of_the_contract(kind: str, path: str, expected: TypeExpression) -> None:
    assert type_at(kind, path) == expected


def test_names_follow_the_contract() -> None:
    model = kubernetes()
    pods = served(model, "v1", "Pod")
    deployments = served(model, "apps/v1", "Deployment")

    assert (pods.short[Verb.LIST], pods.short[Verb.GET]) == ("pods", "pod")
    assert (pods.pinned[Verb.LIST], pods.list_name, pods.event_name) == (
        "core_v1_pods",
        "PodList",
        "PodEvent",
    )
    assert deployments.pinned[Verb.PATCH] == "apps_v1_patchDeployment"
    assert served(model, "v1", "Endpoints").short[Verb.LIST] == "endpointsList"
    assert not served(model, "events.k8s.io/v1", "Event").short
    assert served(model, "autoscaling/v1", "HorizontalPodAutoscaler").list_name.startswith("AutoscalingV1")
    assert not [item.name for item in model.objects.values() if "_" in item.name]


def test_reviews_can_only_be_created() -> None:
    review = served(kubernetes(), "authentication.k8s.io/v1", "SelfSubjectReview")

    assert review.short == {Verb.CREATE: "createSelfSubjectReview"}


def test_the_definitions_of_other_packages_are_lowered() -> None:
    needed = {f"{META}.{name}" for name in ("ObjectMeta", "ListMeta", "Status", "DeleteOptions")}

    assert {*needed, "io.k8s.api.autoscaling.v1.Scale"} <= kubernetes().objects.keys()
