"""The garbage collector pauses, finalizers run in threads, and glibc returns large blocks."""

import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from gateway.memory import Holes, collection_paused, invisible_to_collector, on_release, return_large_blocks
from tests.fixtures.garbage import collector_restored

pytestmark = pytest.mark.usefixtures("collector")


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
