"""Relations by the path of their field."""

from functools import cache
from typing import Any

import pytest

from schema.lowering import lower
from schema.model import Model
from schema.relations import (
    KindName,
    ObjectName,
    Origin,
    PlacedRelation,
    Relations,
    find_relation,
    relation_names,
)
from schema.relations.paths import value_at
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents

HERE = Origin("here", "autoscaling")


@cache
def kubernetes() -> Model:
    return lower(kubernetes_discovery(), kubernetes_documents())


@cache
def relations() -> Relations:
    return Relations(kubernetes())


def object_of(kind: str) -> str:
    """The id of the object type of a kind."""
    return next(
        served.object
        for served in kubernetes().resources
        if served.resource.kind.kind == kind and served.resource.preferred
    )


def placed(kind: str, name: str) -> PlacedRelation:
    found = find_relation(relations(), object_of(kind), name)
    assert found is not None
    return found


def found_in(relation: PlacedRelation, value: Any) -> list[tuple[Any, str, str]]:
    """The kinds, namespaces and names to which the relation of an object leads."""
    lookup = relation.find(HERE, [value_at(value, path) for path in relation.reads])
    parts = [part for part in lookup if isinstance(part, ObjectName)]
    return [(part.kind, part.namespace, part.name) for part in parts]


def test_a_relation_of_the_kind_reads_what_its_field_reads() -> None:
    node = placed("Pod", "node")
    assert node.reads == node.relation.reads == (("spec", "nodeName"),)
    assert [name for _, _, name in found_in(node, {"spec": {"nodeName": "n"}})] == ["n"]


def test_a_relation_inside_of_the_object_has_a_path() -> None:
    target = placed("HorizontalPodAutoscaler", "spec.scaleTarget")
    assert target.reads == (("spec", "scaleTargetRef"),)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    assert found_in(target, {"spec": {"scaleTargetRef": reference}}) == [
        (KindName("Deployment", "apps", "v1"), "here", "web")
    ]


def test_all_items_of_lists_on_the_way_count_once() -> None:
    secrets = placed("Pod", "spec.containers.envFrom.secret")
    assert secrets.reads == (("spec", "containers"),)
    sources = [{"secretRef": {"name": name}} for name in ("a", "b", "a")]
    spec = {"containers": [{"envFrom": sources[:1]}, {"envFrom": sources[1:]}, {"name": "plain"}, None]}
    assert [name for _, _, name in found_in(secrets, {"spec": spec})] == ["a", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nonsense",
        "spec",
        "spec.nonsense",
        "node.owner",
        "metadata.labels.owner",
        "spec.",
        ".node",
        "spec..node",
    ],
)
def test_other_names_lead_to_no_relation(name: str) -> None:
    assert find_relation(relations(), object_of("Pod"), name) is None


def test_every_relation_of_kubernetes_accepts_any_value() -> None:
    for served in kubernetes().resources:
        text = relation_names(relations(), served.object).replace("; inside of it: ", ", ")
        for name in text.removesuffix(", …").split(", "):
            found = find_relation(relations(), served.object, name)
            assert found is not None, (served.object, name)
            for value in (None, "x", 1, [], {}, [{"name": 1}], [["x"]], {"a": [1]}, [None]):
                lookup = found.find(HERE, [value] * len(found.reads))
                assert isinstance(lookup, tuple), (served.object, name)


def test_names_are_those_of_the_kind_and_the_nearest_inside_of_it() -> None:
    scaler = relation_names(relations(), object_of("HorizontalPodAutoscaler"))
    assert scaler.startswith("owner, owners, dependents, events, inNamespace; inside of it: spec.scaleTarget")
    service = relation_names(relations(), object_of("Service"))
    assert service == "owner, owners, dependents, events, inNamespace, pods, endpointSlices, ingresses"
    pod = relation_names(relations(), object_of("Pod"))
    assert "spec.node, " in pod
    assert pod.endswith(", …")
    assert len(pod) < 1500
