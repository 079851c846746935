"""Answers put together from parts equal the answers of the whole: watch events and Lists."""

import json
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    execute_sync,
    parse,
)

from schema.building import ObjectTypes
from schema.building.wrappers import Wrappers
from schema.model import ListOf, Model, ObjectType, Property, Scalar
from schema.selection import (
    EventSelection,
    ListSelection,
    Selection,
    SelectionMismatch,
    compile_event,
    compile_list,
    compile_list_parts,
)
from tests.schema.selection.cases import case
from tests.schema.selection.generated_models import (
    KIND,
    LIST_META_TYPE,
    OBJECT_META_TYPE,
    SERVED,
    THING,
    TYPE_META,
)

THING_TYPE = ObjectType(
    THING,
    THING,
    "ThingInput",
    (
        *TYPE_META,
        Property("size", "size", Scalar.INT),
        Property("data", "data", Scalar.JSON),
        Property("tags", "tags", ListOf(Scalar.STRING)),
    ),
    kinds=(KIND,),
)
MODEL = Model({item.id: item for item in (OBJECT_META_TYPE, LIST_META_TYPE, THING_TYPE)}, (SERVED,))


def selection_of(selected: str, **variables: Any) -> EventSelection | None:
    found: list[EventSelection | None] = []

    def resolve(_source: object, info: GraphQLResolveInfo[Any]) -> dict[str, Any]:
        found.append(compile_event(info, KIND))
        return {"type": "SYNCED", "resourceVersion": "1"}

    types = ObjectTypes(MODEL)
    event = GraphQLField(GraphQLNonNull(Wrappers(types).event_of(SERVED)), resolve=resolve)
    schema = GraphQLSchema(GraphQLObjectType("Query", {"things": event}), extensions={"types": types})
    result = execute_sync(schema, parse(selected), variable_values=variables)
    assert result.errors is None
    return found[0]


def told(selected: str, body: bytes | None, **variables: Any) -> Any:
    """An event's answer; keys in their order."""
    selection = selection_of(selected, **variables)
    assert selection is not None
    objects = None if body is None else [item.encode(body) for item in selection.objects]
    return json.loads(bytes(selection.encode("ADDED", "7", objects)))


def test_an_event_is_answered_in_the_response_order() -> None:
    answer = told("{ things { v: resourceVersion object { size } type __typename } }", b'{"size": 1}')

    assert json.dumps(answer) == json.dumps(
        {"v": "7", "object": {"size": 1}, "type": "ADDED", "__typename": "ThingEvent"}
    )


def test_an_event_without_an_object_has_null_under_each_of_its_names() -> None:
    assert told("{ things { a: object { size } b: object { kind } } }", None) == {"a": None, "b": None}


def test_an_object_under_two_names_is_selected_twice() -> None:
    answer = told("{ things { a: object { size } b: object { kind n: size } } }", b'{"size": 1}')

    assert answer == {"a": {"size": 1}, "b": {"kind": "Thing", "n": 1}}


def test_fragments_and_directives_are_those_of_the_operation() -> None:
    selected = """query ($yes: Boolean!) { things { ...Told type @include(if: $yes) } }
      fragment Told on ThingEvent { object { size } object { kind @skip(if: $yes) } }"""

    assert told(selected, b'{"size": 1}', yes=True) == {"object": {"size": 1}, "type": "ADDED"}
    assert told(selected, b'{"size": 1}', yes=False) == {"object": {"size": 1, "kind": "Thing"}}


def test_equal_selected_values_have_equal_encodings() -> None:
    selection = selection_of("{ things { type object { size } } }")
    assert selection is not None
    (of_object,) = selection.objects

    assert of_object.encode(b'{"size": 1, "x": 1}') == of_object.encode(b'{"x": [2], "size": 1}')
    assert of_object.encode(b'{"size": 1}') != of_object.encode(b'{"size": 2}')
    with pytest.raises(SelectionMismatch):
        of_object.encode(b'{"size": "1"}')


def test_an_object_that_needs_a_resolver_leaves_the_event_to_graphql_core() -> None:
    assert selection_of("{ things { type object { size yaml } } }") is None


def test_an_event_selection_without_object_has_no_objects() -> None:
    selection = selection_of("{ things { type } }")

    assert selection is not None
    assert selection.objects == ()


OBJECTS: list[dict[str, Any]] = [
    {"size": 1, "data": {"ü": [1.50, None]}, "other": 1},
    {"size": None, "tags": ["a", 'b"]}'], "data": "]"},
    {"apiVersion": "its/own", "kind": "Other", "tags": []},
]
DOCUMENTS = [
    "{ things { items { size } } }",
    "{ things { k: kind items { kind apiVersion size } __typename apiVersion } }",
    "{ things { a: items { n: size __typename } b: items { data tags } c: items { d: data } } }",
    "{ things { __typename } }",
    "{ things { metadata { continue } items { size @skip(if: true) } } }",
    "{ things { items { t: tags } t: __typename i: items { kind } } }",
    "{ things { ... on ThingList { items { size } items { tags } } } }",
]


def compiled(document: str) -> tuple[Selection, ListSelection]:
    found: list[tuple[Selection | None, ListSelection | None]] = []

    def run(info: GraphQLResolveInfo[Any]) -> Any:
        found.append((compile_list(info, KIND), compile_list_parts(info, KIND)))
        return {"metadata": {}, "items": []}

    case(MODEL, SERVED).execute(document, run, {})
    whole, parts = found[0]
    assert whole is not None
    assert parts is not None
    return whole, parts


def listing(objects: list[dict[str, Any]]) -> bytes:
    body = {
        "kind": "ThingList",
        "apiVersion": "example.io/v1",
        "metadata": {"continue": "c"},
        "items": objects,
    }
    return json.dumps(body).encode()


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_list_encoded_object_by_object_is_the_same(document: str, count: int) -> None:
    whole, parts = compiled(document)
    objects = [json.dumps(item).encode() for item in OBJECTS[:count]]

    items = [b",".join(map(item.encode, objects)) for item in parts.items]

    assert bytes(parts.encode(listing([]), items)) == whole.encode(listing(OBJECTS[:count]))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_list_encoded_by_pages_is_the_same(document: str) -> None:
    whole, parts = compiled(document)
    pages = [parts.encode_items(listing(item)) for item in (OBJECTS[:2], [], OBJECTS[2:])]

    items = [b",".join(filter(None, column)) for column in zip(*pages, strict=True)]

    assert bytes(parts.encode(listing([]), items)) == whole.encode(listing(OBJECTS))


def test_only_metadata_is_equal_for_the_parts_and_the_whole() -> None:
    for document in ("{ things { items { kind } } }", "{ things { items { size } } }"):
        whole, parts = compiled(document)
        assert parts.only_metadata is whole.only_metadata


def test_a_mismatch_raises() -> None:
    _, parts = compiled("{ things { items { size } } }")
    with pytest.raises(SelectionMismatch):
        parts.encode_items(listing([{"size": "large"}]))
    with pytest.raises(SelectionMismatch):
        parts.items[0].encode(b'{"size": "large"}')
