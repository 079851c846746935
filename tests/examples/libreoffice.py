"""LibreOffice Calc without a window, which edits a cell of a workbook."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.requirements import unavailable
from tests.fixtures.waiting import wait_until

__all__ = ["edited_in_libreoffice"]

_MACRO = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script"
 script:name="Module1" script:language="StarBasic">
Sub Main
  Dim options(0) As New com.sun.star.beans.PropertyValue
  options(0).Name = "Hidden"
  options(0).Value = True
  book = StarDesktop.loadComponentFromURL(ConvertToURL(Environ("BOOK")), "_blank", 0, options())
  sheet = book.Sheets.getByName(Environ("SHEET"))
  sheet.getCellRangeByName(Environ("CELL")).setFormula(Environ("CONTENT"))
  book.store()
  Open Environ("MARK") + ".saved" For Output As #1
  Close #1
  Do While Not FileExists(Environ("MARK") + ".close")
    Wait 100
  Loop
  book.close(True)
End Sub
</script:module>
"""


@contextmanager
def edited_in_libreoffice(directory: Path, book: Path, sheet: str, cell: str, content: str) -> Iterator[None]:
    """Open a workbook, change one cell and save; the workbook stays open until the end of the block."""
    soffice = shutil.which("soffice")
    if soffice is None:
        unavailable("office", "LibreOffice is not installed", "apt-get install libreoffice-calc")
    profile, mark = directory / "profile", directory / "mark"
    command = [soffice, "--headless", "--norestore", "--nologo", f"-env:UserInstallation={profile.as_uri()}"]
    subprocess.run([*command, "--terminate_after_init"], check=True, capture_output=True, timeout=90)
    (profile / "user/basic/Standard/Module1.xba").write_text(_MACRO)
    task = {"BOOK": str(book), "SHEET": sheet, "CELL": cell, "CONTENT": content, "MARK": str(mark)}
    with subprocess.Popen(
        [*command, "macro:///Standard.Module1.Main"],
        env={**os.environ, **task},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as office:
        try:
            wait_until(mark.with_suffix(".saved").exists, f"LibreOffice to save {book.name}")
            yield
        finally:
            mark.with_suffix(".close").touch()
            office.wait(60)
