"""Loads the fixtures of tests/fixtures, one module per subject, and orders the files for several workers."""

import os
import sys
from collections import defaultdict

import pytest

# Bytecode is kept even where the environment asks for none, as container images do: hundreds of tests start a
# gateway, and compiling its modules takes 0.6 s of processor time each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest.register_assert_rewrite("tests.fixtures")

pytest_plugins = [
    "tests.fixtures.properties",
    "tests.fixtures.garbage",
    "tests.fixtures.requirements",
    "tests.fixtures.scheduling",
    "tests.fixtures.goldens",
    "tests.fixtures.control_plane",
    "tests.fixtures.backends",
    "tests.fixtures.nodes",
    "tests.fixtures.related",
    "tests.fixtures.odd",
    "tests.fixtures.workers",
]

_PROCESSES = ("cluster", "browser", "node", "office")
"""The markers of tests that start processes."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers for each core: the tests wait for processes and for times almost half of their time."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files for pytest-xdist by expected duration, the longest first.

    A long file that begins last keeps one worker busy while the others are idle. Files that start processes
    take longest, and among them files with few tests: many tests of one file share their processes. The
    option --no-loadscope-reorder keeps this order.
    """
    if not hasattr(config, "workerinput"):
        return
    files: dict[object, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)

    def rank(tests: list[pytest.Item]) -> tuple[bool, int]:
        return not any(test.get_closest_marker(name) for test in tests for name in _PROCESSES), len(tests)

    items[:] = [item for tests in sorted(files.values(), key=rank) for item in tests]
