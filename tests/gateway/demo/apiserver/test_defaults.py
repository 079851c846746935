"""Defaults of fields that a client omits."""

from typing import Any

import pytest

from gateway.demo.apiserver.defaults import fill_defaults, fill_schema_defaults
from gateway.demo.apiserver.openapi_documents import Node


def filled(plural: str, **spec: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"spec": spec}
    fill_defaults(plural, value)
    return value["spec"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.29", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:00", "IfNotPresent"),
    ],
)
def test_only_the_latest_image_is_always_pulled(image: str, policy: str) -> None:
    (container,) = filled("pods", containers=[{"image": image}])["containers"]
    assert container["imagePullPolicy"] == policy


def test_given_values_stay() -> None:
    spec = filled("deployments", replicas=0, strategy={"type": "Recreate"})
    assert spec["replicas"] == 0
    assert spec["strategy"] == {"type": "Recreate"}
    assert filled("deployments")["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}


def test_a_pod_tolerates_unready_nodes_once() -> None:
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 5}
    tolerations = filled("pods", tolerations=[own])["tolerations"]
    assert [item["tolerationSeconds"] for item in tolerations] == [5, 300]


def test_an_external_name_has_no_addresses() -> None:
    assert "ipFamilies" not in filled("services", type="ExternalName")
    assert filled("services", ports=[{"port": 80}])["ports"][0]["targetPort"] == 80


def test_a_kind_without_defaults_stays_as_it_is() -> None:
    value: dict[str, Any] = {"data": {}}
    fill_defaults("configmaps", value)
    assert value == {"data": {}}


def test_defaults_of_a_schema_are_copied_at_any_depth_but_not_in_metadata() -> None:
    item = {"type": "object", "properties": {"on": {"default": [True]}}}
    node = Node(
        {"properties": {"metadata": item, "items": {"type": "array", "items": item}, "one": item}}, {}
    )
    value: dict[str, Any] = {"metadata": {}, "items": [{}, {"on": None}], "one": {}}
    fill_schema_defaults(node, value)
    assert value == {"metadata": {}, "items": [{"on": [True]}, {"on": None}], "one": {"on": [True]}}
    assert value["one"]["on"] is not value["items"][0]["on"]
