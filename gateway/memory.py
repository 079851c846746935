"""The one owner of memory tricks on the gateway's side: the garbage collector, the finalizer, the allocator.

**Why.** The model of a cluster with 500 custom resource definitions has 100,000 objects. They live as long as
the process, or until a CRD changes and a new model replaces them. Introspection builds graphql-core types for
all of them, another 300,000 objects, and frees these afterwards.

- *A full collection stops every thread.* It visits all of these objects, at half a microsecond each. The
  event loop waits, and so does every subscriber.
- *A collection during a build finds nothing.* Imports and a first model create 200,000 objects that all stay:
  collecting in between costs 0.2 s of start-up time.
- *graphql-core's types are cyclic.* Reference counts alone do not free a replaced schema.
- *glibc keeps freed blocks.* After its first large block is freed, glibc serves later blocks of that size
  from the heap, and each list of 30 MB leaves a hole there. An answer that is built from many small parts
  leaves a hole, too: one live block above them keeps all of them.
- *Python's heap is spread over thousands of pages.* A request that follows the work of other processes misses
  the processor's cache of page addresses (TLB) for most of them.

**How.** A process passes through these steps:

1. :func:`defer_collection` disables the collector before imports and the first build.
2. :func:`begin_collection` freezes the result (``gc.freeze``), so that no later collection visits it, raises
   the threshold of the youngest generation, and enables the collector.
3. :func:`invisible_to_collector` surrounds the build of each replacement schema: no collection runs inside,
   and the result is frozen in the same way.
4. :func:`on_release` frees a replaced schema's types in a thread. Nothing but reference counts can free
   frozen objects; ``schema.memory`` breaks the cycles among the types.
5. :func:`collect` runs when a change of the schema has settled: the objects around a schema (operations,
   closures, the adapter to Strawberry) are in ordinary cycles and hold it until then.

:func:`collection_paused` is for short work that creates and frees many objects in one go (introspection).
:func:`return_large_blocks` fixes the allocator's threshold. :func:`return_freed_memory` returns the free
memory between smaller blocks after large answers. :func:`use_huge_pages` moves the heap to pages of 2 MiB: a
request after an idle moment takes 0.3 ms less processor time, of 2 to 3 ms.

**Invariants.** Frozen objects that are part of a cycle must have an owner that breaks the cycle: else they
leak. ``execution.strawberry_schema`` therefore refers back to itself through ``weakref.proxy`` only.

Delete this module when graphql-core can build types without cycles, or free them explicitly.
This module is a leaf: it imports no other module of the gateway.
"""

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from weakref import finalize

__all__ = [
    "begin_collection",
    "collect",
    "collection_paused",
    "defer_collection",
    "enable_collection",
    "invisible_to_collector",
    "on_release",
    "return_freed_memory",
    "return_large_blocks",
    "use_huge_pages",
]

_THRESHOLDS = 10_000, 2, 2
"""CPython's default is 700 allocations between two collections of the youngest generation; with 1,000
subscribers those cost a tenth of a message's CPU time. The lower factors for the older generations keep their
collections as frequent as by default."""

_CHECK_SECONDS = 2.0
_HOLE_BYTES = 16 << 20
"""Freed memory from which on it is returned to the system."""
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 4 << 20
_MADV_COLLAPSE = 25
_HUGE_PAGE_BYTES = 2 << 20
_HUGE_PAGES_AFTER_SECONDS = 10.0
"""From the start on: a process that ends sooner saves the copy."""
_HUGE_PAGES_EVERY_SECONDS = 600.0
_MOSTLY_RESIDENT = 0.9
"""The smallest part of a mapping in memory that is worth huge pages: these fill the gaps, too."""


def defer_collection() -> None:
    """Disable the collector for start-up; :func:`begin_collection` or :func:`enable_collection` follows."""
    gc.disable()


def enable_collection() -> None:
    """Enable the collector as CPython has it, in a process that builds no schema."""
    gc.enable()


def begin_collection() -> None:
    """Exclude all objects of now from later collections and enable the collector."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


def collect() -> None:
    """Run a full collection; it does not visit frozen objects."""
    gc.collect()


class _Pauses:
    """The number of blocks that currently suspend collection, over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._was_enabled = False

    def begin(self) -> None:
        with self._lock:
            if self._count == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_enabled:
                gc.enable()


