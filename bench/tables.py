"""Measurements as tables: samples per row and column, comparisons between rows, and aims."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

__all__ = ["Aim", "Column", "Measure", "Row", "Samples", "Table", "Unit"]


class Unit(StrEnum):
    """The unit of a sample; the value is its printed form."""

    MILLISECONDS = "ms"
    MICROSECONDS = "µs"
    MEGABYTES = "MB"
    KILOBYTES = "kB"
    MESSAGES_PER_SECOND = "messages/s"
    TIMES = "×"
    COUNT = ""


class Measure(StrEnum):
    """The figure of a cell that an aim limits."""

    MEDIAN = "median"
    LARGEST = "largest"
    RATIO = "ratio"
    DIFFERENCE = "difference"


Column = int
"""The size that a column stands for: a number of pods, CRDs or subscribers."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The limit of a row's figure in one column; with ``least`` a lower limit, else an upper one.

    RATIO and DIFFERENCE compare with the row that ``Row.against`` names.
    """

    column: Column
    measure: Measure
    limit: float
    least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """Samples in each column; ``against`` is the name of the row to compare with."""

    name: str
    unit: Unit
    samples: Mapping[Column, Sequence[float]]
    against: str = ""
    aims: Sequence[Aim] = ()


@dataclass(slots=True)
class Samples:
    """Collects samples by row name and column."""

    found: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, name: str, column: Column, value: float) -> None:
        self.found[name].setdefault(column, []).append(value)

    def row(self, name: str, unit: Unit = Unit.MILLISECONDS, *aims: Aim) -> Row:
        return Row(name, unit, self.found[name], aims=aims)


@dataclass(frozen=True, slots=True)
class Table:
    """One subject; ``counted`` is the unit of the columns. The documentation shows headline tables.

    ``environment`` is empty if it is that of the whole run.
    """

    title: str
    counted: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())
    headline: bool = True
    environment: str = ""

    def row(self, name: str) -> Row:
        """The row with that name; KeyError if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        heads = ["", *(f"{column:,} {self.counted}" for column in self.columns), "aim"]
        lines = [_cells(heads), _cells(["---", *("---:" for _ in self.columns), "---"])]
        for row in self.rows:
            figures = [self.cell(row, column) for column in self.columns]
            lines.append(_cells([row.name, *figures, "; ".join(self.verdict(row, aim) for aim in row.aims)]))
        apart = [f"Measured in a run of its own: {self.environment}."] if self.environment else []
        notes = "".join(f"\n{note}\n" for note in [*self.notes, *apart])
        return f"**{self.title}**\n\n" + "\n".join(lines) + "\n" + notes

    def missed(self) -> list[str]:
        """One line for each aim that was missed."""
        lines = []
        for row in self.rows:
            for aim in row.aims:
                value = self.value(row, aim.column, aim.measure)
                if value is not None and not aim.met(value):
                    where = f"{aim.column:,} {self.counted}"
                    lines.append(f"{row.name}, {where}: {_figure(value)}, aim {self._limit(row, aim)}")
        return lines

    def cell(self, row: Row, column: Column) -> str:
        """Median, range, and the ratio to the row that it is compared with."""
        samples = row.samples.get(column)
        if not samples:
            return "–"
        shown = "{:,.0f}".format if row.unit is Unit.COUNT else _figure
        text = shown(median(samples))
        if len(samples) > 1:
            text += f" ({shown(min(samples))}–{shown(max(samples))})"
        ratio = self.value(row, column, Measure.RATIO)
        return f"{text} {row.unit}".rstrip() + ("" if ratio is None else f", {_figure(ratio)} ×")

    def value(self, row: Row, column: Column, measure: Measure) -> float | None:
        """That figure of a cell; None if it was not measured."""
        samples = row.samples.get(column)
        if not samples:
            return None
        match measure:
            case Measure.MEDIAN:
                return median(samples)
            case Measure.LARGEST:
                return max(samples)
        other = self.row(row.against).samples.get(column) if row.against else None
        if not other:
            return None
        if measure is Measure.RATIO:
            return median(samples) / median(other)
        return median(samples) - median(other)

    def verdict(self, row: Row, aim: Aim) -> str:
        """The aim in words, and whether it was met."""
        words = self._limit(row, aim) + (f" at {aim.column:,}" if len(self.columns) > 1 else "")
        value = self.value(row, aim.column, aim.measure)
        if value is None:
            return f"{words}: not measured"
        return f"{words}: {'met' if aim.met(value) else f'**missed** ({_figure(value)})'}"

    def _limit(self, row: Row, aim: Aim) -> str:
        limit = f"{'≥' if aim.least else '≤'} {aim.limit:,g}"
        match aim.measure:
            case Measure.RATIO:
                return f"{limit} ×"
            case Measure.DIFFERENCE:
                return f"{limit} {row.unit} more"
            case _:
                return f"{limit} {row.unit}".rstrip()


def _cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _figure(value: float) -> str:
    """Three significant digits; two below 0.1."""
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
