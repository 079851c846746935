"""A List cut into Lists of its items: every item is in one slice, also where a cut is guessed wrongly."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.errors import UpstreamProtocolError
from gateway.resolvers.decoding import raw_items
from gateway.resolvers.list_slices import cut, cut_if_large, head_of, items_of
from schema.selection import SelectionMismatch

_LARGE_BYTES = 5 << 20


def list_of(items: list[Any]) -> bytes:
    return json.dumps({"kind": "ThingList", "items": items}, separators=(",", ":")).encode()


def thing(number: int, claims: int = 2) -> dict[str, Any]:
    """An item with a list inside whose items begin as the item itself does, as of a StatefulSet."""
    inside = [{"metadata": {"name": f"claim-{index}"}} for index in range(claims)]
    return {"metadata": {"name": str(number)}, "spec": {"volumeClaimTemplates": inside}}


@pytest.mark.parametrize("after", [b"", b',"kind":"ThingList","metadata":{"resourceVersion":"1"}'])
@given(some.lists(some.integers(0, 7), min_size=1, max_size=20), some.integers(0, 400))
def test_every_item_is_in_one_slice(after: bytes, claims: list[int], size: int) -> None:
    things = [thing(number, of) for number, of in enumerate(claims)]
    slices = cut(list_of(things)[:-1] + after + b"}\n", size)
    items = [item for part in slices.map(raw_items) for item in part]
    assert [msgspec.json.decode(item) for item in items] == things
    assert msgspec.json.decode(slices.head)["items"] == []


def test_a_wrong_guess_is_extended_and_not_more_than_needed() -> None:
    body = list_of([thing(number) for number in range(100)])
    sizes = [len(part) for part in cut(body, 100).map(raw_items)]
    assert sum(sizes) == 100
    assert max(sizes) <= 3


def test_a_slice_is_extended_a_few_times_and_then_to_the_end() -> None:
    things = [thing(0, 50), thing(1, 0)]
    tried: list[int] = []

    def decode(part: bytes) -> int:
        tried.append(len(part))
        return len(raw_items(part))

    assert list(cut(list_of(things), 10).map(decode)) == [2]
    assert 1 < len(tried) < 12


def test_an_item_that_does_not_fit_is_not_tried_again() -> None:
    tried = 0

    def refuse(_: bytes) -> None:
        nonlocal tried
        tried += 1
        raise SelectionMismatch

    with pytest.raises(SelectionMismatch):
        list(cut(list_of([thing(number, 0) for number in range(20)]), 100).map(refuse))
    assert tried == 1


def test_a_broken_list_is_an_error() -> None:
    body = list_of([thing(number) for number in range(20)])
    with pytest.raises(UpstreamProtocolError):
        list(cut(body.replace(b'"7"', b"7]"), 100).map(raw_items))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items":[]}',
        b'{"items":[1,2]}',
        b'{"items":[{"a":1}]',
        b'{"items":[{"a":1}]}}',
        b'{"items":[{"a":1}],"other":[{"b":1}]}',
        b'{"metadata":{"items":[{"a":1}]}}',
    ],
)
def test_a_list_of_unusual_layout_is_not_cut(body: bytes) -> None:
    with pytest.raises(SelectionMismatch):
        cut(body, 10)


@pytest.mark.parametrize("after", [b"", b',"kind":"ThingList","apiVersion":"v1"', b',"other":[{"a":1}]'])
def test_a_large_list_has_all_its_items_and_its_own_fields(after: bytes) -> None:
    count = _LARGE_BYTES // len(json.dumps(thing(1)))
    body = list_of([thing(number) for number in range(count)])[:-1] + after + b"}"
    assert (cut_if_large(body).boundary is None) == (b"other" in after)
    assert [msgspec.json.decode(item)["metadata"]["name"] for item in items_of(body)] == [
        str(number) for number in range(count)
    ]
    assert msgspec.json.decode(head_of(body)["kind"]) == "ThingList"
    assert "items" not in head_of(body)
