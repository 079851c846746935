import asyncio

import pytest

from gateway.informers.stopping import Stopped, Stopping


class Work:
    """Waits for ever, and notes when it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def test_what_is_waited_for_is_cancelled() -> None:
    stopping, work = Stopping(), Work()
    task = asyncio.create_task(stopping.wait(work.run()))
    await work.begun.wait()
    stopping.stop()
    stopping.stop()
    with pytest.raises(Stopped):
        await task
    assert work.cancelled


async def test_after_that_nothing_is_waited_for_any_more() -> None:
    stopping, work = Stopping(), Work()
    stopping.stop()
    with pytest.raises(Stopped):
        await stopping.wait(work.run())


async def test_what_happens_between_two_waits_is_not_interrupted() -> None:
    stopping = Stopping()
    reached = asyncio.Event()

    async def work() -> str:
        await stopping.wait(asyncio.sleep(0))
        reached.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    task = asyncio.create_task(work())
    await reached.wait()
    stopping.stop()
    assert await task == "done"


async def test_what_there_is_already_is_had() -> None:
    stopping = Stopping()
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(stopping.wait(future))
    await asyncio.sleep(0)
    future.set_result(1)
    stopping.stop()
    assert await task == 1


async def test_a_timeout_of_the_work_itself_and_a_cancellation_are_what_they_are() -> None:
    stopping = Stopping()

    async def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await stopping.wait(fail())
    task = asyncio.create_task(stopping.wait(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
