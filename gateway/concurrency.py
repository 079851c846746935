"""Concurrency primitives on top of asyncio: task ownership, cancellation, fairness, back-off.

- :class:`Tasks` owns background tasks: none outlives its owner, none fails unnoticed.
- :class:`StopSignal` cancels one task at its waits, and nowhere else.
- :class:`Notifier` wakes every waiter when a condition may have changed.
- :class:`Coalesced` lets concurrent calls with one key share one execution.
- :class:`LoopYielder` yields to the event loop by units of work, :class:`TimeSlice` by elapsed time, and
  :class:`Turnstile` by the elapsed time of all tasks together.
- :class:`Backoff` computes jittered, exponentially growing delays. :class:`Clock` is the injected clock.

This module is a leaf: it imports no other module of the gateway and does no I/O.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = [
    "Backoff",
    "Clock",
    "Coalesced",
    "LoopYielder",
    "Notifier",
    "StopSignal",
    "Stopped",
    "Tasks",
    "TimeSlice",
    "Turnstile",
]

logger = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Clock:
    """The event loop's clock and a random source; tests replace both."""

    def now(self) -> float:
        """The current time in seconds, on a monotonic scale."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def uniform(self, low: float, high: float) -> float:
        return random.uniform(low, high)  # noqa: S311 - jitter, not a secret


class Tasks:
    """Owns background tasks; :meth:`aclose` cancels and awaits the remaining ones.

    A task that raises is logged with its traceback.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the task %s failed", task.get_name(), exc_info=error)

    async def aclose(self) -> None:
        """Cancel all tasks and wait until they have finished."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Stopped(Exception):
    """A wait was abandoned because its :class:`StopSignal` was set."""


class StopSignal:
    """Stops one task at its waits: the task awaits through :meth:`wait`, any other task calls :meth:`stop`.

    Unlike task cancellation it never interrupts work between two waits.
    """

    _EXPIRED = 0.0
    """An event-loop time in the past."""

    def __init__(self) -> None:
        self._stopped = False
        self._waiting: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Cancel the wait in progress, else the next one. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(self._EXPIRED)

    def check(self) -> None:
        """Raise Stopped after :meth:`stop`."""
        if self._stopped:
            raise Stopped

    async def wait(self, work: Awaitable[T]) -> T:
        """Await ``work`` and return its result; raises Stopped after :meth:`stop` cancelled ``work``."""
        try:
            async with asyncio.timeout_at(self._EXPIRED if self._stopped else None) as waiting:
                self._waiting = waiting
                return await work
        except TimeoutError:
            if waiting.expired():
                raise Stopped from None
            raise
        finally:
            self._waiting = None


class Notifier:
    """Wakes all current waiters at once; a waiter checks its condition again after :meth:`wait` returns.

    Use: ``while not condition(): await notifier.wait()``.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake every waiter; a later :meth:`wait` waits for the next notification."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self) -> None:
        await self._changed.wait()


class _Execution(Generic[T]):
    """One shared execution and the number of its waiters."""

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.waiters = 0


class Coalesced(Generic[K, T]):
    """Concurrent calls with one key share one execution: its result, and its exception.

    Cancelling one waiter does not cancel the execution; cancelling the last waiter does.
    """

    def __init__(self) -> None:
        self._executions: dict[K, _Execution[T]] = {}

    def __len__(self) -> int:
        """The number of executions in progress."""
        return len(self._executions)

    async def run(self, key: K, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the execution in progress for ``key``, else of ``call()``."""
        execution = self._executions.get(key)
        if execution is None:
            execution = self._executions[key] = _Execution(asyncio.create_task(call()))
        execution.waiters += 1
        task = execution.task
        try:
            # asyncio.wait does not cancel the task when the waiter is cancelled
            await asyncio.wait([task])
            if (error := task.exception()) is not None:
                # all waiters raise the same instance: its traceback must not grow with each of them
                raise error.with_traceback(None)
            return task.result()
        finally:
            execution.waiters -= 1
            if self._executions.get(key) is execution and (task.done() or not execution.waiters):
                del self._executions[key]
            if not execution.waiters and not task.done():
                task.cancel()


class LoopYielder:
    """Yields to the event loop after ``every`` units of work (bytes, objects or steps)."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._done = 0

    async def after(self, amount: int = 1) -> None:
        """Count work that is done; yields when the units since the last yield reach ``every``."""
        self._done += amount
        if self._done >= self._every:
            self._done = 0
            await asyncio.sleep(0)


class Turnstile:
    """Bounds the heavy steps of all tasks together to some ``seconds`` per turn of the event loop.

    A hundred tasks that each yield after a step of 3 ms block the loop for 300 ms: all of them are ready in
    the same turn. Use: ``async with turnstile: step()``. A step waits for a later turn only when the steps of
    this turn have used up the time.
    """

    def __init__(self, seconds: float = 0.005) -> None:
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._began: float | None = None

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        loop = asyncio.get_running_loop()
        if self._began is not None and loop.time() - self._began >= self._seconds:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                self._lock.release()
                raise
        if self._began is None:
            self._began = loop.time()
            loop.call_soon(self._end_turn)

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    def _end_turn(self) -> None:
        self._began = None


class TimeSlice:
    """Yields to the event loop when a time slice is used up; call :meth:`step` after each piece of work.

    A slice lasts 10 ms while the other tasks need little time. When they need longer (delivering one event to
    thousands of subscribers), the next slice grows to a quarter of their time, 100 ms at most: several events
    are then delivered together, which costs each subscriber hardly more than one event.
    """

    _SHORTEST, _LONGEST = 0.01, 0.1
    _SHARE = 0.25

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = 0.0
        self._length = self._SHORTEST
        self._others_ran = True

    async def step(self) -> None:
        now = self._clock.now()
        if self._others_ran:
            self._begin(now)
        elif now - self._began >= self._length:
            await asyncio.sleep(0)
            later = self._clock.now()
            self._length = min(self._LONGEST, max(self._SHORTEST, (later - now) * self._SHARE))
            self._begin(later)

    def _begin(self, now: float) -> None:
        self._began = now
        self._others_ran = False
        asyncio.get_running_loop().call_soon(self._note_others)

    def _note_others(self) -> None:
        self._others_ran = True


class Backoff:
    """Delays between attempts, in seconds: ``first`` after the first failure, then doubled up to ``longest``.

    Each delay is drawn from the upper half of its range ("equal jitter"), so that clients do not retry in
    step. ``reset`` after a success starts again with ``first``.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        first: tuple[float, float] = (0.0, 0.2),
        shortest: float = 0.5,
        longest: float = 30.0,
    ) -> None:
        self._clock = clock
        self._first = first
        self._shortest = shortest
        self._longest = longest
        self._failures = 0

    def reset(self) -> None:
        """Forget the failures so far."""
        self._failures = 0

    def delay(self, retry_after: float | None = None) -> float:
        """Count one failure and return the delay before the next attempt.

        Never shorter than ``retry_after``, the server's ``Retry-After`` in seconds.
        """
        self._failures += 1
        delay = self._clock.uniform(*self._range())
        return delay if retry_after is None else max(delay, retry_after + self._clock.uniform(0.0, 0.5))

    def _range(self) -> tuple[float, float]:
        if self._failures == 1:
            return self._first
        # the exponent is capped because a float overflows at 2 ** 1024
        doubled = self._shortest * 2.0 ** min(self._failures - 1, 30)
        longest = min(self._longest, doubled)
        return longest / 2, longest