_pauses = _Pauses()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Suspend collection inside the block, in all threads; reference counts free objects as usual."""
    _pauses.begin()
    try:
        yield
    finally:
        _pauses.end()


@contextmanager
def invisible_to_collector() -> Iterator[None]:
    """Exclude all objects that the block creates from later collections.

    A full collection comes first: ``gc.freeze`` would make the garbage of now permanent.
    """
    gc.collect()
    with collection_paused():
        yield
        gc.freeze()


def on_release(owner: object, release: Callable[[], object], thread_name: str) -> None:
    """Call ``release`` in a daemon thread once ``owner`` is freed; not at interpreter exit.

    ``release`` must not hold a reference to ``owner``.
    """

    def start() -> None:
        threading.Thread(target=release, name=thread_name, daemon=True).start()

    finalize(owner, start).atexit = False


def return_large_blocks() -> None:
    """Make glibc return blocks of 4 MiB and more to the system as soon as they are freed.

    Saves 40 MB after a few lists of 5,000 pods. Does nothing without glibc.
    """
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
    except (OSError, AttributeError, TypeError):
        return


class _Allocations(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = (
        ("arena", ctypes.c_size_t),
        ("blocks", ctypes.c_size_t * 6),
        ("used", ctypes.c_size_t),
        ("free", ctypes.c_size_t),
        ("on_top", ctypes.c_size_t),
    )


class Holes:
    """Recognises when much memory has been freed since it was last returned; sizes are in bytes.

    Returned memory stays part of the allocator's free memory. Therefore the smallest size since then counts.
    """

    def __init__(self) -> None:
        self._smallest: int | None = None

    def found(self, free: int) -> bool:
        """Whether to return memory, now that ``free`` bytes are free; the next call begins anew if so."""
        if self._smallest is None or free < self._smallest:
            self._smallest = free
        if free - self._smallest < _HOLE_BYTES:
            return False
        self._smallest = free
        return True


async def return_freed_memory() -> None:
    """Return freed memory to the system every few seconds, until cancelled; without glibc, return at once."""
    import asyncio  # noqa: PLC0415  (the command line imports this module for its help, too)

    try:
        libc = ctypes.CDLL(None)
        allocations, trim = libc.mallinfo2, libc.malloc_trim
    except (OSError, AttributeError, TypeError):
        return
    allocations.restype = _Allocations
    holes = Holes()
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        if holes.found(allocations().free):
            # tens of milliseconds for hundreds of megabytes, without the interpreter's lock
            await asyncio.to_thread(trim, 0)


async def use_huge_pages() -> None:
    """Move the heap to huge pages at times, until cancelled; return at once where the kernel has none.

    Needs Linux 6.1 (``madvise(2)``, MADV_COLLAPSE); ``/sys/kernel/mm/transparent_hugepage`` does not matter.
    A huge page also fills the gaps between resident pages: the memory in use grows by a tenth at most.
    """
    import asyncio  # noqa: PLC0415  (as above)

    for seconds in chain((_HUGE_PAGES_AFTER_SECONDS,), repeat(_HUGE_PAGES_EVERY_SECONDS)):
        await asyncio.sleep(seconds)
        # 20 ms for 30 MB, without the interpreter's lock
        if await asyncio.to_thread(collapse_heap) is None:
            return


def collapse_heap() -> int | None:
    """Move anonymous memory to huge pages; returns the bytes moved, None if the kernel refuses all."""
    try:
        mappings = Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace")
        advise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError, TypeError):
        return None
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    ranges = collapsible(mappings)
    moved = [end - start for start, end in ranges if advise(start, end - start, _MADV_COLLAPSE) == 0]
    return sum(moved) if moved or not ranges else None


def collapsible(smaps: str) -> list[tuple[int, int]]:
    """The addresses (begin, end) of anonymous private memory that is resident, but not in huge pages.

    ``smaps`` has the format of ``/proc/PID/smaps``. The addresses are multiples of the size of a huge page.
    """
    return [whole for mapping in _mappings(smaps) if (whole := _whole_pages(*mapping))]


def _mappings(smaps: str) -> Iterator[tuple[list[str], dict[str, int]]]:
    """The head of each mapping, split, and its sizes in KiB by name."""
    head: list[str] = []
    sizes: dict[str, int] = {}
    for words in filter(None, map(str.split, smaps.splitlines())):
        if not words[0].endswith(":"):
            if head:
                yield head, sizes
            head, sizes = words, {}
        elif words[-1] == "kB":
            sizes[words[0]] = int(words[1])
    if head:
        yield head, sizes


def _whole_pages(head: list[str], sizes: dict[str, int]) -> tuple[int, int] | None:
    # a sandbox with a kernel of its own (gVisor) may leave out columns and sizes
    addresses, rights, inode, path = head[0], head[1:2], head[4:5], head[5:]
    if rights != ["rw-p"] or inode != ["0"] or path not in ([], ["[heap]"]):
        return None
    size, resident, huge = (sizes.get(name, 0) for name in ("Size:", "Rss:", "AnonHugePages:"))
    if resident < max(1, _MOSTLY_RESIDENT * size):
        return None
    begin, end = (int(address, 16) for address in addresses.split("-"))
    begin, end = -(-begin // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES, end // _HUGE_PAGE_BYTES * _HUGE_PAGE_BYTES
    return (begin, end) if end - begin > huge << 10 else None
