"""A compiled selection decodes exactly the selected fields, and refuses values of other types."""

import gc
import json
import weakref
from typing import Any

import msgspec
import pytest

from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar
from schema.selection import Field, Leaf, Node, Selection, SelectionMismatch
from schema.selection.compile import MAX_SELECTIONS
from tests.schema.selection.cases import case
from tests.schema.selection.generated_models import (
    KIND,
    LIST_META_TYPE,
    OBJECT_META_TYPE,
    SERVED,
    THING,
    TYPE_META,
)

PART = ObjectType(
    "Part",
    "Part",
    "PartInput",
    (
        Property("$ref", "_ref", Scalar.STRING),
        Property('say "x"', "say", Scalar.STRING),
        Property("count", "count", Scalar.INT),
        Property("parts", "parts", ListOf(Definition("Part"))),
    ),
)
THING_TYPE = ObjectType(
    THING,
    THING,
    "ThingInput",
    (
        *TYPE_META,
        Property("metadata", "metadata", Definition(OBJECT_META_TYPE.id)),
        Property("part", "part", Definition("Part")),
        Property("grid", "grid", ListOf(ListOf(Definition("Part")))),
        Property("count", "count", Scalar.INT),
        Property("total", "total", Scalar.INT64),
        Property("share", "share", Scalar.FLOAT),
        Property("ready", "ready", Scalar.BOOLEAN),
        Property("port", "port", Scalar.INT_OR_STRING),
        Property("data", "data", Scalar.JSON),
    ),
    kinds=(KIND,),
)
MODEL = Model({item.id: item for item in (OBJECT_META_TYPE, LIST_META_TYPE, PART, THING_TYPE)}, (SERVED,))


def thing(**values: Any) -> dict[str, Any]:
    return {"apiVersion": "example.io/v1", "kind": "Thing", "metadata": {"name": "a"}, **values}


def answered(selection: str, body: dict[str, Any], **variables: Any) -> Any:
    """The compiled answer as it goes over the wire, keys in their order."""
    return compiled(f"{{ thing {selection} }}", body, **variables)["thing"]


def compiled(document: str, body: dict[str, Any], **variables: Any) -> Any:
    answering = case(MODEL, SERVED)
    result = answering.answer(document, json.dumps(body).encode(), variables)
    assert answering.fitted, "left to graphql-core"
    assert not result.errors
    return json.loads(msgspec.json.encode(result.data))


def selection_of(document: str, **variables: Any) -> Selection | None:
    answering = case(MODEL, SERVED)
    body = {"metadata": {}, "items": []} if "things" in document else thing()
    result = answering.answer(document, json.dumps(body).encode(), variables)
    assert not result.errors
    return answering.compiled


def test_an_answer_has_every_selected_field_in_the_response_order_and_null_where_there_is_none() -> None:
    body = thing(part={"count": 2, "$ref": "r"}, unknown=[1])
    selection = "{ share __typename part { _ref parts { count } count } kind ready }"

    answer = answered(selection, body)

    assert json.dumps(answer) == json.dumps(
        {
            "share": None,
            "__typename": "Thing",
            "part": {"_ref": "r", "parts": None, "count": 2},
            "kind": "Thing",
            "ready": None,
        }
    )


def test_one_object_under_two_names_is_projected_for_each() -> None:
    body = thing(part={"count": 2, "parts": [{"count": 3}, None]})
    selection = "{ a: part { count } part { parts { n: count } } b: part { of: __typename } }"

    assert answered(selection, body) == {
        "a": {"count": 2},
        "part": {"parts": [{"n": 3}, None]},
        "b": {"of": "Part"},
    }


def test_lists_of_lists_keep_their_shape_under_other_names() -> None:
    body = thing(grid=[[{"count": 1}, None], None, [], [{"count": 2}]])

    assert answered("{ g: grid { c: count } }", body) == {
        "g": [[{"c": 1}, None], None, [], [{"c": 2}]],
    }


