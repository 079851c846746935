"""What is printed arrives, however it is taken."""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.cli.output import write_out

TEXT = "ä\n" * 300_000


def test_a_pipe_that_takes_a_part_at_a_time_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with ThreadPoolExecutor(1) as pool, Path(f"/dev/fd/{reader}").open("rb") as taken:
        os.close(reader)
        everything = pool.submit(taken.read)
        with io.TextIOWrapper(os.fdopen(writer, "wb", buffering=0), write_through=True) as unbuffered:
            monkeypatch.setattr(sys, "stdout", unbuffered)
            write_out(TEXT)
            monkeypatch.undo()
        assert everything.result() == TEXT.encode()
