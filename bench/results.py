"""Where results are kept: a file of each run, the latest one, and the table in the README."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.tables import Table
from tests.fixtures.control_plane import pinned_version

__all__ = ["RESULTS", "Run", "record", "store"]

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
MARKED = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- /bench -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Run:
    """The tables of one run, and where and when it was."""

    tables: Sequence[Table]
    environment: str
    when: str

    @classmethod
    def of(cls, tables: Sequence[Table]) -> "Run":
        """A run that has ended just now, here."""
        return cls(tables, environment(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def markdown(self) -> str:
        """All tables."""
        return show(self.tables, self.environment)

    def headlines(self) -> str:
        """The tables for the README."""
        return show([each for each in self.tables if each.headline], self.environment)

    def json(self) -> str:
        """Every sample."""
        found: dict[str, Any] = asdict(self)
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def show(tables: Sequence[Table], environment: str) -> str:
    return "\n".join(each.markdown() for each in tables) + f"\n{environment}.\n"


def store(run: Run, directory: Path = RESULTS) -> Path:
    """Keep the run in files of its own, which Git ignores; the path of the Markdown."""
    directory.mkdir(parents=True, exist_ok=True)
    return write(run, directory, run.when.replace(":", ""))


def record(run: Run, directory: Path = RESULTS, readme: Path = ROOT / "README.md") -> None:
    """Keep the run as the latest one, which is committed, and put it into the README."""
    write(run, directory, "latest")
    text = readme.read_text(encoding="utf-8")
    readme.write_text(MARKED.sub(lambda _: run.headlines(), text), encoding="utf-8")


def write(run: Run, directory: Path, name: str) -> Path:
    (directory / f"{name}.json").write_text(run.json(), encoding="utf-8")
    path = directory / f"{name}.md"
    path.write_text(run.markdown(), encoding="utf-8")
    return path


def environment() -> str:
    """What the figures depend on, in a line."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"kube-apiserver {pinned_version()}, gateway {commit or 'unknown'}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores shared by client, gateway, API server "
        f"and etcd{load}"
    )
