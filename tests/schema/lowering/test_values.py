"""Served kinds become typed objects; an untypable schema becomes JSON and a problem."""

from typing import Any

import pytest

from schema.discovery import Discovery
from schema.lowering import lower
from schema.model import Definition, ListOf, Problem, Property, Scalar, TypeExpression
from schema.resources import GroupVersion
from schema.verbs import SubresourceVerb, Verb
from tests.schema.documents import (
    META,
    TEXT,
    built,
    discovery_of,
    document,
    id_of,
    inside,
    kind_schema,
    lower_all,
    lower_gadget,
    property_of,
    ref,
    resource,
    served,
)

GADGET = "io.example.v1.Gadget"
OBJECT = {"type": "object", "properties": {"a": TEXT}}
INT_OR_STRING = {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}


def typed(schema: Any, **schemas: Any) -> tuple[TypeExpression, tuple[Problem, ...]]:
    """The type of a property with this schema, and the problems."""
    model, gadget = lower_gadget({"value": schema}, **schemas)
    built(model)
    return property_of(gadget, "value").type, model.problems


def keys_of(schema: Any) -> list[str]:
    """The keys of a property with this schema, which is an object."""
    model, gadget = lower_gadget({"value": schema})
    return [item.key for item in inside(model, gadget, "value").properties]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, Scalar.STRING),
        ({"type": "string", "format": "date-time"}, Scalar.DATE_TIME),
        ({"type": "string", "format": "byte"}, Scalar.BASE64),
        ({"type": "string", "format": "uuid"}, Scalar.STRING),
        ({"type": "integer", "format": "int32"}, Scalar.INT),
        ({"type": "integer", "format": "int64"}, Scalar.INT64),
        ({"type": "integer"}, Scalar.INT64),
        ({"type": "number", "format": "double"}, Scalar.FLOAT),
        ({"type": "boolean"}, Scalar.BOOLEAN),
        ({"type": ["string", "null"]}, Scalar.STRING),
        ({"type": ["integer", "string"]}, Scalar.INT_OR_STRING),
        ({"enum": ["a", "b"]}, Scalar.STRING),
        (INT_OR_STRING, Scalar.INT_OR_STRING),
        ({"x-kubernetes-int-or-string": True, "pattern": "x"}, Scalar.INT_OR_STRING),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, Scalar.INT_OR_STRING),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, Scalar.STRING),
        ({"allOf": [{"type": "string"}], "nullable": True}, Scalar.STRING),
        ({"type": "string", "anyOf": [{"pattern": "a"}, {"pattern": "b"}]}, Scalar.STRING),
        ({"type": "object", "additionalProperties": TEXT}, Scalar.STRING_MAP),
        ({"additionalProperties": TEXT}, Scalar.STRING_MAP),
        ({"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}, Scalar.STRING_MAP),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, Scalar.JSON),
        ({"type": "object", "additionalProperties": True}, Scalar.JSON),
        ({"type": "object", "additionalProperties": False}, Scalar.JSON),
        ({"type": "object", "additionalProperties": OBJECT}, Scalar.JSON),
        ({"type": "object"}, Scalar.JSON),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, Scalar.JSON),
        ({"x-kubernetes-preserve-unknown-fields": True}, Scalar.JSON),
        ({}, Scalar.JSON),
        (True, Scalar.JSON),
        ({"type": "array", "items": TEXT}, ListOf(Scalar.STRING)),
        ({"type": "array", "items": {"type": "array", "items": TEXT}}, ListOf(ListOf(Scalar.STRING))),
        ({"type": "array"}, ListOf(Scalar.JSON)),
        ({"type": "array", "items": {}}, ListOf(Scalar.JSON)),
    ],
)  # fmt: skip
def test_values_have_the_scalars_of_the_contract(schema: Any, expected: TypeExpression) -> None:
    assert typed(schema) == (expected, ())


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "text"}, Scalar.JSON),
        ({"type": ["object", "string"]}, Scalar.JSON),
        ({"oneOf": [{"type": "boolean"}, {"type": "string"}]}, Scalar.JSON),
        ({"oneOf": [ref("A"), ref("B")]}, Scalar.JSON),
        (ref("Missing"), Scalar.JSON),
        ({"$ref": 5}, Scalar.JSON),
        (5, Scalar.JSON),
        ({"type": "object", "properties": []}, Scalar.JSON),
        ({"type": "array", "items": 5}, ListOf(Scalar.JSON)),
        ({"type": "array", "items": {"type": "text"}}, ListOf(Scalar.JSON)),
        ({"type": "object", "additionalProperties": 5}, Scalar.JSON),
    ],
)
def test_an_untypable_schema_is_json_and_one_problem(schema: Any, expected: TypeExpression) -> None:
    found, problems = typed(schema, A={"type": "string"}, B={"type": "string"})

    assert found == expected
    assert [item.where for item in problems] == [f"{GADGET}/value"]


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: inner,
        lambda inner: {"allOf": [inner], "default": {}, "description": "A part."},
        lambda inner: {"type": "object", "allOf": [inner]},
        lambda inner: {"anyOf": [inner, {"type": "null"}]},
        lambda inner: {"oneOf": [inner]},
        lambda inner: {"allOf": [inner, {"description": "only words"}, {"maxProperties": 3}]},
    ],
)
def test_a_reference_stays_typed_in_any_wrapper(around: Any) -> None:
    part = OBJECT

    assert typed(around(ref("io.example.v1.Part")), **{"io.example.v1.Part": part}) == (
        Definition("io.example.v1.Part"),
        (),
    )


