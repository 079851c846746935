"""Commands that run in the tests' process leave it as they found it."""

import gc
import logging
from collections.abc import Iterator

import pytest

_CONFIGURED = ("", "gateway", "schema", "uvicorn.access", "strawberry.execution")
"""The loggers that ``gateway/telemetry.py`` configures; the first one is the root."""


@pytest.fixture(autouse=True)
def _process_state() -> Iterator[None]:
    """Restore the logging and the collector settings that a command changes."""
    loggers = [logging.getLogger(name) for name in _CONFIGURED]
    before = [(logger.level, logger.disabled, logger.handlers[:]) for logger in loggers]
    thresholds = gc.get_threshold()
    yield
    for logger, (level, disabled, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.disabled = disabled
        logger.handlers[:] = handlers
    gc.set_threshold(*thresholds)
    gc.enable()