def test_an_alias_may_be_the_name_of_another_key() -> None:
    body = thing(part={"count": 1, "$ref": "r"})

    assert answered("{ part { count: _ref _ref: count } kind: apiVersion apiVersion: kind }", body) == {
        "part": {"count": "r", "_ref": 1},
        "kind": "example.io/v1",
        "apiVersion": "Thing",
    }


def test_only_a_typename_may_be_selected() -> None:
    assert answered("{ t: __typename }", thing()) == {"t": "Thing"}
    assert answered("{ __typename part { t: __typename } }", thing(part={})) == {
        "__typename": "Thing",
        "part": {"t": "Part"},
    }


def test_an_object_with_all_fields_skipped_is_empty() -> None:
    selection = "{ kind part { count @skip(if: true) } p: part { count @skip(if: true) } }"

    assert answered(selection, thing(part={"count": 1})) == {"kind": "Thing", "part": {}, "p": {}}


def test_directives_follow_the_variables_of_the_request() -> None:
    document = "query ($yes: Boolean!) { thing { kind @include(if: $yes) apiVersion @skip(if: $yes) } }"

    assert compiled(document, thing(), yes=True)["thing"] == {"kind": "Thing"}
    assert compiled(document, thing(), yes=False)["thing"] == {"apiVersion": "example.io/v1"}


def test_a_label_is_picked_from_the_labels() -> None:
    body = thing(metadata={"name": "a", "labels": {"app": "web"}, "annotations": None})
    selection = '{ metadata { label(key: $key) none: label(key: "none") annotation(key: "x") labels } }'

    document = f"query ($key: String!) {{ thing {selection} }}"

    assert compiled(document, body, key="app")["thing"]["metadata"] == {
        "label": "web",
        "none": None,
        "annotation": None,
        "labels": {"app": "web"},
    }


def test_items_get_the_kind_that_a_list_omits() -> None:
    body = {
        "kind": "ThingList",
        "apiVersion": "example.io/v1",
        "metadata": {"continue": "more"},
        "items": [{"count": 1}, {"kind": "Other", "count": 2}],
    }

    assert compiled("{ things { kind metadata { continue } items { kind apiVersion count } } }", body) == {
        "things": {
            "kind": "ThingList",
            "metadata": {"continue": "more"},
            "items": [
                {"kind": "Thing", "apiVersion": "example.io/v1", "count": 1},
                {"kind": "Other", "apiVersion": "example.io/v1", "count": 2},
            ],
        }
    }


def test_partial_metadata_has_the_kind_of_its_object() -> None:
    partial = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a"}}
    listed = {"kind": "PartialObjectMetadataList", "metadata": {}, "items": [partial]}

    assert answered("{ kind apiVersion metadata { name } }", partial) == {
        "kind": "Thing",
        "apiVersion": "example.io/v1",
        "metadata": {"name": "a"},
    }
    assert compiled("{ things { items { kind metadata { name } } } }", listed)["things"]["items"] == [
        {"kind": "Thing", "metadata": {"name": "a"}}
    ]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ thing { apiVersion kind metadata { name labels } } }", True),
        ('{ thing { m: metadata { label(key: "app") } __typename } }', True),
        ("{ thing { metadata { name } count } }", False),
        ("{ things { metadata { continue } items { kind metadata { name } } } }", True),
        ("{ things { metadata { remainingItemCount } } }", True),
        ("{ things { kind items { metadata { name } } } }", False),
        ("{ things { a: items { metadata { name } } b: items { count } } }", False),
    ],
)
def test_a_selection_of_only_metadata_is_marked(document: str, expected: bool) -> None:
    selection = selection_of(document)

    assert selection is not None
    assert selection.only_metadata is expected


@pytest.mark.parametrize("selection", ["{ yaml }", "{ kind json }", "{ part { say } }"])
def test_a_selection_that_needs_a_resolver_is_left_to_graphql_core(selection: str) -> None:
    assert selection_of(f"{{ thing {selection} }}") is None


