"""YAML documents → JSON values: kubectl's booleans, numbers, keys and merges; positions; limits."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schema.manifests import MalformedManifest, read_value
from schema.manifests.documents import read_documents
from schema.manifests.positions import Duplicate


def read(text: str) -> Any:
    (document,) = read_documents(text, [])
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[yes, No, ON, y, tRUE, ~, nULL]", [True, False, True, True, "tRUE", None, "nULL"]),
        ("[014, 0o14, 0x1F, 0b11, 08, 1_000, -0b11, 0o8]", [12, 12, 31, 3, 8, 1000, -3, "0o8"]),
        ("[1e3, 1.0, .5, 5., 1e400, 9223372036854775808]", [1000, 1, 0.5, 5, "1e400", 2.0**63]),
        ("[2001-01-01, 1:30, 1.2.3, 500m]", ["2001-01-01", "1:30", "1.2.3", "500m"]),
        ("[!!str 5, !!int '5', !!binary aGk=, !own 5, ! 5]", ["5", 5, "hi", "5", "5"]),
        ("{1: a, yes: b, 1.5: c, 0x10: d}", {"1": "a", "true": "b", "1.5": "c", "16": "d"}),
        ("{p: own, <<: {p: 1, q: 2}}", {"p": 1, "q": 2}),
        ("{<<: [{p: 1}, {p: 2, q: 3}], q: 4}", {"p": 1, "q": 4}),
        ("[&a {x: 1}, *a]", [{"x": 1}, {"x": 1}]),
    ],
)
def test_a_value_is_read_as_kubectl_reads_it(text: str, value: Any) -> None:
    read_back = read(f"k: {text}\n")["k"]
    assert read_back == value
    assert repr(read_back) == repr(value)  # 1 and not 1.0, True and not 1


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [\n", 2, 1),
        ("a: 1\n---\nb: {\n}}\n", 4, 2),
        ("a:\n  - .inf\n", 2, 5),
        ("a: {~: 1}\n", 1, 5),
        ("a: *b\n", 1, 4),
        ("a: &b [*b]\n", 1, 8),
        ("a: {<<: 1}\n", 1, 9),
        ("a: 1\n---x\n", 2, 1),
        ('{"a": 1,\n  "b" 2}', 2, 7),
        ("a: \x01\n", 1, 4),
        ("a: 1\nb: \ud800\n", 2, 4),
        ("a: 1\n...\nb: 1\n", 3, 1),
        ("%TAG ! x\n---\na: 1\n", 2, 1),
        ('{"a": NaN}', 1, 1),
        ('{"a": 1e400}', 1, 1),
        ("a: " + "[" * 300 + "]" * 300, 1, 204),
    ],
)
def test_a_text_that_is_not_yaml_is_refused_with_its_position(text: str, line: int, column: int) -> None:
    with pytest.raises(MalformedManifest) as raised:
        list(read_documents(text, []))
    assert (raised.value.line, raised.value.column) == (line, column)


def test_keys_that_occur_twice_are_noted_and_the_last_one_counts() -> None:
    duplicates: list[Duplicate] = []
    texts = 'a: 1\nb:\n  c: 1\n  c: 2\n---\n{"d": 1, "d": 2}\n'
    values = [document.value for document in read_documents(texts, duplicates)]
    assert values == [{"a": 1, "b": {"c": 2}}, {"d": 2}]
    assert duplicates == [Duplicate("c", 4, 3), Duplicate("d", 6, 1)]


def test_a_version_directive_does_not_matter() -> None:
    assert [item.value for item in read_documents("%YAML 1.2\n---\na: 1\n", [])] == [{"a": 1}]


def test_small_texts_that_aliases_make_large_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
    with pytest.raises(MalformedManifest, match="aliases stand for more than"):
        read(f"l0: &l0 [{'a' * 100}]\n{levels}\n")
    with pytest.raises(MalformedManifest, match="aliases stand for more than"):
        list(
            read_documents("\n---\n".join([f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 20)}]"] * 5), [])
        )


def test_a_text_that_is_nested_too_deeply_is_refused_in_each_form() -> None:
    levels = "\n".join(f"l{n}: &l{n} [*l{n - 1}]" for n in range(1, 300))
    for text in (f"l0: &l0 a\n{levels}\n", '{"a": ' * 300 + "1" + "}" * 300, '{"a": ' * 100_000):
        with pytest.raises(MalformedManifest):
            list(read_documents(text, []))
    levels = "\n".join(f"l{n}: &l{n} [*l{n - 1}]" for n in range(1, 150))
    assert len(read(f"l0: &l0 a\n{levels}\n")) == 150


def test_moderate_aliases_are_allowed() -> None:
    assert len(read(f"a: &a {{x: {'y' * 1000}}}\nb: [{', '.join(['*a'] * 1000)}]\n")["b"]) == 1000


def test_a_value_of_variables_keeps_its_keys_and_is_alone() -> None:
    assert read_value("n: yes\n1: 0x10\n") == {"n": True, "1": 16}
    assert read_value("# nothing\n") is None
    for text in ("a: 1\n---\nb: 1\n", "a: 1\na: 2\n"):
        with pytest.raises(MalformedManifest):
            read_value(text)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(categories=["L", "N", "P", "Zs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcyn012-. ", max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcyn", min_size=1, max_size=3), JSON_VALUES, max_size=4), st.booleans())
def test_any_json_object_that_is_written_as_yaml_is_read_back(value: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, default_style='"', allow_unicode=True)
    assert read_value(text) == value
