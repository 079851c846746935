"""Selectors are parsed and matched as by the API server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.selectors import (
    LabelSelector,
    escape_field_value,
    parse_field_selector,
    parse_label_selector,
    read_label_selector,
)

SHOP = {"app": "shop", "tier": "web", "canary": "", "shard": "12", "in": "notin"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app=shop",
        "app==shop",
        " app = shop , tier != db ",
        "app in (shop, media)",
        "app notin (media),tier",
        "absent notin (x)",
        "absent!=x",
        "!absent",
        "! absent",
        "canary",
        "canary=",
        "canary=,app",
        "canary in ()",
        "canary in (x,)",
        "canary in (,x)",
        "shard>11",
        "shard<13",
        "in=notin",
        "in in (in,notin)",
        "example.com/part-of!=x",
    ],
)
def test_a_label_selector_matches(text: str) -> None:
    assert parse_label_selector(text).matches(SHOP)


@pytest.mark.parametrize(
    "text",
    [
        "app=media",
        "app!=shop",
        "app,tier=db",
        "app in (media)",
        "app in ()",
        "tier notin (web,db)",
        "absent",
        "absent=",
        "!app",
        "shard>12",
        "shard<12",
        "app>3",
        "absent<3",
    ],
)
def test_a_label_selector_does_not_match(text: str) -> None:
    assert not parse_label_selector(text).matches(SHOP)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (",", "expected a label key"),
        ("a,", "after ','"),
        ("a,,b", "after ','"),
        ("a=b=c", "expected ',' or the end"),
        ("!a=b", "expected ',' or the end"),
        ("a b", "expected one of"),
        ("a!", "expected one of"),
        ("a=)", "expected a value"),
        ("a in b", r"expected '\('"),
        ("a in (b", "expected ',' or '\\)'"),
        ("a in (b c)", "expected ',' or '\\)'"),
        ("a in (", "expected"),
        ("a>x", "integer"),
        ("-a=b", "invalid key"),
        ("Upper.example/c", "invalid key"),
        ("/c", "invalid key"),
        ("a/b/c", "invalid key"),
        ("a=-b", "invalid value"),
        ("a in (b,c/d)", "invalid value"),
        ("a=" + "x" * 64, "invalid value"),
        ("a" * 64, "invalid key"),
    ],
)
def test_a_malformed_label_selector_is_refused_with_the_reason(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parse_label_selector(text)


def test_the_selector_of_an_object_is_read() -> None:
    selector = read_label_selector(
        {
            "matchLabels": {"app": "shop"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["web", "db"]},
                {"key": "gone", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches(SHOP)
    assert not selector.matches(SHOP | {"gone": "1"})
    assert read_label_selector({}) == LabelSelector()


def test_the_selector_of_an_object_with_an_unknown_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="Near"):
        read_label_selector({"matchExpressions": [{"key": "tier", "operator": "Near"}]})


keys = st.from_regex(
    r"([a-z]{1,5}\.[a-z]{2,3}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,6}[A-Za-z0-9])?", fullmatch=True
)
values = st.from_regex(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,4}[A-Za-z0-9])?)?", fullmatch=True)
labels = st.dictionaries(keys, values, max_size=5)


@given(labels)
def test_labels_written_as_a_selector_select_themselves(own: dict[str, str]) -> None:
    selector = parse_label_selector(",".join(f"{key}={value}" for key, value in own.items()))
    assert selector.matches(own)
    assert all(not selector.matches({k: v for k, v in own.items() if k != key}) for key in own)


@given(labels, keys, st.lists(values, min_size=1, max_size=4))
def test_in_and_notin_are_opposites(own: dict[str, str], key: str, some: list[str]) -> None:
    inside = parse_label_selector(f"{key} in ({','.join(some)})")
    outside = parse_label_selector(f"{key} notin ({','.join(some)})")
    assert inside.matches(own) is not outside.matches(own)


@given(st.text("ab=!(),<> \tin-/", max_size=12))
def test_any_text_is_a_selector_or_a_value_error(text: str) -> None:
    try:
        selector = parse_label_selector(text)
    except ValueError:
        return
    assert selector.matches({}) in (True, False)


POD = {"metadata.name": "web-1", "spec.nodeName": "", "status.phase": "a,b=c\\d"}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        (",", True),
        ("=", True),
        ("metadata.name=web-1", True),
        ("metadata.name==web-1,", True),
        ("metadata.name!=web-1", False),
        ("metadata.name=web-1,spec.nodeName=", True),
        ("metadata.name=web-1,spec.nodeName!=", False),
        (r"status.phase=a\,b\=c\\d", True),
        (r"status.phase!=a\,b\=c\\d", False),
    ],
)
def test_a_field_selector_matches(text: str, selected: bool) -> None:
    assert parse_field_selector(text).matches(lambda field: POD[field]) is selected


@pytest.mark.parametrize("text", ["a", "a=b=c", "a=b\\", "a=b\\x", "a=b,c", "\\"])
def test_a_malformed_field_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="field selector"):
        parse_field_selector(text)


def test_a_field_selector_gives_its_fields_and_exact_values() -> None:
    selector = parse_field_selector("metadata.name=x,spec.nodeName!=y")
    assert selector.fields == {"metadata.name", "spec.nodeName"}
    assert selector.exact("metadata.name") == "x"
    assert selector.exact("spec.nodeName") is None


@given(st.text(max_size=12), st.text(max_size=12))
def test_an_escaped_value_is_read_back(value: str, other: str) -> None:
    selector = parse_field_selector(f"f={escape_field_value(value)}")
    assert selector.matches(lambda _: value)
    assert selector.matches(lambda _: other) is (other == value)
