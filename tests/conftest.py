"""Loads the fixtures, which stand in tests/fixtures, one module per subject."""

import pytest
from hypothesis import HealthCheck, settings

# what a property finds must not depend on how busy the machine is
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
