"""The README is true: its examples run against the demo and print what it says, its tables are complete."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import gateway.errors
from gateway.errors import GatewayError
from gateway.settings import settings_table
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import Stream
from tests.fixtures.processes import run_gateway

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """What ``make demo`` runs."""
    with start_gateway(tmp_path_factory.mktemp("demo"), "--demo") as started:
        yield started


def example(start: str) -> tuple[str, list[Any]]:
    """The query that begins so, and the JSON values of the block that follows it."""
    for (language, query), (_, output) in pairwise(BLOCKS):
        if language == "graphql" and query.startswith(start):
            return query, json_values(output)
    raise LookupError(start)


def json_values(text: str) -> list[Any]:
    decoder, values = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


def matches(expected: Any, found: Any) -> bool:
    """Equal, where an ellipsis in a string stands for what is different each time."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return list(expected) == list(found) and all(matches(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    if isinstance(expected, str) and isinstance(found, str):
        return re.fullmatch(re.escape(expected).replace("…", ".+"), found) is not None
    return bool(expected == found)


async def appears(expected: list[Any], stream: Stream) -> None:
    """Wait until the stream has shown each of them, in that order; there may be others in between."""
    for each in expected:
        while not matches(each, await stream.result()):
            pass


async def test_the_query_answers_what_the_readme_shows(demo: GatewayProcess) -> None:
    query, (expected,) = example("{")
    assert matches(expected, await demo.execute(query))


async def test_the_subscription_sees_what_the_mutation_does(demo: GatewayProcess) -> None:
    query, initial = example("subscription")
    mutation, (patched,) = example("mutation")
    (follow_up,) = [
        json_values(text) for language, text in BLOCKS if language == "json" and '"MODIFIED"' in text
    ]
    async with demo.subscribe(query) as stream:
        for each in initial:
            assert matches(each, await stream.result())
        assert matches(patched, await demo.execute(mutation))
        await appears(follow_up, stream)


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if line.startswith(("kube-graphql query '{", "kube-graphql schema"))
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_the_commands_run(command: list[str]) -> None:
    done = run_gateway(*command, variables={"KUBE_GRAPHQL_DEMO": "true"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_line_that_is_printed_is_the_line_of_the_readme(demo: GatewayProcess) -> None:
    (shown,) = [text.strip() for _, text in BLOCKS if text.startswith("http://")]
    printed = demo.process.wait_for_output(f"{demo.url}/graphql")
    assert re.sub(r"127\.0\.0\.1:\d+", "…", shown) in re.sub(r"127\.0\.0\.1:\d+", "…", printed)


async def test_the_dashboard_is_where_the_readme_says(demo: GatewayProcess) -> None:
    (path,) = set(re.findall(r"<http://127\.0\.0\.1:8000(/\S+)>", README))
    assert (await demo.request("GET", path)).status_code == 200


def between(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", README, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_settings_are_all_there() -> None:
    assert between("settings") == settings_table(), "update with: make readme"


def test_the_error_codes_are_all_there() -> None:
    errors = [getattr(gateway.errors, name) for name in gateway.errors.__all__]
    codes = {each.code for each in errors if isinstance(each, type) and issubclass(each, GatewayError)}
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", between("codes"), re.MULTILINE)) == codes


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_what_is_linked_and_named_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    linked = [each for each in re.findall(r"\]\(([^)]+)\)", text) if "://" not in each]
    assert [each for each in linked if not (ROOT / each).exists()] == []
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)(?=`|   )", text))
    assert [each for each in targets if f".PHONY: {each}\n" not in makefile] == []
