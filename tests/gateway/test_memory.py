"""The garbage collector pauses, finalizers run in threads, and memory is returned or moved to huge pages."""

import ctypes
import gc
import mmap
import re
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.memory import (
    Holes,
    collapse_heap,
    collapsible,
    collection_paused,
    invisible_to_collector,
    on_release,
    return_large_blocks,
)
from tests.fixtures.garbage import collector_restored, freeze

pytestmark = pytest.mark.usefixtures("collector")


@pytest.fixture(autouse=True, scope="module")
def _frozen_objects() -> Iterator[None]:
    """Free the objects that the tests have frozen."""
    yield
    freeze()


@pytest.fixture
def collector() -> Iterator[None]:
    with collector_restored():
        yield


class Owner:
    """An object that a weak reference can refer to."""


class Node:
    """An object in a cycle with itself."""

    def __init__(self) -> None:
        self.itself = self


def test_collection_stays_paused_until_the_outermost_block_ends() -> None:
    with collection_paused():
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_pause_does_not_enable_a_disabled_collector() -> None:
    gc.disable()
    with collection_paused():
        pass
    assert not gc.isenabled()


def test_overlapping_pauses_of_two_threads_end_with_the_last_one() -> None:
    entered, leave = threading.Event(), threading.Event()

    def pause() -> None:
        with collection_paused():
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=pause)
    thread.start()
    assert entered.wait(60)
    with collection_paused():
        pass
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_the_collector_frees_older_garbage_and_ignores_objects_of_the_block() -> None:
    older = weakref.ref(Node())
    with invisible_to_collector():
        newer = weakref.ref(Node())
    gc.collect()
    assert older() is None
    assert newer() is not None


def test_a_release_runs_in_another_thread_after_the_owner_is_freed() -> None:
    threads: list[threading.Thread] = []
    released = threading.Event()

    def release() -> None:
        threads.append(threading.current_thread())
        released.set()

    owner = Owner()
    on_release(owner, release, "release")
    assert not released.is_set()
    del owner
    assert released.wait(60)
    assert [thread.name for thread in threads] == ["release"]


def test_the_allocator_threshold_is_set_through_mallopt(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    return_large_blocks()
    assert calls == [(-3, 4 << 20)]


def test_a_c_library_without_mallopt_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    return_large_blocks()


def test_freed_memory_is_found_once_whenever_sixteen_megabytes_have_become_free() -> None:
    holes = Holes()
    sizes = [100, 90, 105, 107, 107, 130, 20, 35, 36, 40]
    found = [size for size in sizes if holes.found(size << 20)]
    assert found == [107, 130, 36]


def mapping(head: str, size: int, resident: int, huge: int) -> str:
    return f"""{head}
Size:           {size:8} kB
KernelPageSize:        4 kB
Rss:            {resident:8} kB
AnonHugePages:  {huge:8} kB
THPeligible:           1
VmFlags: rd wr mr mw me ac
"""


HEAP = "7f0000300000-7f0000c80000 rw-p 00000000 00:00 0"


@pytest.mark.parametrize(
    ("head", "size", "resident", "huge", "expected"),
    [
        (HEAP, 9728, 9700, 0, [(0x7F0000400000, 0x7F0000C00000)]),
        (HEAP.replace("7f0000300000", "7f0000400000"), 8704, 8704, 0, [(0x7F0000400000, 0x7F0000C00000)]),
        (f"{HEAP}      [heap]", 9728, 9728, 4096, [(0x7F0000400000, 0x7F0000C00000)]),
        (HEAP, 9728, 9728, 8192, []),
        (HEAP, 9728, 8000, 0, []),
        (HEAP.replace("c80000", "500000"), 2048, 2048, 0, []),
        (HEAP.replace("rw-p", "r--p"), 9728, 9728, 0, []),
        (HEAP.replace("rw-p", "rw-s"), 9728, 9728, 0, []),
        (f"{HEAP}      [stack]", 9728, 9728, 0, []),
        ("7f0000300000-7f0000c80000 rw-p 00000000 fe:00 18710   /usr/lib/libpython3.so", 9728, 9728, 0, []),
    ],
    ids=[
        "unaligned",
        "aligned",
        "heap",
        "moved before",
        "with gaps",
        "without a whole page",
        "read-only",
        "shared",
        "stack",
        "file",
    ],
)
def test_resident_anonymous_memory_is_worth_huge_pages(
    head: str, size: int, resident: int, huge: int, expected: list[tuple[int, int]]
) -> None:
    others = mapping("7ffc0000-7ffd0000 rw-p 00000000 00:00 0      [stack]", 64, 64, 0)
    assert collapsible(others + mapping(head, size, resident, huge) + others) == expected


@pytest.mark.parametrize(
    "smaps",
    [
        "",
        HEAP,
        f"{HEAP}\nSize: 9728 kB\n",
        f"{HEAP}\nRss: 0 kB\n",
        "7f0000300000-7f0000c80000\nSize: 9728 kB\nRss: 9728 kB\n",
    ],
    ids=["empty", "no sizes", "no resident size", "nothing resident", "addresses only"],
)
def test_a_kernel_that_leaves_out_sizes_moves_nothing(smaps: str) -> None:
    assert collapsible(smaps) == []


def test_memory_in_huge_pages_keeps_its_content() -> None:
    before = _kilobytes_in_huge_pages()
    # mapped on its own: anonymous, private and resident
    with mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        content = bytes(range(256)) * (len(memory) >> 8)
        memory[:] = content
        moved = collapse_heap()
        assert memory[:] == content
        # a kernel before Linux 6.1 moves none
        assert bool(moved) == (_kilobytes_in_huge_pages() > before)


def _kilobytes_in_huge_pages() -> int:
    found = re.search(r"AnonHugePages:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


def test_a_c_library_without_madvise_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert collapse_heap() is None
