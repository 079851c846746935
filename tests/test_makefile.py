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
    # An outer make exports its flags, and the variables of its command line (PYTHON=python3.13).
    assigned = set(re.findall(r"^(\w+) \?=", MAKEFILE, re.MULTILINE))
    variables = {
        key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in assigned
    }
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


def test_variables_of_an_outer_make_do_not_reach_the_inner_one(
    bare_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON", "/nowhere/python3")
    monkeypatch.setenv("MAKEFLAGS", " -- PYTHON=/nowhere/python3")
    done = make("--dry-run", ".venv/bin/python", directory=bare_folder)
    assert "/nowhere" not in done.stdout + done.stderr


def fake_python(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 127\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"bin/python3.11": "3011"}, ""),
        ({"bin/python3.12": "3012", "bin/python3.13": "3013"}, "bin/python3.13"),
        ({"bin/python3.12": "3012", "bin/python3.13": ""}, "bin/python3.12"),
        (
            {"bin/python3.12": "3012", ".pyenv/versions/3.14.1/bin/python3": "3014"},
            ".pyenv/versions/3.14.1/bin/python3",
        ),
    ],
)
def test_ci_finds_the_newest_python_that_works(
    tmp_path: Path, installed: dict[str, str], expected: str
) -> None:
    current = fake_python(tmp_path / "current", "3011")
    for name, version in installed.items():
        fake_python(tmp_path / name, version)
    done = subprocess.run(
        [shutil.which("bash") or "bash", ROOT / ".ci" / "newest-python", current],
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == (str(tmp_path / expected) if expected else "")
