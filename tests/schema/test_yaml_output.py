"""YAML output resolves to the same values in every reader: PyYAML (1.1), kubectl's Go reader, YAML 1.2."""

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schema.yaml_output import to_yaml
from tests.fixtures.clients import CLIENTS, check_clients
from tests.fixtures.control_plane import find_assets
from tests.fixtures.properties import examples
from tests.fixtures.requirements import unavailable

AMBIGUOUS = [
    *(
        "1e3",
        "25921e05",
        "08",
        "0o17",
        "0x1F",
        "0b1",
        "1_000",
        "+1",
        "-1",
        "1.",
        ".5",
        "1E",
        "10.0.0.1",
        "0x1p-2",
    ),
    *(
        "y",
        "Y",
        "n",
        "N",
        "yes",
        "No",
        "on",
        "OFF",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "",
        "nan",
        ".inf",
        "-.INF",
    ),
    *(
        "12:30",
        "12:30:45",
        "2026-11-27",
        "2026-11-27T10:00:00Z",
        "=",
        "<<",
        "---",
        "...",
        "-",
        "?",
        "!!str a",
    ),
    *(
        "*a",
        "&a",
        "!a",
        "@a",
        "`a",
        "%a",
        "|",
        ">",
        "'a'",
        '"',
        "[a]",
        "{a}",
        "a: b",
        "a:",
        "a #b",
        "#a",
        " a",
        "a ",
    ),
    *(
        "a\nb",
        "a\nb\n",
        "\na",
        "a\n\n",
        "  a\nb",
        "a\n b\n",
        "a \nb",
        "a\tb\nc",
        "a\rb",
        "a\n---\nb",
        "a\n#b\n",
    ),
    *("\t", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "é\nü", "😀"),
]
PLAIN = [
    "nginx:1.25",
    "registry.k8s.io/pause:3.10",
    "500m",
    "128Mi",
    "0.5m",
    "50%",
    "Running",
    "it is ready",
    "/var/log",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(AMBIGUOUS + PLAIN)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXT
    | st.from_regex(r"[-+.]?[0-9][0-9_.:eExXoObB+-]{0,9}", fullmatch=True),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXT, values, max_size=4),
    max_leaves=20,
)

SEVERAL = st.lists(VALUES, min_size=20, max_size=60)
FEW = settings(max_examples=examples(8), deadline=None, phases=[Phase.generate])
"""Each example is a process; shrinking would start hundreds."""
PRINT_AS_JSON = """
const text = require("fs").readFileSync(0, "utf8");
process.stdout.write(JSON.stringify(require("yaml").parse(text)));
"""


@given(VALUES)
def test_a_yaml_1_1_reader_gets_the_same_value(value: Any) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_text_that_some_reader_resolves_to_something_else_is_never_plain(text: str) -> None:
    assert to_yaml({"value": text}).removeprefix("value: ")[0] in '"|'
    assert yaml.safe_load(to_yaml({text: text})) == {text: text}


@pytest.mark.parametrize("text", PLAIN)
def test_common_text_stays_plain(text: str) -> None:
    assert to_yaml([text]) == f"- {text}\n"


def test_text_of_several_lines_is_a_literal_block() -> None:
    assert to_yaml({"script": "set -e\nrun\n"}) == "script: |\n  set -e\n  run\n"


def test_repeated_values_are_written_out() -> None:
    shared = {"a": "b"}
    assert to_yaml([shared, shared]) == "- a: b\n- a: b\n"


@pytest.mark.cluster
@FEW
@given(SEVERAL)
def test_kubectl_reads_the_same_values(values: list[Any]) -> None:
    things = [_thing(value) for value in [*AMBIGUOUS, *values]]
    text = "".join(to_yaml(thing, explicit_start=True) for thing in things)
    command = [str(_kubectl()), "label", "--local", "-f", "-", "a=b", "-o", "json"]
    printed = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode()
    assert [thing["spec"] for thing in _documents(printed)] == [_printed(thing["spec"]) for thing in things]


@pytest.mark.node
@FEW
@given(SEVERAL)
def test_a_yaml_1_2_reader_gets_the_same_values(values: list[Any]) -> None:
    check_clients()
    keyed = [_keyed(value) for value in [*AMBIGUOUS, *values]]
    command = ["node", "--input-type=commonjs", "-e", PRINT_AS_JSON]
    text = to_yaml(keyed).encode()
    printed = subprocess.run(command, input=text, capture_output=True, check=True, cwd=CLIENTS).stdout
    assert json.loads(printed) == _printed(keyed, largest_integer=2**53)


def _kubectl() -> Path:
    assets = find_assets()
    if assets is None:
        unavailable("cluster", "no pinned kubectl on this machine", "tests/kube/build.sh (needs Go)")
    return assets / "kubectl"


def _keyed(value: Any) -> dict[str, Any]:
    return {"value": value, **({value: 1} if isinstance(value, str) else {})}


def _thing(value: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": _keyed(value)}


def _printed(value: Any, *, largest_integer: int = 2**63) -> Any:
    """The value as Go and JavaScript print it: an integral float below 1e21 by its shortest digits."""
    match value:
        case dict():
            return {key: _printed(item, largest_integer=largest_integer) for key, item in value.items()}
        case list():
            return [_printed(item, largest_integer=largest_integer) for item in value]
        case int() if abs(value) > largest_integer:
            return int(Decimal(repr(float(value))))
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(Decimal(repr(value)))
        case _:
            return value


def _documents(text: str) -> Iterator[dict[str, Any]]:
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        document, position = decoder.raw_decode(text, position)
        yield from document["items"] if document["kind"] == "List" else [document]
        position = len(text) - len(text[position:].lstrip())
