"""Loads the fixtures of tests/fixtures, one module per subject."""

import pytest
from hypothesis import HealthCheck, settings

# no deadline: a busy machine must not fail a property
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest.register_assert_rewrite("tests.fixtures")

pytest_plugins = [
    "tests.fixtures.requirements",
    "tests.fixtures.goldens",
    "tests.fixtures.control_plane",
    "tests.fixtures.backends",
    "tests.fixtures.odd",
    "tests.fixtures.workers",
]
