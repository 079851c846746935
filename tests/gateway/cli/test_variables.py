"""The variables of ``query``: from JSON, YAML, files and standard input, with clear errors."""

import io
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.variables import read_variables
from gateway.errors import ConfigurationError


def read(variables: str | None = None, *named: str, query: str = "{ a }") -> Any:
    return read_variables(query, variables, named)


def test_no_variables_are_none() -> None:
    assert read() is None


@pytest.mark.parametrize(
    "text",
    ['{"n": "shop", "count": 3, "on": [true, null]}', "n: shop\ncount: 3\n'on': [yes, ~]\n"],
    ids=["JSON", "YAML"],
)
def test_a_file_holds_the_variables_as_json_or_yaml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "variables"
    file.write_text(text)
    assert read(f"@{file}") == {"n": "shop", "count": 3, "on": [True, None]}


@pytest.mark.parametrize("argument", ["-", "@-"])
def test_standard_input_holds_the_variables(monkeypatch: pytest.MonkeyPatch, argument: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a: 1\n"))
    assert read(argument) == {"a": 1}


def test_one_variable_is_json_or_text_or_a_files_text(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yaml"
    file.write_text("kind: Pod\n---\nkind: Pod\n")
    named = ("a=1", "b=[true]", "c=500m", "d=", "e=x=y", f"manifest=@{file}")
    assert read('{"a": 0, "z": 9}', *named) == {
        "a": 1,
        "b": [True],
        "c": "500m",
        "d": "",
        "e": "x=y",
        "manifest": "kind: Pod\n---\nkind: Pod\n",
        "z": 9,
    }


def test_a_file_is_read_as_the_variable_is_declared(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yaml"
    file.write_text("kind: Pod\n")
    query = "query($m: String!, $o: JSON!, $p: PodInput, $l: [PodInput!]) { x }"
    named = [f"{name}=@{file}" for name in ("m", "o", "p", "l")]
    assert read(None, *named, query=query) == {
        "m": "kind: Pod\n",
        "o": {"kind": "Pod"},
        "p": {"kind": "Pod"},
        "l": {"kind": "Pod"},
    }
    file.write_text("kind: [\n")
    with pytest.raises(ConfigurationError, match=r"deploy\.yaml, line 2, column 1"):
        read(None, f"o=@{file}", query=query)


def test_a_variable_that_is_declared_as_text_stays_text() -> None:
    query = "query($a: String!, $b: ID, $c: Int, $d: [String]) { x }"
    assert read(None, "a=5", "b=6", "c=7", 'd=["8"]', query=query) == {
        "a": "5",
        "b": "6",
        "c": 7,
        "d": ["8"],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("a: 1\nb: [\n", "line 3, column 1"),
        ("a: 1\na: 2\n", "line 2, column 1: the key 'a' occurs twice"),
        ("- a\n", "has to be an object"),
        ("a: 1\n---\nb: 1\n", "line 3"),
        ("", "has to be an object"),
    ],
)
def test_a_malformed_file_is_named_with_the_line_and_the_column(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "variables.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read(f"@{file}")
    assert "variables.yaml" in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("@absent.json",), "absent.json"),
        ((None, "manifest=@absent.yaml"), "absent.yaml"),
        ((None, "manifest"), "NAME=VALUE"),
        ((None, "=x"), "NAME=VALUE"),
        (("{",), "--variables is not JSON"),
        (('{"o": {"a": 1, "a": 2}}',), "--variables: o.a occurs twice"),
        ((None, 'o={"a": 1, "a": 2}'), "--variable: a occurs twice"),
        (("-", "a=@-"), "once"),
        ((None, "a=@-", "b=@-"), "once"),
    ],
)
def test_a_wrong_argument_is_explained(arguments: tuple[str | None, ...], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(*arguments)  # type: ignore[arg-type]  # only the first is optional


def test_standard_input_is_not_read_for_the_query_and_the_variables() -> None:
    with pytest.raises(ConfigurationError, match="once"):
        read_variables("{ a }", "-", (), input_is_query=True)
