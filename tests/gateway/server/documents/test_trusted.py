"""Trusted documents: the files that they are read from, and how a text is compared with them."""

import json
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.server.documents.trusted import TrustedDocuments, load_trusted, sha256

QUERY = "query Pods($limit: Int) { pods(limit: $limit) { items { metadata { ...Name } } } }"
FRAGMENT = "fragment Name on ObjectMeta { name }"


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return folder


def manifest(*operations: tuple[str, str]) -> str:
    entries = [{"id": key, "name": "Pods", "type": "query", "body": body} for key, body in operations]
    return json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": entries})


@pytest.mark.parametrize(
    "content",
    [manifest(("one", QUERY + FRAGMENT)), json.dumps({"one": QUERY + FRAGMENT})],
    ids=["Apollo", "Relay"],
)
def test_a_manifest_names_its_documents(tmp_path: Path, content: str) -> None:
    trusted = load_trusted(write(tmp_path, manifest__json=content) / "manifest.json")
    assert trusted.get("one") == QUERY + FRAGMENT
    assert trusted.get("two") is None
    assert trusted.contains(QUERY + FRAGMENT)


def test_a_folder_may_have_the_fragments_of_an_operation_in_other_files(tmp_path: Path) -> None:
    trusted = load_trusted(write(tmp_path, pods__graphql=QUERY, name__gql=FRAGMENT))
    assert trusted.contains(f"{FRAGMENT}\n{QUERY}")
    text = trusted.get(sha256(QUERY))
    assert text is not None
    assert "fragment Name" in text
    assert trusted.get(f"sha256:{sha256(text)}") == text


def test_each_operation_of_a_file_is_trusted_by_itself(tmp_path: Path) -> None:
    trusted = load_trusted(write(tmp_path, all__graphql="query A { a } query B { b }"))
    assert trusted.contains("query A { a }")
    assert trusted.contains("query B { b } query A { a }")
    assert not trusted.contains("query A { a } query C { c }")


def test_hidden_files_and_schema_files_are_no_documents(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "hidden.graphql").write_text("{ hidden }", encoding="utf-8")
    trusted = load_trusted(
        write(tmp_path, schema__graphql="type Query { a: Int }", a__graphql="{ a }", README__md="no")
    )
    assert not trusted.contains("{ hidden }")
    assert len(trusted) == 1


@pytest.mark.parametrize(
    "text",
    [
        "query Pods($limit:Int){pods(limit:$limit){items{metadata{name}}}}",
        "# comment\nquery Pods($limit: Int) {\n  pods(limit: $limit) { items { metadata { name } } }\n}\n",
        "query Pods($limit: Int) { pods(limit: $limit) { __typename items { metadata { name } } } }",
    ],
    ids=["without layout", "with comments", "with __typename"],
)
def test_layout_comments_and_typename_do_not_matter(tmp_path: Path, text: str) -> None:
    file = "query Pods($limit: Int) { pods(limit: $limit) { items { metadata { name } } } }"
    assert load_trusted(write(tmp_path, pods__graphql=file)).contains(text)


@pytest.mark.parametrize(
    "text",
    [
        "query Pods { pods(limit: 1) { items { metadata { name uid } } } }",
        "query Pods { pods(limit: 2) { items { metadata { name } } } }",
        "query Pods { secrets: pods(limit: 1) { items { metadata { name } } } }",
        "query Pods { pods(limit: 1) { items { metadata { name kind: __typename } } } }",
        "query Pods { pods(limit: 1) @skip(if: true) { items { metadata { name } } } }",
        "mutation Pods { pods(limit: 1) { items { metadata { name } } } }",
        "{ __schema { types { name } } }",
        FRAGMENT,
        "{",
        "",
        "#" * 1_000_000,
        "{ a " * 5_000,
    ],
)
def test_another_operation_is_not_trusted(tmp_path: Path, text: str) -> None:
    file = "query Pods { pods(limit: 1) { items { metadata { name } } } }"
    assert not load_trusted(write(tmp_path, pods__graphql=file)).contains(text)


def test_a_fragment_of_the_same_name_with_other_fields_is_not_trusted(tmp_path: Path) -> None:
    trusted = load_trusted(write(tmp_path, pods__graphql=f"{QUERY} {FRAGMENT}"))
    assert not trusted.contains(f"{QUERY} fragment Name on ObjectMeta {{ name uid }}")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.graphql", "query {", "Syntax Error"),
        ("a.graphql", FRAGMENT, "no operation"),
        ("a.json", "[]", "no manifest"),
        ("a.json", '{"a": 1}', "no manifest"),
        ("a.json", '{"format": "other", "version": 1}', "version 1"),
        ("a.json", '{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{}]}', "id"),
        ("a.json", "{", "a.json"),
        ("a.txt", "{ a }", "no operation"),
    ],
)
def test_a_file_that_is_no_document_prevents_the_start(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_trusted(tmp_path)


def test_a_missing_path_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no"):
        load_trusted(tmp_path / "missing")


def test_without_documents_none_is_trusted() -> None:
    assert not TrustedDocuments({}, ()).contains("{ a }")
