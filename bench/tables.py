"""Measurements as tables: what was measured, at which sizes, against what, and what it should be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

__all__ = ["Aim", "Column", "Measure", "Row", "Samples", "Table", "Unit"]


class Unit(StrEnum):
    """What a sample is; the value is how it is printed."""

    MILLISECONDS = "ms"
    MICROSECONDS = "µs"
    MEGABYTES = "MB"
    KILOBYTES = "kB"
    MESSAGES_PER_SECOND = "messages/s"
    TIMES = "×"
    COUNT = ""


class Measure(StrEnum):
    """Which figure of a cell an aim is about."""

    MEDIAN = "median"
    LARGEST = "largest"
    RATIO = "ratio"
    DIFFERENCE = "difference"


Column = int
"""How many there were of whatever the table is about."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a row should come to in one column; a ratio or difference is that to the row it stands against.

    ``least`` turns it round: so much at least.
    """

    column: Column
    measure: Measure
    limit: float
    least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """Samples in each column; ``against`` is the name of the row that it is compared with."""

    name: str
    unit: Unit
    samples: Mapping[Column, Sequence[float]]
    against: str = ""
    aims: Sequence[Aim] = ()


@dataclass(slots=True)
class Samples:
    """Of every figure, what was measured in every column."""

    found: dict[str, dict[Column, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, name: str, column: Column, value: float) -> None:
        self.found[name].setdefault(column, []).append(value)

    def row(self, name: str, unit: Unit = Unit.MILLISECONDS, *aims: Aim) -> Row:
        return Row(name, unit, self.found[name], aims=aims)


@dataclass(frozen=True, slots=True)
class Table:
    """One subject; ``counted`` says what the columns count. The README has those that are a ``headline``."""

    title: str
    counted: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())
    headline: bool = True

    def row(self, name: str) -> Row:
        """KeyError where there is none."""
        for each in self.rows:
            if each.name == name:
                return each
        raise KeyError(name)

    def markdown(self) -> str:
        """The table as GitHub shows it."""
        heads = ["", *(f"{column:,} {self.counted}" for column in self.columns), "aim"]
        lines = [cells(heads), cells(["---", *("---:" for _ in self.columns), "---"])]
        for row in self.rows:
            figures = [self.cell(row, column) for column in self.columns]
            lines.append(cells([row.name, *figures, "; ".join(self.verdict(row, aim) for aim in row.aims)]))
        notes = "".join(f"\n{each}\n" for each in self.notes)
        return f"**{self.title}**\n\n" + "\n".join(lines) + "\n" + notes

    def cell(self, row: Row, column: Column) -> str:
        """Median, smallest and largest, and how often the row that it stands against."""
        samples = row.samples.get(column)
        if not samples:
            return "–"
        shown = "{:,.0f}".format if row.unit is Unit.COUNT else figure
        text = shown(median(samples))
        if len(samples) > 1:
            text += f" ({shown(min(samples))}–{shown(max(samples))})"
        ratio = self.value(row, column, Measure.RATIO)
        return f"{text} {row.unit}".rstrip() + ("" if ratio is None else f", {figure(ratio)} ×")

    def value(self, row: Row, column: Column, measure: Measure) -> float | None:
        """That figure of a cell; None where it was not measured."""
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
        limit = f"{'≥' if aim.least else '≤'} {aim.limit:,g}"
        where = f" at {aim.column:,}" if len(self.columns) > 1 else ""
        match aim.measure:
            case Measure.RATIO:
                words = f"{limit} ×{where}"
            case Measure.DIFFERENCE:
                words = f"{limit} {row.unit} more{where}"
            case _:
                words = f"{limit} {row.unit}".rstrip() + where
        value = self.value(row, aim.column, aim.measure)
        if value is None:
            return f"{words}: not measured"
        return f"{words}: {'met' if aim.met(value) else f'**missed** ({figure(value)})'}"


def cells(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def figure(value: float) -> str:
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
