"""Loads the fixtures, which stand in tests/fixtures, one module per subject."""

import pytest

pytest.register_assert_rewrite("tests.fixtures")

pytest_plugins = ["tests.fixtures.control_plane", "tests.fixtures.backends"]
