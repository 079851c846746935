"""Task ownership, cancellation at waits, notification, fairness and back-off."""

import asyncio
import logging

import pytest

from gateway.concurrency import (
    Backoff,
    Clock,
    LoopYielder,
    Notifier,
    Stopped,
    StopSignal,
    Tasks,
    TimeSlice,
    Turnstile,
)


class SetClock(Clock):
    """A clock that shows the time a test sets; ``uniform`` returns the upper bound."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def uniform(self, low: float, high: float) -> float:
        return max(low, high)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


class TestTasks:
    async def test_closing_cancels_and_awaits_the_running_tasks(self) -> None:
        tasks, work = Tasks(), EndlessWork()
        task = tasks.start(work.run(), "endless")
        await work.begun.wait()
        assert len(tasks) == 1
        await tasks.aclose()
        assert task.cancelled()
        assert work.cancelled
        assert len(tasks) == 0

    async def test_a_failed_task_is_logged_with_its_name(self, caplog: pytest.LogCaptureFixture) -> None:
        async def fail() -> None:
            raise ValueError("broken")

        tasks = Tasks()
        with caplog.at_level(logging.ERROR):
            await asyncio.wait([tasks.start(fail(), "doomed")])
            await asyncio.sleep(0)
        assert "the task doomed failed" in caplog.text
        assert "broken" in caplog.text


class EndlessWork:
    """Waits forever and records its cancellation."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


