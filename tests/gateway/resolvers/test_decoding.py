"""Bodies of the API server as values for graphql-core; ``test_read`` has compiled selections."""

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.informers.events import EventType, ObjectEvent
from gateway.resolvers.decoding import (
    LARGE_SOURCE_BYTES,
    Items,
    answer_list,
    answer_object,
    decode_object,
    event_source,
    raw_items,
    source_of,
)
from schema.resources import GroupVersionKind
from schema.selection import LargeSource

KIND = GroupVersionKind("apps", "v1", "Deployment")


def test_items_of_a_list_get_the_kind_that_they_lack() -> None:
    items = [b'{"metadata": {}}', b'{"kind": "Other"}']
    assert [item["kind"] for item in Items(items, KIND)] == ["Deployment", "Other"]
    assert [item["kind"] for item in Items(items, KIND, replace=True)] == ["Deployment", "Deployment"]


def test_a_list_is_decoded_item_by_item() -> None:
    answer = answer_list(b'{"metadata": {"resourceVersion": "1"}, "items": [{}, 1]}', KIND, None)
    assert answer["metadata"] == {"resourceVersion": "1"}
    items = iter(answer["items"])
    assert next(items) == {"apiVersion": "apps/v1", "kind": "Deployment"}
    with pytest.raises(UpstreamProtocolError):
        next(items)


@pytest.mark.parametrize("body", [b'{"items": null}', b"{}"])
def test_a_list_without_items_is_empty(body: bytes) -> None:
    assert list(answer_list(body, KIND, None)["items"]) == []


@pytest.mark.parametrize("body", [b"[]", b"text", b"\xff", b"null", b""])
def test_a_body_that_is_no_object_is_an_upstream_error(body: bytes) -> None:
    for decode in (decode_object, raw_items, lambda body: answer_object(body, KIND, None)):
        with pytest.raises(UpstreamProtocolError, match="not a JSON object"):
            decode(body)


def test_a_large_body_is_decoded_later() -> None:
    calls: list[int] = []

    def decode() -> dict[str, int]:
        calls.append(1)
        return {"a": 1}

    assert source_of(decode, LARGE_SOURCE_BYTES - 1) == {"a": 1}
    large = source_of(decode, LARGE_SOURCE_BYTES)
    assert isinstance(large, LargeSource)
    assert calls == [1]
    assert large.make() == {"a": 1}


def test_an_event_is_decoded_anew_each_time() -> None:
    source = event_source(ObjectEvent(EventType.ADDED, b'{"a": 1}', "5"))
    assert source.size == 8
    assert source.make() == {"type": "ADDED", "object": {"a": 1}, "resourceVersion": "5"}
    assert source.make() is not source.make()
    assert event_source(ObjectEvent(EventType.SYNCED, None, "5")).make()["object"] is None
