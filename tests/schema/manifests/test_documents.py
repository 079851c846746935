"""A text is separated into documents, of YAML or of JSON."""

from typing import Any

import pytest

from schema.manifests.documents import read_documents, read_value
from schema.manifests.positions import Duplicate, MalformedManifest
from schema.manifests.yaml_reader import DEEPEST


def read(text: str) -> list[tuple[Any, int]]:
    return [(document.value, document.line) for document in read_documents(text, [])]


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("# a comment\n---\n\n", []),
        ("a: 1", [({"a": 1}, 1)]),
        ("---\na: 1\n--- # again\n\nb: 2\n", [({"a": 1}, 2), ({"b": 2}, 5)]),
        ("\ufeff---\na: 1", [({"a": 1}, 2)]),
        ("%YAML 1.2\n---\na: 1", [({"a": 1}, 3)]),
        ('{"a": 1}\n{"b": 2.0}', [({"a": 1}, 1), ({"b": 2}, 2)]),
        ("{a: 1}", [({"a": 1}, 1)]),
    ],
)
def test_documents_have_the_line_where_they_begin(text: str, documents: list[tuple[Any, int]]) -> None:
    assert read(text) == documents


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n--- b", "text follows the separator"),
        ("a: \x00", r"U\+0000 is not allowed \(line 1, column 4\)"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": ' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), "nesting is deeper"),
        ('{"a": 1}\n{"b" 2}', "line 2"),
    ],
)
def test_a_malformed_text_is_refused_with_its_position(text: str, message: str) -> None:
    with pytest.raises(MalformedManifest, match=message):
        read(text)


def test_duplicate_keys_of_json_are_noted_and_the_last_one_counts() -> None:
    duplicates: list[Duplicate] = []
    (document,) = read_documents('\n{"a": 1, "a": 2}', duplicates)
    assert document.value == {"a": 2}
    assert duplicates == [Duplicate("a", 2, 1)]


def test_one_value_has_no_second_document_and_no_duplicate_key() -> None:
    assert read_value("a: 1\n---\n# nothing") == {"a": 1}
    assert read_value("") is None
    with pytest.raises(MalformedManifest, match=r"second document begins here \(line 3"):
        read_value("a: 1\n---\nb: 2")
    with pytest.raises(MalformedManifest, match="'a' occurs twice"):
        read_value('{"a": 1, "a": 1}')
