"""A List that is put together of its parts is the List's own answer, byte for byte."""

import json
from typing import Any

import pytest
from graphql import GraphQLResolveInfo

from schema.model import ListOf, Model, ObjectType, Property, Scalar
from schema.selection.compile import compile_list, compile_list_parts
from schema.selection.compiled import Selection, SelectionMismatch
from schema.selection.lists import ListSelection
from tests.schema.selection_cases import case
from tests.schema.selection_models import KIND, LIST_META_TYPE, OBJECT_META_TYPE, SERVED, THING, TYPE_META

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
MODEL = Model({each.id: each for each in (OBJECT_META_TYPE, LIST_META_TYPE, THING_TYPE)}, (SERVED,))

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
def test_objects_one_by_one_make_the_same_list(document: str, count: int) -> None:
    whole, parts = compiled(document)
    objects = [json.dumps(each).encode() for each in OBJECTS[:count]]

    items = [b",".join(map(each.encode, objects)) for each in parts.items]

    assert bytes(parts.encode(listing([]), items)) == whole.encode(listing(OBJECTS[:count]))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_pages_make_the_same_list(document: str) -> None:
    whole, parts = compiled(document)
    pages = [parts.encode_items(listing(each)) for each in (OBJECTS[:2], [], OBJECTS[2:])]

    items = [b",".join(filter(None, column)) for column in zip(*pages, strict=True)]

    assert bytes(parts.encode(listing([]), items)) == whole.encode(listing(OBJECTS))


def test_only_metadata_is_said_of_the_parts_too() -> None:
    for document in ("{ things { items { kind } } }", "{ things { items { size } } }"):
        whole, parts = compiled(document)
        assert parts.only_metadata is whole.only_metadata


def test_what_does_not_fit_is_said() -> None:
    _, parts = compiled("{ things { items { size } } }")
    with pytest.raises(SelectionMismatch):
        parts.encode_items(listing([{"size": "large"}]))
    with pytest.raises(SelectionMismatch):
        parts.items[0].encode(b'{"size": "large"}')