def test_definitions_that_are_not_objects_are_aliases() -> None:
    definitions = {
        f"{META}.Time": {"type": "string", "format": "date-time"},
        "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [TEXT, {"type": "number"}]},
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
        "io.k8s.apimachinery.pkg.runtime.RawExtension": {"type": "object"},
        "Names": {"type": "array", "items": ref("Name")},
        "Name": TEXT,
    }
    _, gadget = lower_gadget({id_: ref(id_) for id_ in definitions}, **definitions)

    assert [property_of(gadget, id_).type for id_ in definitions] == [
        Scalar.DATE_TIME,
        Scalar.QUANTITY,
        Scalar.INT_OR_STRING,
        Scalar.JSON,
        ListOf(Scalar.STRING),
        Scalar.STRING,
    ]


def test_definitions_that_refer_to_themselves_terminate() -> None:
    definitions = {"A": ref("B"), "B": {"allOf": [ref("A")]}, "C": {"type": "array", "items": ref("C")}}
    model, gadget = lower_gadget({"a": ref("A"), "c": ref("C")}, **definitions)

    assert property_of(gadget, "a").type == Scalar.JSON
    assert property_of(gadget, "c").type == ListOf(Scalar.JSON)
    assert len(model.problems) == 2


def test_excessive_chains_and_nesting_become_json() -> None:
    chain = {f"N{number}": ref(f"N{number + 1}") for number in range(5000)}
    nest: dict[str, Any] = {"type": "string"}
    boxes: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        nest = {"type": "array", "items": nest}
        boxes = {"type": "object", "properties": {"in": boxes}}
    model, gadget = lower_gadget({"chain": ref("N0"), "nest": nest, "boxes": boxes}, **chain)

    assert property_of(gadget, "chain").type == Scalar.JSON
    assert len(model.problems) == 3
    built(model)


def test_recursive_types_stay_typed() -> None:
    props = {
        "type": "object",
        "properties": {
            "not": ref("io.example.v1.Props"),
            "allOf": {"type": "array", "items": ref("io.example.v1.Props")},
            "properties": {"type": "object", "additionalProperties": ref("io.example.v1.Props")},
        },
    }
    model, _ = lower_gadget({"schema": ref("io.example.v1.Props")}, **{"io.example.v1.Props": props})
    lowered = model.objects["io.example.v1.Props"]

    assert property_of(lowered, "not").type == Definition("io.example.v1.Props")
    assert property_of(lowered, "allOf").type == ListOf(Definition("io.example.v1.Props"))
    assert property_of(lowered, "properties").type == Scalar.JSON
    built(model)