@pytest.mark.parametrize(
    ("selection", "values"),
    [
        ("{ count }", {"count": 2**31}),
        ("{ count }", {"count": True}),
        ("{ count }", {"count": "1"}),
        ("{ total }", {"total": 2**63}),
        ("{ share }", {"share": True}),
        ("{ ready }", {"ready": 1}),
        ("{ port }", {"port": 1.5}),
        ("{ kind count }", {"kind": 1}),
        ("{ part { count } }", {"part": []}),
        ("{ grid { count } }", {"grid": [{"count": 1}]}),
        ("{ metadata { labels } }", {"metadata": {"labels": {"app": 1}}}),
        ("{ __typename }", {"__typename": "Other"}),
    ],
)
def test_a_value_of_another_type_is_refused(selection: str, values: dict[str, Any]) -> None:
    fitting = selection_of(f"{{ thing {selection} }}")
    assert fitting is not None

    with pytest.raises(SelectionMismatch):
        fitting.decode(json.dumps(thing(**values)).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"kind": "\xff"}', b'{"data": "\xff"}'])
def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    selection = selection_of("{ thing { kind data } }")
    assert selection is not None

    with pytest.raises(SelectionMismatch):
        selection.decode(body)


def test_json_leaves_are_copied_verbatim() -> None:
    selection = selection_of("{ thing { data } }")
    assert selection is not None
    body = b'{"kind": "Thing", "data": {"b": 1.10, "a": [1e5, 123456789012345678901234567890, "\\u00e9"]}}'

    encoded = selection.encode(body)

    assert encoded == (b'{"data":{"b": 1.10, "a": [1e5, 123456789012345678901234567890, "\\u00e9"]}}')


@pytest.mark.parametrize("digits", ["3", "3.0", "-0.0", "0.1", "9007199254740993", "18446744073709551617"])
def test_a_number_keeps_its_digits(digits: str) -> None:
    selection = selection_of("{ thing { share } }")
    assert selection is not None

    assert selection.encode(f'{{"share": {digits}}}'.encode()) == f'{{"share":{digits}}}'.encode()


def test_the_last_of_two_equal_keys_wins() -> None:
    selection = selection_of("{ thing { count part { count } } }")
    assert selection is not None

    body = b'{"count": 1, "part": {"count": 1}, "part": {}, "count": 2}'

    assert json.loads(selection.encode(body)) == {"count": 2, "part": {"count": None}}


def test_equal_selections_of_different_documents_are_one_instance() -> None:
    first = selection_of("{ thing { kind part { c: count } } }")
    second = selection_of(
        "query Other($c: Boolean!) { thing { ...Kind part { c: count @include(if: $c) } } }"
        " fragment Kind on KubernetesObject { kind }",
        c=True,
    )

    assert first is second
    assert first is not selection_of("{ thing { part { c: count } kind } }")


def test_unused_selections_are_evicted() -> None:
    selection = selection_of("{ thing { forgotten: count } }")
    assert selection is not None
    structs = weakref.ref(type(selection.decode(b"{}")))
    del selection
    for number in range(MAX_SELECTIONS):
        selection_of(f"{{ thing {{ a{number}: count }} }}")
    gc.collect()

    assert structs() is None


def test_a_hundred_levels_are_decoded() -> None:
    body: dict[str, Any] = {"count": 1}
    selection = "{ count }"
    for _ in range(100):
        body = {"parts": [body]}
        selection = f"{{ parts {selection} }}"

    answer = answered(f"{{ part {selection} }}", thing(part=body))

    assert answer == {"part": body}


def test_an_empty_list_projects_to_an_empty_list() -> None:
    tree = Node("Thing", (Field("a", "name", Leaf(Scalar.STRING)),))

    assert Selection(tree).encode(b'{"name": null}') == b'{"a":null}'
    assert compiled("{ things { items { c: count } } }", {"metadata": {}, "items": []}) == {
        "things": {"items": []}
    }
