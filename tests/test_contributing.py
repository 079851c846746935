"""CONTRIBUTING.md is true: its drawing of the layers is what import-linter holds, and nothing is left out."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CONTRACTS: dict[str, dict[str, Any]] = {
    each["name"]: each
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
LAYERS = [
    set(re.findall(r"gateway\.(\w+)", layer))
    for layer in CONTRACTS["The arrows of the gateway point one way"]["layers"]
]
EVERYTHING = set().union(*LAYERS)


def drawn() -> list[set[str]]:
    """The columns of the drawing, from left to right: what a column holds stands below its first word."""
    (drawing,) = re.findall(r"^## Layers\n\n```\n(.*?)\n\n", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    first, *others = drawing.splitlines()
    columns = {found.start(): {found[0]} for found in re.finditer(r"\w+", first)}
    for line in others:
        for found in re.finditer(r"\w+", line):
            columns[found.start()].add(found[0])
    return list(columns.values())


def names(modules: list[str]) -> set[str]:
    return {each.removeprefix("gateway.") for each in modules if each.startswith("gateway.")}


def test_the_layers_are_drawn_as_they_are_held() -> None:
    assert drawn() == LAYERS


def test_everything_has_a_layer() -> None:
    found = {each.stem for each in (ROOT / "gateway").iterdir() if not each.name.startswith("__")}
    assert found - EVERYTHING == {"demo"}


LEAVES = {"concurrency", "lru", "memory"}
"""Leaf modules: import nothing of the gateway, so that the demo may import them."""


def test_nothing_of_the_gateway_is_left_out_around_the_demo() -> None:
    demo, starts = (
        CONTRACTS["The demo stands on the schema side alone"],
        "Only the command line starts the demo",
    )
    assert names(demo["forbidden_modules"]) == EVERYTHING - LEAVES
    assert names(CONTRACTS[starts]["source_modules"]) == EVERYTHING - {"cli"} - LEAVES


def test_one_place_knows_httpx() -> None:
    assert names(CONTRACTS["One place knows httpx"]["source_modules"]) == EVERYTHING - {"kube"} - LEAVES | {
        "demo"
    }
