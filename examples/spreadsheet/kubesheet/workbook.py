"""An ``.xlsx`` workbook on disk.

The file is replaced atomically, and never while Excel or LibreOffice has it open or after it has changed
since it was read. Sheets and columns of the user are kept, as far as openpyxl keeps them.
"""

import asyncio
import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from shutil import copymode
from typing import Any

from openpyxl import Workbook as Book
from openpyxl import load_workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from kubesheet.cells import COLUMNS, Cell
from kubesheet.engine import Append, Delete, Set, Snapshot, Write

__all__ = ["Workbook", "lock_files", "sheet_title"]

_LONGEST_TITLE = 31  # Excel's limit
_WIDTHS = (24, 9, 8, 8, 40, 60)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_INTERVAL_SECONDS = 0.5


def sheet_title(namespace: str) -> str:
    """The title of a namespace's sheet; it ends in a digest if Excel forbids the name itself."""
    if len(namespace) <= _LONGEST_TITLE and namespace != "history":
        return namespace
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:6]
    return f"{namespace[: _LONGEST_TITLE - 7]}~{digest}"


def lock_files(path: Path) -> list[Path]:
    """The lock files by which LibreOffice and Excel say that they have the workbook open."""
    candidates = (path.with_name(f".~lock.{path.name}#"), path.with_name(f"~${path.name}"))
    return [file for file in candidates if file.exists()]


class Workbook:
    """The backend of one file, which is made if it does not exist."""

    interval = _INTERVAL_SECONDS

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._book: Book | None = None
        self._read_state: tuple[int, ...] | None = None
        self._complaint = ""

    async def read(self, namespaces: Collection[str]) -> Snapshot | None:
        return await asyncio.to_thread(self._read, namespaces)

    async def write(self, writes: Sequence[Write]) -> bool:
        return await asyncio.to_thread(self._write, writes)

    def _state(self) -> tuple[int, ...] | None:
        """Changes whenever the file changes; None without the file."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self, namespaces: Collection[str]) -> Snapshot | None:
        state = self._state()
        if self._book is None or state != self._read_state:
            try:
                self._book = Book() if state is None else load_workbook(self.path)
            except (zipfile.BadZipFile, InvalidFileException, KeyError, OSError, ValueError) as error:
                # perhaps it is being saved right now
                self._complain(f"{self.path.name} cannot be read: {error}")
                return None
            self._read_state = state
            if state is None:
                self._book.remove(self._book.worksheets[0])
        titles = {sheet_title(namespace): namespace for namespace in namespaces}
        sheets = {
            titles[sheet.title]: _rows(sheet) for sheet in self._book.worksheets if sheet.title in titles
        }
        return Snapshot(sheets)

    def _write(self, writes: Sequence[Write]) -> bool:
        book = self._book
        if book is None or self._is_busy():
            return False
        self._book = None  # modified from here on: read again, whether or not it is saved
        for write in sorted(writes, key=_application_order):
            _apply(book, write)
        if not book.worksheets:
            return True  # a workbook needs a sheet
        return self._save(book)

    def _is_busy(self) -> bool:
        if locks := lock_files(self.path):
            self._complain(f"{self.path.name} is open elsewhere: close it there, or delete {locks[0].name}")
            return True
        self._complaint = ""
        return self._state() != self._read_state

    def _save(self, book: Book) -> bool:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".kubesheet-", suffix=".xlsx")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                book.save(file)
                file.flush()
                os.fsync(file.fileno())
            if self._read_state is None:
                temporary.chmod(0o644)
            else:
                copymode(self.path, temporary)
            if self._is_busy():
                return False
            temporary.replace(self.path)
        except OSError as error:
            self._complain(f"{self.path.name} cannot be written: {error}")
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            print(complaint, flush=True)
        self._complaint = complaint


def _header(sheet: Worksheet) -> tuple[int, dict[str, int]] | None:
    """The header's row and the columns' numbers: sorting or inserting may have moved both."""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        columns = {str(cell.value).strip(): cell.column for cell in reversed(row) if cell.value is not None}
        if all(name in columns for name in COLUMNS):
            return number, {name: columns[name] for name in COLUMNS}
    return None


def _numbers(sheet: Worksheet, header: int) -> list[int]:
    """The rows of the sheet that are rows of a snapshot."""
    return [number for number in range(1, sheet.max_row + 1) if number != header]


def _rows(sheet: Worksheet) -> list[list[Cell]]:
    found = _header(sheet)
    if found is None:
        return []
    header, columns = found
    return [
        [_value(sheet.cell(number, columns[name]).value) for name in COLUMNS]
        for number in _numbers(sheet, header)
    ]


def _value(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _application_order(write: Write) -> tuple[int, int]:
    """Cells first, then rows to delete from below, so that no number shifts before its use."""
    match write:
        case Set():
            return 0, 0
        case Delete(row=row):
            return 1, -row
        case Append():
            return 2, 0


def _apply(book: Book, write: Write) -> None:
    title = sheet_title(write.namespace)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    sheet = sheets.get(title) or book.create_sheet(title)
    header, columns = _header(sheet) or _make_header(sheet)
    match write:
        case Set(row=row, column=column, value=value):
            _set(sheet, _numbers(sheet, header)[row], columns[column], value)
        case Delete(row=row):
            sheet.delete_rows(_numbers(sheet, header)[row])
        case Append(cells=cells):
            last = sheet.max_row + 1
            for name, value in zip(COLUMNS, cells, strict=True):
                _set(sheet, last, columns[name], value)


def _make_header(sheet: Worksheet) -> tuple[int, dict[str, int]]:
    """Insert a header above the rows of the sheet."""
    if sheet.max_row > 1 or sheet.max_column > 1 or sheet.cell(1, 1).value is not None:
        sheet.insert_rows(1)
    for number, (name, width) in enumerate(zip(COLUMNS, _WIDTHS, strict=True), start=1):
        cell = sheet.cell(1, number, name)
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"
    return 1, {name: number for number, name in enumerate(COLUMNS, start=1)}


def _set(sheet: Worksheet, row: int, column: int, value: Cell) -> None:
    cell = sheet.cell(row, column)
    cell.value = _CONTROL.sub("", value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"  # a text that begins with "=" is no formula
