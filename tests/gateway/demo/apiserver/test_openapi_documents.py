"""The recorded documents, and the schemas in them."""

from gateway.demo.apiserver.openapi_documents import Documents, Node
from schema.resources import GroupVersion, GroupVersionKind

DOCUMENTS = Documents((GroupVersion("", "v1"), GroupVersion("apps", "v1")))


def test_a_document_is_found_by_its_path() -> None:
    assert DOCUMENTS.paths() == ["api/v1", "apis/apps/v1"]
    assert DOCUMENTS.get("api/v1") is not None
    assert DOCUMENTS.get("apis/batch/v1") is None


def test_references_are_resolved_on_the_way_to_a_value() -> None:
    deployment = DOCUMENTS.node(GroupVersionKind("apps", "v1", "Deployment"))
    spec = deployment.child("spec")
    assert spec is not None
    template = spec.child("template")
    assert template is not None
    pod = template.child("spec")
    assert pod is not None
    containers = pod.child("containers")
    assert containers is not None
    assert (containers.merge_key, containers.list_map_keys) == ("name", ["name"])
    assert not containers.is_atomic
    name = containers.items.child("name")
    assert name is not None
    assert name.type == "string"


def test_an_unknown_kind_accepts_anything() -> None:
    node = DOCUMENTS.node(GroupVersionKind("apps", "v1", "Other"))
    assert node.takes_anything
    assert node.child("spec") is None


def test_keys_beside_a_reference_precede_keys_of_its_target() -> None:
    schemas = {"A": {"type": "object", "default": 1, "properties": {"b": {"type": "string"}}}}
    reference = {"allOf": [{"$ref": "#/components/schemas/A"}], "default": {}}
    child = Node({"properties": {"a": reference}}, schemas).child("a")
    assert child is not None
    assert (child.type, child.empty_default()) == ("object", True)
    assert child.child("b") is not None


def test_maps_sets_and_atomic_values() -> None:
    assert Node({"additionalProperties": {}}, {}).is_map
    assert Node({"type": "array", "x-kubernetes-list-type": "set"}, {}).is_set
    assert Node({"type": "array"}, {}).is_atomic
    assert Node({"type": "object"}, {}).is_atomic
    assert not Node({"type": "object", "properties": {}}, {}).is_atomic
