"""Encoded selections are made once, shared, and forgotten with their readers, or when there are too many."""

import pytest

from gateway.resolvers.fragments import Fragments
from schema.model import Scalar
from schema.selection import (
    EventField,
    EventSelection,
    Field,
    Leaf,
    Node,
    Selection,
    SelectionMismatch,
    event_selection,
)


def selection_of(*keys: str) -> EventSelection:
    fields = tuple(Field(key, key, Leaf(Scalar.STRING)) for key in keys)
    return event_selection("ThingEvent", (EventField("object", "object", Selection(Node("Thing", fields))),))


def named(name: str) -> bytes:
    return b'{"name": "%b"}' % name.encode()


def test_equal_objects_share_what_was_made_of_them() -> None:
    body = b'{"name": "a", "size": 1}'
    with Fragments().of(selection_of("name")) as table:
        first = table.encode("1", body)

        assert first == (b'{"name":"a"}',)
        assert table.encode("1", bytes(bytearray(body))) is first
        assert len(table) == 1


def test_each_selection_has_its_own() -> None:
    fragments, body = Fragments(), b'{"name": "a", "kind": "b"}'

    with fragments.of(selection_of("name")) as names, fragments.of(selection_of("kind", "name")) as kinds:
        assert names.encode("1", body) == (b'{"name":"a"}',)
        assert kinds.encode("1", body) == (b'{"kind":"b","name":"a"}',)


def test_an_object_is_known_as_it_is_and_as_it_was_before() -> None:
    with Fragments().of(selection_of("name")) as table:
        first, second, third = (table.encode("1", named(each)) for each in "abc")

        assert table.encode("1", named("c")) is third
        assert table.encode("1", named("b")) is second
        assert table.encode("1", named("a")) is not first
        assert len(table) == 1


def test_readers_of_one_selection_share_its_table_until_the_last_has_gone() -> None:
    fragments, selection = Fragments(), selection_of("name")
    with fragments.of(selection) as table:
        with fragments.of(selection) as shared:
            assert shared is table
            table.encode("1", named("a"))
        assert fragments.size > 0

    assert fragments.size == 0
    with fragments.of(selection) as anew:
        assert len(anew) == 0


def test_an_object_that_is_gone_is_forgotten() -> None:
    fragments = Fragments()
    with fragments.of(selection_of("name")) as table:
        table.encode("1", named("a"))
        table.encode("1", named("b"))
        table.forget("1")
        table.forget("unknown")

        assert (len(table), fragments.size) == (0, 0)


def test_the_oldest_of_the_largest_table_go_when_there_are_too_many_bytes() -> None:
    fragments = Fragments(most_bytes=100)
    with fragments.of(selection_of("name")) as small, fragments.of(selection_of("name", "kind")) as large:
        kept = small.encode("0", named("kept"))
        for number in range(10):
            last = large.encode(str(number), named("a" * 10))

        assert fragments.size == small.size + large.size <= 100
        assert small.encode("0", named("kept")) is kept
        assert large.encode("9", named("a" * 10)) is last
        assert len(large) < 10


def test_one_that_is_larger_than_everything_is_answered_and_not_kept() -> None:
    fragments = Fragments(most_bytes=10)
    with fragments.of(selection_of("name")) as table:
        assert table.encode("1", named("long enough")) == (b'{"name":"long enough"}',)
        assert (len(table), fragments.size) == (0, 0)


def test_what_does_not_fit_is_refused_each_time() -> None:
    with Fragments().of(selection_of("name")) as table:
        for _ in range(2):
            with pytest.raises(SelectionMismatch):
                table.encode("1", b'{"name": 1}')
