"""The relations of types: references by their shape, the table of built-in kinds, names that are taken."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from schema.filters import Filters
from schema.lowering import lower
from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, TypeExpression
from schema.relations import (
    Arguments,
    KindName,
    Lookup,
    ObjectName,
    Origin,
    Relations,
    Search,
    list_relations,
)
from schema.relations_file import parse_relations_file
from schema.resources import GroupVersionKind
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents

HERE = Origin("here", "example.io")
REFERENCE, NAMED, SELECTOR, EMBEDDED = "a.Reference", "a.Named", "a.Selector", "a.Embedded"
CLAIM = "a.Claim"
WIDGET, SPEC = "a.Widget", "a.Widget/spec"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@cache
def kubernetes() -> Model:
    return lower(Filters().apply(kubernetes_discovery()), kubernetes_documents())


def object_type(id_: str, **properties: TypeExpression) -> ObjectType:
    fields = tuple(Property(key, key, type_) for key, type_ in properties.items())
    return ObjectType(id_, id_.replace(".", "").replace("/", ""), "In", fields)


def with_widget(**spec: TypeExpression) -> Relations:
    """The relations of Kubernetes and of a custom resource with that spec."""
    text = Scalar.STRING
    types = [
        object_type(REFERENCE, kind=text, name=text, namespace=text, apiVersion=text, apiGroup=text),
        object_type(NAMED, name=text, key=text),
        object_type(SELECTOR, matchLabels=Scalar.STRING_MAP),
        object_type(EMBEDDED, kind=text, name=text, spec=Scalar.JSON),
        object_type(CLAIM, name=text, resourceClaimName=text),
        object_type(SPEC, **spec),
        replace(
            object_type(WIDGET, apiVersion=text, kind=text, metadata=Definition(META), spec=Definition(SPEC)),
            kinds=(GroupVersionKind("example.io", "v1", "Widget"),),
        ),
    ]
    model = kubernetes()
    return Relations(replace(model, objects={**model.objects, **{item.id: item for item in types}}))


def lookup(relations: Relations, id_: str, name: str, *values: Any) -> Lookup:
    return relations.of(id_)[name].find(HERE, Arguments(), values)


@pytest.mark.parametrize(
    ("key", "type_", "name"),
    [
        ("scaleTargetRef", Definition(REFERENCE), "scaleTarget"),
        ("subject", Definition(REFERENCE), "subjectObject"),
        ("involvedObject", Definition(REFERENCE), "involved"),
        ("subjects", ListOf(Definition(REFERENCE)), "subjectObjects"),
        ("targetRefs", ListOf(Definition(REFERENCE)), "targets"),
        ("passwordSecretRef", Definition(NAMED), "passwordSecret"),
        ("configMapKeyRef", Definition(NAMED), "configMap"),
        ("pullSecrets", ListOf(Definition(NAMED)), "pullSecretObjects"),
        ("serviceAccountName", Scalar.STRING, "serviceAccount"),
        ("storageClassName", Scalar.STRING, "storageClass"),
        ("tlsSecretName", Scalar.STRING, "tlsSecret"),
    ],
)
def test_a_reference_has_a_twin(key: str, type_: TypeExpression, name: str) -> None:
    relations = with_widget(**{key: type_})
    assert list(relations.of(SPEC)) == [name]
    assert relations.of(SPEC)[name].to_many == isinstance(type_, ListOf)


@pytest.mark.parametrize(
    ("key", "type_"),
    [
        ("somethingRef", Definition(NAMED)),  # of no known kind
        ("template", Definition(EMBEDDED)),  # an object, not a reference to one
        ("resourceClaims", ListOf(Definition(CLAIM))),  # the names of the entries
        ("userName", Scalar.STRING),
        ("nodeName", Scalar.INT),
        ("name", Scalar.STRING),
    ],
)
def test_other_properties_have_none(key: str, type_: TypeExpression) -> None:
    assert not with_widget(**{key: type_}).of(SPEC)


def test_a_name_of_the_api_is_left_out_with_the_reason() -> None:
    relations = with_widget(secretName=Scalar.STRING, secret=Scalar.STRING)
    assert not relations.of(SPEC)
    (left_out,) = relations.left_out(SPEC)
    assert (left_out.name, left_out.reason) == (
        "secret",
        "reference secretName: the API has a field of that name",
    )
    (second,) = with_widget(secretName=Scalar.STRING, secretRef=Definition(NAMED)).left_out(SPEC)
    assert second.reason == "reference secretRef: another relation has that name"
    lines = list(list_relations(relations.model, relations))
    assert f"aWidgetspec.secret: {left_out.reason}" in lines[lines.index("Left out:") :]


def test_a_reference_without_a_namespace_is_in_the_objects_own() -> None:
    relations = with_widget(targetRef=Definition(REFERENCE), secretName=Scalar.STRING)
    (own,) = lookup(relations, SPEC, "target", {"kind": "Gear", "name": "g", "apiVersion": "example.io/v1"})
    assert own == ObjectName(KindName("Gear", "example.io", "v1"), "g", "here", near="example.io")
    (other,) = lookup(relations, SPEC, "target", {"kind": "Gear", "name": "g", "namespace": "there"})
    assert isinstance(other, ObjectName)
    assert (other.namespace, other.kind) == ("there", KindName("Gear"))
    (secret,) = lookup(relations, SPEC, "secret", "s", "there")
    assert isinstance(secret, ObjectName)
    assert (secret.name, secret.namespace) == ("s", "there")


@pytest.mark.parametrize("value", [None, "", 1, {}, [], {"name": 1}, {"name": "a"}, [None], ["x"]])
def test_a_malformed_reference_refers_to_nothing(value: Any) -> None:
    relations = with_widget(targetRef=Definition(REFERENCE), secretName=Scalar.STRING)
    assert lookup(relations, SPEC, "target", value) == ()
    assert lookup(relations, SPEC, "secret", value if value != "s" else None, None) == ()


def test_a_custom_workload_selects_pods_and_another_selector_does_not() -> None:
    workload = with_widget(selector=Definition(SELECTOR), template=Scalar.JSON)
    (search,) = lookup(workload, WIDGET, "pods", {"matchLabels": {"b": "2", "a": "1"}})
    assert isinstance(search, Search)
    assert (search.keys, search.namespace) == (("a=1,b=2",), "here")
    assert "pods" not in with_widget(selector=Definition(SELECTOR)).of(WIDGET)
    assert "pods" in with_widget(podSelector=Definition(SELECTOR)).of(WIDGET)


def test_every_relation_accepts_values_of_any_type() -> None:
    relations = with_widget(targetRef=Definition(REFERENCE), podSelector=Definition(SELECTOR))
    for id_ in kubernetes().objects:
        for relation in relations.of(id_).values():
            for value in (None, "x", 1, True, [], {}, [1], {"a": 1}, [{"name": 1, "kind": []}], [None]):
                found = relation.find(HERE, Arguments(), [value] * len(relation.reads))
                assert isinstance(found, tuple), (id_, relation.name)
                assert hash(found) == hash(tuple(found))


def test_relations_to_kinds_that_are_not_served_are_absent() -> None:
    discovery = Filters.parse(exclude=["nodes", "events", "services:list"]).apply(kubernetes_discovery())
    model = lower(discovery, kubernetes_documents())
    relations = Relations(model)
    pod = relations.of("io.k8s.api.core.v1.Pod")
    assert {"node", "events", "services"}.isdisjoint(pod)
    assert {"owner", "configMaps", "networkPolicies"} <= pod.keys()
    reasons = {item.name: item.reason for item in relations.left_out("io.k8s.api.core.v1.Pod")}
    assert "cannot be listed" in reasons["services"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"rule": "reference", "path": "spec.volumes[].configMap.name"}, ""),
        ({"rule": "reference", "path": "metadata.annotations.config"}, ""),
        ({"rule": "reference", "path": "spec.nonsense"}, "undeclared field nonsense"),
        ({"rule": "reference", "path": "spec.volumes[].nonsense.name"}, "undeclared field nonsense"),
        ({"rule": "referencedBy", "path": "data.pod"}, ""),
        ({"rule": "referencedBy", "path": "nonsense"}, "undeclared field nonsense"),
        ({"rule": "selector", "path": "metadata.labels"}, ""),
        ({"rule": "label", "label": "app"}, ""),
        ({"rule": "owned"}, ""),
    ],
)
def test_an_undeclared_path_of_a_rule_is_reported(rule: dict[str, str], reason: str) -> None:
    document = {"relations": [{"from": "Pod", "name": "mine", "to": "ConfigMap", **rule}]}
    relations = Relations(kubernetes(), parse_relations_file(json.dumps(document)).relations)
    reported = [text for _, text in relations.unmatched_rules()]
    assert len(reported) == bool(reason)
    assert reason in "".join(reported)
    assert "mine" in relations.of("io.k8s.api.core.v1.Pod")
