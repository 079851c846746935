"""Encoded selections are made once, shared, and forgotten when there are too many."""

import pytest

from gateway.resolvers.fragments import Fragments
from schema.model import Scalar
from schema.selection import Selection, SelectionMismatch
from schema.selection_tree import Field, Leaf, Node


def selection_of(*keys: str) -> Selection:
    return Selection(Node("Thing", tuple(Field(key, key, Leaf(Scalar.STRING)) for key in keys)))


def test_equal_objects_share_what_was_made_of_them() -> None:
    fragments, selection = Fragments(), selection_of("name")
    body = b'{"name": "a", "size": 1}'

    first = fragments.encode(selection, body)

    assert first == b'{"name":"a"}'
    assert fragments.encode(selection, bytes(bytearray(body))) is first
    assert len(fragments) == 1


def test_each_selection_has_its_own() -> None:
    fragments = Fragments()
    body = b'{"name": "a", "kind": "b"}'

    assert fragments.encode(selection_of("name"), body) == b'{"name":"a"}'
    assert fragments.encode(selection_of("kind", "name"), body) == b'{"kind":"b","name":"a"}'


def test_the_least_recently_used_go_when_there_are_too_many_bytes() -> None:
    fragments, selection = Fragments(most_bytes=100), selection_of("name")
    bodies = [b'{"name": "%b"}' % (letter * 10) for letter in (b"a", b"b", b"c")]
    first = fragments.encode(selection, bodies[0])
    second = fragments.encode(selection, bodies[1])
    assert fragments.encode(selection, bodies[0]) is first

    fragments.encode(selection, bodies[2])

    assert fragments.encode(selection, bodies[0]) is first
    assert fragments.encode(selection, bodies[1]) is not second


def test_one_that_is_larger_than_everything_is_answered_and_not_kept() -> None:
    fragments = Fragments(most_bytes=10)

    assert fragments.encode(selection_of("name"), b'{"name": "long enough"}') == b'{"name":"long enough"}'
    assert len(fragments) == 0


def test_what_does_not_fit_is_refused_each_time() -> None:
    fragments, selection = Fragments(), selection_of("name")
    for _ in range(2):
        with pytest.raises(SelectionMismatch):
            fragments.encode(selection, b'{"name": 1}')
