"""Logging, and the phases of start-up."""

import logging
import subprocess
import sys

import pytest

from gateway.telemetry import Phases, seconds_since_process_start


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )


def test_the_age_of_the_process_includes_its_start() -> None:
    code = (
        "import time; time.sleep(0.3)\n"
        "from gateway.telemetry import seconds_since_process_start\n"
        "print(seconds_since_process_start())"
    )
    assert 0.3 <= float(run_python(code).stdout) < 60


def test_repeated_phases_add_up_and_imports_come_first() -> None:
    phases = Phases()
    for name in ("discovery", "schema", "discovery"):
        with phases.phase(name):
            pass
    assert list(phases.durations) == ["imports", "discovery", "schema"]
    assert 0 < phases.durations["imports"] <= seconds_since_process_start()


def test_a_failed_phase_is_timed() -> None:
    phases = Phases()
    with pytest.raises(ValueError, match="no"), phases.phase("discovery"):
        raise ValueError("no")
    assert "discovery" in phases.durations


def test_the_report_is_logged_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    phases = Phases()
    with phases.phase("discovery"):
        pass
    with caplog.at_level(logging.DEBUG, "gateway.telemetry"):
        phases.report()
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "discovery" in caplog.text
    assert "process start" in caplog.text


@pytest.mark.parametrize(("level", "shown"), [("debug", "one two"), ("info", "two"), ("error", "")])
def test_the_level_filters_the_lines_on_stderr(level: str, shown: str) -> None:
    code = (
        "import logging; from gateway.telemetry import configure_logging\n"
        f"configure_logging({level!r})\n"
        "logging.getLogger('gateway.x').debug('one'); logging.getLogger('gateway.x').info('two')\n"
        "logging.getLogger('httpx').info('three')"
    )
    result = run_python(code)
    assert " ".join(line.rpartition(": ")[2] for line in result.stderr.splitlines()) == shown
    assert not result.stdout
