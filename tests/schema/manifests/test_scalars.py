"""Scalars of YAML as kubectl resolves them."""

import math
from typing import Any

import pytest

from schema.manifests.scalars import UnreadableScalar, json_number, key_text, resolve_plain, resolve_tagged
from tests.schema.manifests.corpus import SCALARS

INT = "tag:yaml.org,2002:int"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("off", False),
        ("~", None),
        ("014", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("1e3", 1000),
        ("2.5", 2.5),
        (".5", 0.5),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("0b2", "0b2"),
        ("-", "-"),
        (".", "."),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), float(2**63)),
        ("1e999", "1e999"),
        ("9" * 401, "9" * 401),
    ],
)
def test_plain_scalars_have_the_values_of_yaml_1_1_with_exceptions(text: str, value: Any) -> None:
    resolved = resolve_plain(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_every_plain_scalar_of_the_corpus_is_a_value_of_json() -> None:
    for text in SCALARS:
        value = resolve_plain(text)
        assert value is None or isinstance(value, str | int) or math.isfinite(value)


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan"])
def test_numbers_that_json_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(UnreadableScalar, match="not a number of JSON"):
        resolve_plain(text)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("!local", "1", "1"),
        ("tag:yaml.org,2002:str", "1", "1"),
        (INT, "0x10", 16),
        ("tag:yaml.org,2002:float", "1", 1),
        ("tag:yaml.org,2002:bool", "on", True),
        ("tag:yaml.org,2002:null", "", None),
        ("tag:yaml.org,2002:binary", "aGV s\nbG8=", "hello"),
    ],
)
def test_tags_decide_the_type(tag: str, text: str, value: Any) -> None:
    assert resolve_tagged(tag, text) == value


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (INT, "1.5"),
        (INT, "yes"),
        ("tag:yaml.org,2002:bool", "1"),
        ("tag:yaml.org,2002:null", "x"),
        ("tag:yaml.org,2002:binary", "%"),
        ("tag:yaml.org,2002:binary", "/w=="),
    ],
)
def test_a_text_that_is_not_of_its_tag_is_refused(tag: str, text: str) -> None:
    with pytest.raises(UnreadableScalar):
        resolve_tagged(tag, text)


@pytest.mark.parametrize(
    ("text", "value"), [("1.0", 1), ("-3", -3), ("9007199254740993", 9007199254740993), ("1e400", None)]
)
def test_numbers_of_json_lose_no_digit_of_an_int64(text: str, value: Any) -> None:
    if value is None:
        with pytest.raises(UnreadableScalar):
            json_number(text)
    else:
        assert json_number(text) == value


@pytest.mark.parametrize(
    ("value", "key"), [("a", "a"), (True, "true"), (False, "false"), (1, "1"), (1.5, "1.5")]
)
def test_scalar_keys_become_text(value: Any, key: str) -> None:
    assert key_text(value) == key


def test_null_is_no_key() -> None:
    with pytest.raises(UnreadableScalar, match="null is not a key"):
        key_text(None)
