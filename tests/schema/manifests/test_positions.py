"""Positions in a text, and the messages that name them."""

import pytest

from schema.manifests.positions import Duplicate, MalformedManifest, position_of


@pytest.mark.parametrize(
    ("offset", "position"), [(0, (1, 1)), (1, (1, 2)), (2, (1, 3)), (3, (2, 1)), (4, (3, 1)), (5, (3, 2))]
)
def test_lines_and_columns_count_from_1(offset: int, position: tuple[int, int]) -> None:
    assert position_of("ab\n\nc", offset) == position


def test_messages_name_the_position() -> None:
    error = MalformedManifest("no mapping", 3)
    assert str(error) == "no mapping (line 3, column 1)"
    assert (error.problem, error.line, error.column) == ("no mapping", 3, 1)
    assert str(Duplicate("a", 2, 5)) == "the key 'a' occurs twice (line 2, column 5)"
