"""Any documents give a model, and the model gives valid GraphQL."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering import lower
from schema.openapi import Definitions
from schema.resources import GroupVersion
from tests.fixtures.properties import examples
from tests.schema.documents import META, built, discovery_of, kind_schema, lower_gadget, ref, resource

GADGET_V1 = GroupVersion("example.io", "v1")
GADGET = "io.example.v1.Gadget"
TARGETS = [
    GADGET,
    "io.example.v1.Part",
    f"{META}.ObjectMeta",
    "A",
    "B",
    "missing",
    "a/b",
    "",
    f"{GADGET}/spec",
]
KEYS = ["spec", "input", "$ref", "a-b", "a_b", "__typename", "apiVersion", "kind", "metadata", "", "日", "1"]

junk: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "object"]) | st.builds(list)
)
references = st.sampled_from(TARGETS).map(ref)
plain = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "odd", 5, []]),
        "format": st.sampled_from(["int32", "int64", "date-time", "byte", "int-or-string", 5]),
        "description": st.sampled_from(["Deprecated: no.", "What it is.", 5]),
        "default": junk,
        "enum": st.lists(junk) | junk,
        "nullable": junk,
        "x-kubernetes-int-or-string": junk,
        "x-kubernetes-preserve-unknown-fields": junk,
        "x-kubernetes-embedded-resource": junk,
    },
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3) | junk
    return st.builds(
        lambda base, more: {**base, **more},
        plain,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
                | junk,
                "items": inner,
                "additionalProperties": inner,
                "required": several,
                "allOf": several,
                "oneOf": several,
                "anyOf": several,
                "x-kubernetes-group-version-kind": st.just(
                    [{"group": "example.io", "version": "v1", "kind": "Gadget"}]
                )
                | junk,
            },
        ),
    )


schemas = st.recursive(plain | references | junk, around, max_leaves=12)


def document(definitions: Any) -> bytes:
    return json.dumps({"components": {"schemas": definitions}}).encode()


@settings(max_examples=examples(80))
@given(st.dictionaries(st.sampled_from(TARGETS), schemas))
def test_any_definitions_build_a_valid_schema(definitions: dict[str, Any]) -> None:
    resources = [resource("example.io/v1", "Gadget"), resource("v1", "Pod")]
    discovery = discovery_of(*resources)

    model = lower(discovery, {GADGET_V1: document(definitions), GroupVersion("", "v1"): document({})})

    built(model)
    assert [item.resource for item in model.resources] == resources


@settings(max_examples=examples(80))
@given(schemas)
def test_a_malformed_property_does_not_affect_its_siblings(schema: Any) -> None:
    _, gadget = lower_gadget({"odd": schema, "size": {"type": "integer"}}, Part=schema)

    assert [item.key for item in gadget.properties] == ["apiVersion", "kind", "metadata", "odd", "size"]


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_document_or_a_problem(data: bytes) -> None:
    Definitions([(GADGET_V1, data)])


@given(st.data())
def test_a_document_cut_off_anywhere_is_a_problem(data: st.DataObject) -> None:
    whole = document({GADGET: kind_schema("example.io/v1", "Gadget")})
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

    model = lower(discovery_of(resource("example.io/v1", "Gadget")), {GADGET_V1: cut})

    assert [item.where for item in model.problems] == ["example.io/v1", GADGET]
