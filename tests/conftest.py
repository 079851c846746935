"""Loads the fixtures, which stand in tests/fixtures, one module per subject."""

pytest_plugins = ["tests.fixtures.backends", "tests.fixtures.control_plane"]
