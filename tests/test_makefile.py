"""The Makefile lists its targets, and reports missing programs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(
    *arguments: str, directory: Path = ROOT, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory", *arguments],
        cwd=directory,
        env={**variables, **({"PATH": path} if path is not None else {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_plain_make_lists_every_target() -> None:
    listed = re.findall(r"^([a-z-]+) +\S", make().stdout, re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))


@pytest.fixture
def bare_folder(tmp_path: Path) -> Path:
    """A folder that contains only the Makefile."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def test_a_missing_python_is_reported(bare_folder: Path) -> None:
    done = make(".venv/bin/python", "PYTHON=/nowhere/python3", directory=bare_folder)
    assert done.returncode == 2
    assert "no Python 3.11 or later found as /nowhere/python3; name one with PYTHON=" in done.stderr
    assert not (bare_folder / ".venv").exists()


def test_an_old_python_is_not_used(bare_folder: Path) -> None:
    tools = bare_folder / "bin"
    tools.mkdir()
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("sh", "rm", "env"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    done = make(".venv/bin/python", directory=bare_folder, path=str(tools))
    assert done.returncode == 2
    assert "no Python 3.11 or later found; name one with PYTHON=" in done.stderr
