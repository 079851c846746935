"""Positions in a text, for error messages; lines and columns count from 1."""

from dataclasses import dataclass

__all__ = ["Duplicate", "MalformedManifest", "position_of"]


class MalformedManifest(ValueError):
    """The text is not a manifest; the message ends with the line and the column."""

    def __init__(self, problem: str, line: int, column: int = 1) -> None:
        super().__init__(f"{problem} (line {line}, column {column})")
        self.problem = problem
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that occurs a second time in its mapping, at this position."""

    key: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"the key {self.key!r} occurs twice (line {self.line}, column {self.column})"


def position_of(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of a character."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
