"""The tests of a module are found by its name, or by its path in the docstring of another test module."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gateway", "schema", "bench")
COVERED = re.compile(rf"``((?:{'|'.join((*PACKAGES, 'examples'))})/[\w./-]+)``")
"""The path of a module, or of a folder with a slash at its end."""
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)


def sources(folder: str) -> list[Path]:
    return [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py")]


MODULES = [
    module
    for package in PACKAGES
    for module in sources(package)
    if module.name not in ("__init__.py", "__main__.py")
]


@cache
def covered() -> frozenset[str]:
    """The paths in the docstrings of test modules."""
    texts = [
        (ROOT / path).read_text(encoding="utf-8")
        for path in sources("tests")
        if path.name.startswith("test_")
    ]
    docstrings = filter(None, map(DOCSTRING.match, texts))
    return frozenset(path for docstring in docstrings for path in COVERED.findall(docstring[1]))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_tests_that_are_found(module: Path) -> None:
    folder = ROOT / "tests" / module.parent
    by_name = [*folder.glob(f"test_{module.stem}.py"), *folder.glob(f"test_{module.stem}_*.py")]
    by_path = {str(module), *(f"{parent}/" for parent in module.parents)} & covered()
    assert by_name or by_path, f"no tests/{module.parent}/test_{module.name}, and no docstring names {module}"


def test_docstrings_name_modules_that_exist() -> None:
    assert {path for path in covered() if not (ROOT / path).exists()} == set()
