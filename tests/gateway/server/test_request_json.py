"""The JSON of requests: large or malformed JSON is refused before it costs memory."""

from json import JSONDecodeError
from typing import Any

import pytest

from gateway.errors import BadArgument, QueryTooComplex
from gateway.server.request_json import decode_request


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"a": [1, "x"]}', {"a": [1, "x"]}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        ('"{[,,,,,,"', "{[,,,,,,"),
        ('{"a": 12345678901234567890}', {"a": 12345678901234567890}),
    ],
)
def test_a_value_is_decoded(data: str | bytes, value: Any) -> None:
    assert decode_request(data, 5) == value


@pytest.mark.parametrize("data", ["", "{", b"\xff", '"\\ud800"', "[" * 5000, "1" * 5000, "NaN{"])
def test_text_that_is_no_json_is_one_error(data: str | bytes) -> None:
    with pytest.raises(JSONDecodeError):
        decode_request(data, 10_000)


def test_values_are_counted_outside_of_strings() -> None:
    assert decode_request('["{,[", 1, 2]', 3) == ["{,[", 1, 2]
    with pytest.raises(QueryTooComplex, match=r"has 4 members and items in its JSON; the limit is 3"):
        decode_request("[1, 2, 3, 4]", 3)


def test_a_repeated_key_is_refused_with_its_place() -> None:
    with pytest.raises(BadArgument, match="b occurs twice"):
        decode_request('{"a": {"b": 1, "b": 2}}', 100)
    with pytest.raises(BadArgument) as caught:
        decode_request(f'{{"{"k" * 300}": 1, "{"k" * 300}": 2}}', 100)
    assert len(str(caught.value)) < 260
