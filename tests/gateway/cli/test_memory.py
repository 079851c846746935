"""Large blocks go back to the system where the C library can do that, and nothing happens elsewhere."""

import ctypes
from types import SimpleNamespace

import pytest

from gateway.cli.memory import return_large_blocks


def test_the_c_library_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    return_large_blocks()
    assert asked == [(-3, 4 << 20)]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    return_large_blocks()
