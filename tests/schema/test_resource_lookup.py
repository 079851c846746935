"""Names of resources, as kubectl takes them."""

import pytest

from schema.filters import MalformedPattern
from schema.resource_lookup import find_resource
from tests.fixtures.sdl import kubernetes_discovery


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pods", "pods.v1"),
        ("pod", "pods.v1"),
        ("po", "pods.v1"),
        ("Pod", "pods.v1"),
        ("pods.core", "pods.v1"),
        ("deploy", "deployments.v1.apps"),
        ("deployments.apps", "deployments.v1.apps"),
        ("horizontalpodautoscalers", "horizontalpodautoscalers.v2.autoscaling"),
        ("events", "events.v1"),
        ("events.events.k8s.io", "events.v1.events.k8s.io"),
        ("Deployment.core", None),
        ("nonsense", None),
    ],
)
def test_a_name_finds_its_resource(name: str, found: str | None) -> None:
    resource = find_resource(name, kubernetes_discovery().resources)
    assert (resource and str(resource.gvr)) == found


@pytest.mark.parametrize("name", ["*", "pods:get", "pods/log", "a b", ""])
def test_what_is_no_name_is_said(name: str) -> None:
    with pytest.raises(MalformedPattern):
        find_resource(name, kubernetes_discovery().resources)