def test_nested_objects_of_custom_resources_are_named_by_their_path() -> None:
    issuer = {"type": "object", "properties": {"name": TEXT}, "description": "Who signs."}
    rules = {"type": "array", "items": {"type": "object", "properties": {"host": TEXT}}}
    slash = {"type": "object", "properties": {"size": TEXT}}
    model, gadget = lower_gadget(
        {"spec": {"type": "object", "properties": {"issuerRef": issuer, "rules": rules, "a/b": slash}}}
    )
    spec = inside(model, gadget, "spec")

    assert gadget.name == "ExampleIoV1Gadget"
    assert (spec.name, spec.input_name) == ("ExampleIoV1GadgetSpec", "ExampleIoV1GadgetSpecInput")
    assert inside(model, spec, "issuerRef").name == "ExampleIoV1GadgetSpecIssuerRef"
    assert inside(model, spec, "rules").name == "ExampleIoV1GadgetSpecRules"
    assert inside(model, spec, "a/b").name == "ExampleIoV1GadgetSpecAB"
    assert inside(model, spec, "issuerRef").description == "Who signs."


def test_embedded_resources_of_any_kind_are_json_and_declared_ones_are_typed() -> None:
    added = {"apiVersion": TEXT, "kind": TEXT, "metadata": ref(f"{META}.ObjectMeta")}
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True}
    any_kind = {**embedded, "properties": added, "x-kubernetes-preserve-unknown-fields": True}
    declared = {**embedded, "properties": {**added, "spec": OBJECT}}

    assert typed(any_kind)[0] == Scalar.JSON
    assert keys_of(declared) == ["apiVersion", "kind", "metadata", "spec"]


def test_declared_properties_stay_typed_beside_unknown_ones() -> None:
    schema = {"type": "object", "properties": {"a": TEXT}, "x-kubernetes-preserve-unknown-fields": True}

    assert keys_of(schema) == ["a"]


ALIAS = "DeprecatedAlias is a deprecated alias of size."


def test_properties_carry_description_default_enum_required_and_deprecation() -> None:
    model, gadget = lower_gadget(
        {
            "spec": {
                "type": "object",
                "required": ["size", 5],
                "properties": {
                    "size": {**TEXT, "description": "How big.", "default": "small", "enum": ["small", "big"]},
                    "old": {**TEXT, "description": "Deprecated: use size."},
                    "deprecatedAge": {**TEXT, "description": "deprecatedAge is not what this is about"},
                    "deprecated": {**TEXT, "description": "deprecated indicates whether something is"},
                    "alias": {**TEXT, "description": ALIAS},
                    "modes": {"type": "array", "items": {**TEXT, "enum": ["a", 1, None]}},
                    "$odd": TEXT,
                },
            }
        }
    )

    assert inside(model, gadget, "spec").properties == (
        Property("size", "size", Scalar.STRING, "How big.", True, "small", ("small", "big")),
        Property("old", "old", Scalar.STRING, "Deprecated: use size.", deprecation="Deprecated: use size."),
        Property("deprecatedAge", "deprecatedAge", Scalar.STRING, "deprecatedAge is not what this is about"),
        Property("deprecated", "deprecated", Scalar.STRING, "deprecated indicates whether something is"),
        Property("alias", "alias", Scalar.STRING, ALIAS, deprecation=ALIAS),
        Property("modes", "modes", ListOf(Scalar.STRING), enum=("a", "1")),
        Property("$odd", "_24_odd", Scalar.STRING),
    )


def test_a_kind_without_a_schema_has_the_properties_of_every_object() -> None:
    model = lower_all([resource("example.io/v1", "Gadget")])
    gadget = model.objects[served(model, "example.io/v1", "Gadget").object]

    assert [(item.key, item.type) for item in gadget.properties] == [
        ("apiVersion", Scalar.STRING),
        ("kind", Scalar.STRING),
        ("metadata", Definition(f"{META}.ObjectMeta")),
    ]
    assert [item.where for item in model.problems] == [GADGET]
    built(model)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"properties": {"apiVersion": {"type": "integer"}, "metadata": {"type": "object"}, "size": TEXT}},
        {"properties": {"kind": 5}},
        5,
    ],
)
def test_every_kind_has_the_usual_api_version_kind_and_metadata(schema: Any) -> None:
    model = lower_all([resource("example.io/v1", "Gadget")], {GADGET: schema})
    gadget = model.objects[GADGET]

    assert property_of(gadget, "apiVersion").type == Scalar.STRING
    assert property_of(gadget, "kind").type == Scalar.STRING
    assert property_of(gadget, "metadata").type == Definition(f"{META}.ObjectMeta")
    built(model)