class TestStopSignal:
    async def test_stop_cancels_the_wait_in_progress(self) -> None:
        signal, work = StopSignal(), EndlessWork()
        task = asyncio.create_task(signal.wait(work.run()))
        await work.begun.wait()
        signal.stop()
        signal.stop()
        with pytest.raises(Stopped):
            await task
        assert work.cancelled

    async def test_a_wait_after_stop_is_cancelled_at_once(self) -> None:
        signal, work = StopSignal(), EndlessWork()
        signal.check()
        signal.stop()
        with pytest.raises(Stopped):
            await signal.wait(work.run())
        with pytest.raises(Stopped):
            signal.check()

    async def test_stop_does_not_interrupt_work_between_two_waits(self) -> None:
        signal = StopSignal()
        reached = asyncio.Event()

        async def work() -> str:
            await signal.wait(asyncio.sleep(0))
            reached.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return "done"

        task = asyncio.create_task(work())
        await reached.wait()
        signal.stop()
        assert await task == "done"

    async def test_a_result_that_is_ready_before_stop_is_returned(self) -> None:
        signal = StopSignal()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(signal.wait(future))
        await asyncio.sleep(0)
        future.set_result(1)
        signal.stop()
        assert await task == 1

    async def test_timeout_errors_of_the_work_and_task_cancellation_pass_through(self) -> None:
        signal = StopSignal()

        async def fail() -> None:
            raise TimeoutError("its own")

        with pytest.raises(TimeoutError, match="its own"):
            await signal.wait(fail())
        task = asyncio.create_task(signal.wait(asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestNotifier:
    async def test_one_notification_wakes_all_current_waiters(self) -> None:
        notifier = Notifier()
        waiters = [asyncio.create_task(notifier.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        notifier.notify()
        await asyncio.wait_for(asyncio.gather(*waiters), 1)

    async def test_a_later_wait_needs_another_notification(self) -> None:
        notifier = Notifier()
        notifier.notify()
        waiter = asyncio.create_task(notifier.wait())
        await asyncio.sleep(0)
        assert not waiter.done()
        notifier.notify()
        await asyncio.wait_for(waiter, 1)


async def test_the_loop_yielder_yields_once_per_given_units_of_work() -> None:
    loop_turns = 0

    async def count_turns() -> None:
        nonlocal loop_turns
        while True:
            loop_turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count_turns())
    await asyncio.sleep(0)
    before, yielder = loop_turns, LoopYielder(every=10)
    for _ in range(10):
        await yielder.after(3)
    other.cancel()
    # 30 units in steps of 3: yields after units 12 and 24
    assert loop_turns - before == 2


class OtherTasks:
    """Runs one callback in each turn of the event loop; each takes ``seconds`` of the clock."""

    def __init__(self, clock: SetClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.turns = 0
        self._handle = asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self.turns += 1
        self.clock.time += self.seconds
        self._handle = asyncio.get_running_loop().call_soon(self._run)

    def stop(self) -> None:
        self._handle.cancel()


class TestTimeSlice:
    @pytest.mark.parametrize(
        ("others_take", "piece_takes", "pieces_per_slice"),
        [
            (0.001, 0.001, 10),
            (0.001, 0.02, 1),
            (0.3, 0.015, 5),
            (10.0, 0.01, 10),
        ],
        ids=["others take little", "a piece is long", "others take long", "others take very long"],
    )
    async def test_a_slice_is_short_or_a_share_of_the_time_of_the_others(
        self, clock: SetClock, others_take: float, piece_takes: float, pieces_per_slice: int
    ) -> None:
        others = OtherTasks(clock, others_take)
        counts = await self.pieces_per_turn(clock, TimeSlice(clock), others, piece_takes)
        others.stop()
        assert set(counts[2:-1]) <= {pieces_per_slice, pieces_per_slice + 1}

    async def pieces_per_turn(
        self, clock: SetClock, time_slice: TimeSlice, others: OtherTasks, piece_takes: float
    ) -> list[int]:
        """Do 200 pieces of work; how many of them fell between two turns of the other tasks."""
        done: dict[int, int] = {}
        for _ in range(200):
            clock.time += piece_takes
            done[others.turns] = done.get(others.turns, 0) + 1
            await time_slice.step()
        return list(done.values())

    async def test_a_slice_begins_anew_after_the_work_itself_has_waited(self, clock: SetClock) -> None:
        others, time_slice = OtherTasks(clock, 0.001), TimeSlice(clock)
        for _ in range(20):
            clock.time += 0.009
            before = others.turns
            await time_slice.step()
            assert others.turns == before
            await asyncio.sleep(0)
        others.stop()


class TestTurnstile:
    async def test_steps_of_many_tasks_take_one_turn_each_once_the_time_is_used_up(self) -> None:
        turnstile, steps, turns = Turnstile(0), 0, 0

        async def step() -> None:
            nonlocal steps
            async with turnstile:
                steps += 1

        tasks = [asyncio.create_task(step()) for _ in range(50)]
        while not all(task.done() for task in tasks):
            before = steps
            await asyncio.sleep(0)
            assert steps - before <= 1
            turns += 1
        assert turns >= 50

    async def test_steps_share_a_turn_while_there_is_time(self) -> None:
        turnstile, turns = Turnstile(3600), 0

        async def steps() -> None:
            for _ in range(50):
                async with turnstile:
                    pass

        task = asyncio.create_task(steps())
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns <= 2

    async def test_a_cancelled_wait_blocks_no_other_task(self) -> None:
        turnstile = Turnstile(0)

        async def step() -> None:
            async with turnstile:
                pass

        tasks = [asyncio.create_task(step()) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks[1:5]:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.wait_for(step(), 5)


class TestBackoff:
    def test_delays_double_up_to_the_longest_and_begin_again_after_a_reset(self, clock: SetClock) -> None:
        backoff = Backoff(clock)
        delays = [backoff.delay() for _ in range(9)]
        assert delays == pytest.approx([0.2, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0])
        backoff.reset()
        assert backoff.delay() == pytest.approx(0.2)

    def test_a_delay_is_at_least_the_retry_after_of_the_server(self, clock: SetClock) -> None:
        backoff = Backoff(clock)
        assert backoff.delay(retry_after=5) == pytest.approx(5.5)
        assert backoff.delay(retry_after=0.1) == pytest.approx(1.0)

    def test_each_delay_is_drawn_from_the_upper_half_of_its_range(self) -> None:
        backoff = Backoff(Clock(), longest=8.0)
        for _ in range(10):
            backoff.delay()
        delays = [backoff.delay() for _ in range(100)]
        assert all(4.0 <= delay <= 8.0 for delay in delays)
        assert len(set(delays)) > 1

    def test_thousands_of_failures_do_not_overflow(self, clock: SetClock) -> None:
        backoff = Backoff(clock)
        assert {backoff.delay() for _ in range(5000)} == {0.2, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0}
