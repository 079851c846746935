"""Loads the fixtures of tests/fixtures, one module per subject."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Bytecode is kept even where the environment asks for none, as container images do: hundreds of tests start a
# gateway, and compiling its modules takes 0.6 s of processor time each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

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
