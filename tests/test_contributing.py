"""The drawings of the layers in CONTRIBUTING.md and docs/architecture.md match import-linter's contracts."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
LAYERS = [
    set(re.findall(r"gateway\.(\w+)", layer))
    for layer in CONTRACTS["The arrows of the gateway point one way"]["layers"]
]
EVERYTHING = set().union(*LAYERS)


def drawn(document: str) -> list[set[str]]:
    """The columns of the drawing from left to right; the words of a column start at one offset."""
    text = (ROOT / document).read_text(encoding="utf-8")
    (drawing,) = re.findall(r"^## Layers\n.*?```\n(cli .*?)\n(?:\n|```)", text, re.MULTILINE | re.DOTALL)
    first, *others = drawing.splitlines()
    columns = {found.start(): {found[0]} for found in re.finditer(r"\w+", first)}
    for line in others:
        for found in re.finditer(r"\w+", line):
            columns[found.start()].add(found[0])
    return list(columns.values())


def names(modules: list[str]) -> set[str]:
    return {module.removeprefix("gateway.") for module in modules if module.startswith("gateway.")}


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_drawing_shows_the_layers_of_the_contract(document: str) -> None:
    assert drawn(document) == LAYERS


def test_every_module_of_the_gateway_but_the_demo_has_a_layer() -> None:
    found = {path.stem for path in (ROOT / "gateway").iterdir() if not path.name.startswith("__")}
    assert found - EVERYTHING == {"demo"}


LEAVES = {"compression", "concurrency", "lru", "memory", "uvicorn_server"}
"""Modules that import nothing of the gateway; the demo may import them."""


def test_the_contracts_of_the_demo_cover_every_layer() -> None:
    demo, starts = (
        CONTRACTS["The demo stands on the schema side alone"],
        "Only the command line starts the demo",
    )
    assert names(demo["forbidden_modules"]) == EVERYTHING - LEAVES
    assert names(CONTRACTS[starts]["source_modules"]) == EVERYTHING - {"cli"} - LEAVES


def test_the_contract_of_httpx_covers_every_package_but_kube() -> None:
    assert names(CONTRACTS["One place knows httpx"]["source_modules"]) == EVERYTHING - {"kube"} - LEAVES | {
        "demo"
    }
