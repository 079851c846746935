"""Fragments of cached lists: one for each version of an object, and never more bytes than allowed."""

import gc
import json

from gateway.informers import Counters, Informer, Limits, Scope, StoredObject
from gateway.kube.received import ObjectHeader, ObjectMetadata, ReceivedObject
from gateway.kube.watch import WatchEvent
from gateway.resolvers.list_fragments import ListFragments
from schema.model import Scalar
from schema.selection import Field, Leaf, Node, Selection


class Counting(Selection):
    """Selects the value, and counts what it is asked to encode."""

    __slots__ = ("count",)

    def __init__(self, key: str = "value") -> None:
        super().__init__(Node("Thing", (Field(key, key, Leaf(Scalar.STRING)),)))
        self.count = 0

    def encode(self, body: bytes) -> bytes:
        self.count += 1
        return super().encode(body)


def received(name: str, version: int, value: str = "x") -> ReceivedObject:
    header = ObjectHeader(ObjectMetadata(name, "a", f"uid-{name}", str(version)))
    body = {"metadata": {"name": name}, "value": f"{value}{version}", "padding": "." * 1000}
    return ReceivedObject(json.dumps(body).encode(), header)


async def informer_of(count: int) -> Informer:
    informer = Informer(Scope(), Limits(), Counters())
    objects = [StoredObject.of(received(f"t{number}", number + 1)) for number in range(count)]
    await informer.replace(objects, str(count))
    return informer


async def test_an_object_is_encoded_once_for_each_of_its_versions() -> None:
    informer, fragments, selection = await informer_of(3), ListFragments(), Counting()
    expected = b'{"value":"x1"},{"value":"x2"},{"value":"x3"}'
    for _ in range(3):
        assert await fragments.encode(informer, selection, informer.by_key()) == expected
    assert selection.count == 3

    informer.apply(WatchEvent("MODIFIED", received("t1", 9)))

    expected = b'{"value":"x1"},{"value":"x9"},{"value":"x3"}'
    assert await fragments.encode(informer, selection, informer.by_key()) == expected
    assert selection.count == 4


async def test_a_part_of_the_objects_shares_with_the_whole() -> None:
    informer, fragments, selection = await informer_of(10), ListFragments(), Counting()
    await fragments.encode(informer, selection, informer.by_key())

    some = await fragments.encode(informer, selection, informer.by_key()[3:5])

    assert some == b'{"value":"x4"},{"value":"x5"}'
    assert selection.count == 10


async def test_the_same_version_with_other_bytes_is_another_object() -> None:
    """After an etcd was restored from a backup, resource versions come a second time."""
    informer, fragments, selection = await informer_of(1), ListFragments(), Counting()
    await fragments.encode(informer, selection, informer.by_key())

    await informer.replace([StoredObject.of(received("t0", 1, "other"))], "0")

    assert await fragments.encode(informer, selection, informer.by_key()) == b'{"value":"other1"}'


async def test_deleted_objects_are_forgotten() -> None:
    informer, fragments, selection = await informer_of(100), ListFragments(), Counting()
    await fragments.encode(informer, selection, informer.by_key())
    full = fragments.size
    for number in range(100):
        informer.apply(WatchEvent("DELETED", received(f"t{number}", 101 + number)))

    assert await fragments.encode(informer, selection, informer.by_key()) == b""

    assert fragments.size < full / 20


async def test_the_least_recently_used_go_first_when_it_is_too_much() -> None:
    informer = await informer_of(100)
    one, two, three = Counting(), Counting(), Counting()
    fragments = ListFragments(most_bytes=60_000)
    for selection in (one, two, one, three):
        await fragments.encode(informer, selection, informer.by_key())
        assert fragments.size <= 60_000

    for selection in (one, three, two):
        await fragments.encode(informer, selection, informer.by_key())

    assert [each.count for each in (one, two, three)] == [100, 200, 100]


async def test_a_list_that_is_too_long_to_keep_is_answered_all_the_same() -> None:
    informer, fragments, selection = await informer_of(100), ListFragments(most_bytes=1000), Counting()

    encoded = await fragments.encode(informer, selection, informer.by_key())

    assert len(json.loads(b"[" + encoded + b"]")) == 100
    assert fragments.size <= 1000


async def test_the_fragments_of_an_informer_end_with_it() -> None:
    informer, fragments, selection = await informer_of(10), ListFragments(), Counting()
    await fragments.encode(informer, selection, informer.by_key())
    assert fragments.size > 0

    del informer
    gc.collect()

    assert fragments.size == 0