def test_the_metadata_types_exist_without_a_document() -> None:
    model = lower(Discovery((), ()), {})

    assert {f"{META}.ObjectMeta", f"{META}.ListMeta"} <= model.objects.keys()
    assert property_of(model.objects[f"{META}.ObjectMeta"], "labels").type == Scalar.STRING_MAP


def test_metadata_types_that_are_no_objects_in_a_document_are_replaced() -> None:
    model, _ = lower_gadget({}, **{f"{META}.ObjectMeta": {"type": "object"}, f"{META}.ListMeta": 5})

    assert model.objects[f"{META}.ObjectMeta"].properties
    assert model.objects[f"{META}.ListMeta"].properties
    built(model)


def test_only_definitions_reachable_from_served_kinds_are_lowered() -> None:
    model, _ = lower_gadget({}, Unused=OBJECT)

    assert "Unused" not in model.objects


def test_lists_from_openapi_are_not_lowered() -> None:
    list_id = "io.example.v1.GadgetList"
    model, _ = lower_gadget({}, **{list_id: kind_schema("example.io/v1", "GadgetList")})

    assert list_id not in model.objects
    assert served(model, "example.io/v1", "Gadget").list_name == "ExampleIoV1GadgetList"


def test_root_fields_follow_the_verbs_of_discovery() -> None:
    reviews = resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", verbs=["create"])
    readable = resource("v1", "ComponentStatus", "componentstatuses", verbs=["get", "list"])
    nothing = resource("v1", "Silent", verbs=["update"])
    deployments = resource(
        "apps/v1",
        "Deployment",
        subresources={"status": ["patch"], "scale": ["patch", "create"], "log": ["get"]},
    )
    model = lower_all([reviews, readable, nothing, deployments])

    assert [set(item.pinned) for item in model.resources] == [
        {Verb.CREATE},
        {Verb.GET, Verb.LIST},
        {*Verb, SubresourceVerb("create", "scale"), SubresourceVerb("patch", "scale")}
        - {Verb.DELETE_COLLECTION, Verb.CORDON, Verb.UNCORDON, Verb.EVICT, Verb.APPROVE, Verb.DENY},
    ]
    assert "io.k8s.api.autoscaling.v1.Scale" in model.objects
    built(model)


def test_restart_and_scale_exist_only_for_supported_kinds() -> None:
    model = lower_all(
        [
            resource("example.io/v1", "Deployment"),
            resource("apps/v1", "ReplicaSet", subresources={"scale": ["get"], "status": ["get"]}),
        ]
    )

    for item in model.resources:
        assert {Verb.RESTART, Verb.SCALE, Verb.PATCH_STATUS}.isdisjoint(item.pinned)


def test_broken_documents_and_stale_groups_are_counted_together() -> None:
    discovery = Discovery(
        discovery_of(resource("example.io/v1", "Gadget")).resources,
        (GroupVersion("example.io", "v1"),),
        (Problem("stale.io/v1", "stale"),),
    )
    model = lower(discovery, {GroupVersion("example.io", "v1"): b"503 Service Unavailable"})

    assert [item.where for item in model.problems] == ["stale.io/v1", "example.io/v1", GADGET]


def test_core_definitions_cannot_be_redefined_by_another_group() -> None:
    pod_id = id_of("v1", "Pod")
    discovery = discovery_of(resource("v1", "Pod"), resource("evil.io/v1", "Gadget"))
    own = kind_schema("v1", "Pod", spec=TEXT)
    other = kind_schema("v1", "Pod", spec={"type": "integer"})
    model = lower(
        discovery,
        {
            GroupVersion("evil.io", "v1"): document(**{pod_id: other}),
            GroupVersion("", "v1"): document(**{pod_id: own}),
        },
    )

    assert property_of(model.objects[pod_id], "spec").type == Scalar.STRING
