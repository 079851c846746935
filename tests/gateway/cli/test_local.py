"""Output on a non-blocking, unbuffered pipe is complete."""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.cli.local import write_out

TEXT = "ä\n" * 300_000


def test_partial_writes_to_a_pipe_are_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with ThreadPoolExecutor(1) as pool, Path(f"/dev/fd/{reader}").open("rb") as reading:
        os.close(reader)
        received = pool.submit(reading.read)
        with io.TextIOWrapper(os.fdopen(writer, "wb", buffering=0), write_through=True) as unbuffered:
            monkeypatch.setattr(sys, "stdout", unbuffered)
            write_out(TEXT)
            monkeypatch.undo()
        assert received.result() == TEXT.encode()
