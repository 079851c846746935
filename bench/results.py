"""Keeps the results of a run: its own files, the latest run, and the tables in the documentation."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.tables import Aim, Measure, Row, Table, Unit
from tests.fixtures.control_plane import pinned_version

__all__ = ["RESULTS", "Run", "record", "store"]

_ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
_README, _PERFORMANCE = "README.md", "docs/performance.md"

_HIGHLIGHTS = (
    ("Start with the API of Kubernetes, until served", "start cold, until served", 0),
    ("Start with 500 CRDs more, until served", "start cold, until served", 500),
    ("List of 5,000 pods from the API server (ratio: raw LIST)", "live list", 5000),
    ("The same list from the cache (ratio: raw LIST)", "cached list", 5000),
    ("Events delivered to 1,000 subscribers, one upstream watch", "delivered", 1000),
)
"""Label, row and column of each line of figures in the README; the first table that has the row counts."""


@dataclass(frozen=True, slots=True)
class Run:
    """The tables of one run, its environment in a line, and its time (UTC, ISO 8601)."""

    tables: Sequence[Table]
    environment: str
    when: str

    @classmethod
    def of(cls, tables: Sequence[Table]) -> "Run":
        """A run that has just ended, on this machine."""
        return cls(tables, _environment(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    @classmethod
    def load(cls, path: Path) -> "Run":
        """The run that :meth:`json` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls([_table(table) for table in found["tables"]], found["environment"], found["when"])

    def added_to(self, earlier: "Run") -> "Run":
        """The earlier run, in which this run's tables replace the tables of the same title."""
        titles = [table.title for table in self.tables]
        if all(table.title in titles for table in earlier.tables):
            return self
        kept = [table for table in earlier.tables if table.title not in titles]
        own = [replace(table, environment=self.environment) for table in self.tables]
        order = [table.title for table in earlier.tables]
        known = sorted(
            [*kept, *(table for table in own if table.title in order)],
            key=lambda table: order.index(table.title),
        )
        new = [table for table in own if table.title not in order]
        return replace(earlier, tables=[*known, *new])

    def markdown(self) -> str:
        """All tables."""
        return _markdown(self.tables, self.environment)

    def headlines(self) -> str:
        """The missed aims, then the headline tables, for the documentation."""
        tables = [table for table in self.tables if table.headline]
        missed = [f"- {line}\n" for table in tables for line in table.missed()]
        summary = f"**Missed aims**\n\n{''.join(missed) or 'None.'}\n"
        return summary + _markdown(tables, self.environment)

    def highlights(self) -> str:
        """The README's lines of figures; a figure that this run did not measure is left out."""
        lines = []
        for label, name, column in _HIGHLIGHTS:
            cells = [
                table.cell(row, column)
                for table in self.tables
                for row in table.rows
                if row.name == name and row.samples.get(column)
            ]
            lines += [f"| {label} | {cell} |" for cell in cells[:1]]
        return "\n".join(["|  | measured |", "|---|---:|", *lines]) + "\n"

    def json(self) -> str:
        """Every sample."""
        found: dict[str, Any] = asdict(self)
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def store(run: Run, directory: Path = RESULTS) -> Path:
    """Write the run to files of its own, which Git ignores; return the path of the Markdown file."""
    directory.mkdir(parents=True, exist_ok=True)
    return _write(run, directory, run.when.replace(":", ""))


def record(run: Run, directory: Path = RESULTS, root: Path = _ROOT) -> None:
    """Write the run as the latest one, which Git tracks, and its figures into the documentation.

    A table that the run does not have stays as it was.
    """
    latest = directory / "latest.json"
    if latest.exists():
        run = run.added_to(Run.load(latest))
    _write(run, directory, "latest")
    _replace_between("figures", root / _README, run.highlights())
    _replace_between("bench", root / _PERFORMANCE, run.headlines())


def _replace_between(marker: str, path: Path, text: str) -> None:
    marked = re.compile(rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)", re.DOTALL)
    path.write_text(marked.sub(lambda _: text, path.read_text(encoding="utf-8")), encoding="utf-8")


def _markdown(tables: Sequence[Table], environment: str) -> str:
    return "\n".join(table.markdown() for table in tables) + f"\n{environment}.\n"


def _table(found: dict[str, Any]) -> Table:
    return Table(**{**found, "rows": [_row(row) for row in found["rows"]]})


def _row(found: dict[str, Any]) -> Row:
    # JSON has strings as keys
    samples = {int(column): values for column, values in found["samples"].items()}
    aims = [Aim(**{**aim, "measure": Measure(aim["measure"])}) for aim in found["aims"]]
    return Row(**{**found, "unit": Unit(found["unit"]), "samples": samples, "aims": aims})


def _write(run: Run, directory: Path, name: str) -> Path:
    (directory / f"{name}.json").write_text(run.json(), encoding="utf-8")
    path = directory / f"{name}.md"
    path.write_text(run.markdown(), encoding="utf-8")
    return path


def _environment() -> str:
    """One line with everything that the figures depend on: versions, cores, load."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=_ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"kube-apiserver {pinned_version()}, gateway {commit or 'unknown'}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores shared by client, gateway, API server "
        f"and etcd{load}"
    )
