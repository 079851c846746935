"""The examples of README.md and docs/ run against the demo as printed, and the tables are complete."""

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLSchema, build_client_schema, get_introspection_query, parse, validate

import gateway.errors
from gateway.errors import GatewayError
from gateway.settings import settings_table
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import Stream
from tests.fixtures.processes import run_gateway

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
}
README = DOCUMENTS["README.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(README)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The gateway that ``make demo`` runs."""
    with start_gateway(tmp_path_factory.mktemp("demo"), "--demo") as started:
        yield started


@pytest.fixture(scope="module")
def schema(demo: GatewayProcess) -> GraphQLSchema:
    """The demo's schema, from its introspection."""
    introspection = asyncio.run(demo.execute(get_introspection_query()))
    return build_client_schema(introspection["data"])


def example(start: str) -> tuple[str, list[Any]]:
    """The README's query with this beginning, and the JSON values of the block that follows it."""
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
    """Whether both are equal; an ellipsis in an expected string matches any text."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return list(expected) == list(found) and all(matches(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    if isinstance(expected, str) and isinstance(found, str):
        return re.fullmatch(re.escape(expected).replace("…", ".+"), found) is not None
    return bool(expected == found)


async def appears(expected: list[Any], stream: Stream) -> None:
    """Wait until the stream has sent the expected results in this order, with any others in between."""
    for result in expected:
        while not matches(result, await stream.result()):
            pass


async def test_the_query_returns_the_result_that_the_readme_prints(demo: GatewayProcess) -> None:
    query, (expected,) = example("{")
    assert matches(expected, await demo.execute(query))


async def test_the_subscription_shows_the_effect_of_the_mutation(demo: GatewayProcess) -> None:
    query, initial = example("subscription")
    mutation, (patched,) = example("mutation")
    (follow_up,) = [
        json_values(text) for language, text in BLOCKS if language == "json" and '"MODIFIED"' in text
    ]
    async with demo.subscribe(query) as stream:
        for result in initial:
            assert matches(result, await stream.result())
        assert matches(patched, await demo.execute(mutation))
        await appears(follow_up, stream)


@pytest.mark.parametrize(
    "query",
    [
        text
        for document in DOCUMENTS.values()
        for language, text in BLOCK.findall(document)
        if language == "graphql"
    ],
    ids=lambda query: " ".join(query.split())[:40],
)
def test_every_query_is_valid(schema: GraphQLSchema, query: str) -> None:
    assert validate(schema, parse(query)) == []


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for document in DOCUMENTS.values()
    for language, text in BLOCK.findall(document)
    if language == "sh"
    for line in text.splitlines()
    if line.startswith(("kube-graphql query '{", "kube-graphql schema"))
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_the_commands_run(command: list[str]) -> None:
    done = run_gateway(*command, variables={"KUBE_GRAPHQL_DEMO": "true"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_serve_prints_the_line_that_the_readme_shows(demo: GatewayProcess) -> None:
    (shown,) = [text.strip() for _, text in BLOCKS if text.startswith("http://")]
    printed = demo.process.wait_for_output(f"{demo.url}/graphql")
    assert re.sub(r"127\.0\.0\.1:\d+", "…", shown) in re.sub(r"127\.0\.0\.1:\d+", "…", printed)


async def test_the_dashboard_is_served_at_the_address_in_the_readme(demo: GatewayProcess) -> None:
    (path,) = set(re.findall(r"<http://127\.0\.0\.1:8000(/\S+)>", README))
    assert (await demo.request("GET", path)).status_code == 200


def between(marker: str, document: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", DOCUMENTS[document], re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_table_of_settings_is_complete() -> None:
    assert between("settings", "docs/settings.md") == settings_table(), "update with: make readme"


def test_the_table_of_error_codes_is_complete() -> None:
    errors = [getattr(gateway.errors, name) for name in gateway.errors.__all__]
    codes = {error.code for error in errors if isinstance(error, type) and issubclass(error, GatewayError)}
    table = between("codes", "docs/errors.md")
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == codes


def test_the_readme_links_every_document() -> None:
    assert {name for name in DOCUMENTS if name.startswith("docs/")} <= set(links("README.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_linked_files_and_make_targets_exist(document: str) -> None:
    folder = (ROOT / document).parent
    paths = [link.partition("#")[0] for link in links(document)]
    assert [path for path in paths if not (folder / path).exists()] == []
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)(?=`|   )", DOCUMENTS[document]))
    assert [target for target in targets if f".PHONY: {target}\n" not in makefile] == []


_FULL_PATH = r"(?<![\w./:-])(?:\.ci|bench|docs|examples|gateway|schema|tests)/[\w./-]*"
_SHORT_PATH = r"(?<![\w./-])(?!__init__)\w+\.py\b|(?<=`)\w+/(?=`)"
_NAMED_PATH = re.compile(f"(?P<full>{_FULL_PATH})|{_SHORT_PATH}")


def named_paths(document: str) -> Iterator[Path]:
    """The repository paths in a document; a short path is relative to the folder of the last full path."""
    folder = ROOT
    for found in _NAMED_PATH.finditer(DOCUMENTS[document]):
        name = found.group().rstrip(".")
        if found["full"] is None:
            yield folder / name
        else:
            path = ROOT / name
            folder = path.parent if path.suffix else path
            yield path


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - {"CHANGELOG.md"}))
def test_named_repository_paths_exist(document: str) -> None:
    missing = [path.relative_to(ROOT).as_posix() for path in named_paths(document) if not path.exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_linked_headings_exist(document: str) -> None:
    headings = re.findall(r"^#+ (.+)$", DOCUMENTS[document], re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {link[1:] for link in links(document) if link.startswith("#")} <= slugs


def links(document: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)]+)\)", DOCUMENTS[document]) if "://" not in link]
