"""How long work goes on before others get their turn."""

import asyncio

import pytest

from gateway.informers.pace import Pace
from gateway.informers.timing import Clock


class Watch(Clock):
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


class Others:
    """They run in every turn of the loop that is theirs, and take their time."""

    def __init__(self, watch: Watch, takes: float) -> None:
        self.watch, self.takes = watch, takes
        self.turns = 0
        self._handle = asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self.turns += 1
        self.watch.time += self.takes
        self._handle = asyncio.get_running_loop().call_soon(self._run)

    def stop(self) -> None:
        self._handle.cancel()


async def pieces(watch: Watch, pace: Pace, others: Others, each: float) -> list[int]:
    """How many pieces of work are done in each of my turns."""
    done: dict[int, int] = {}
    for _ in range(200):
        watch.time += each
        done[others.turns] = done.get(others.turns, 0) + 1
        await pace.step()
    return list(done.values())


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(
    ("takes", "each", "at_once"),
    [
        (0.001, 0.001, 10),
        (0.001, 0.02, 1),
        (0.3, 0.015, 5),
        (10.0, 0.01, 10),
    ],
    ids=["others take little", "a piece is long", "others take long", "others take very long"],
)
async def test_a_turn_is_short_or_a_share_of_what_the_others_take(
    watch: Watch, takes: float, each: float, at_once: int
) -> None:
    others = Others(watch, takes)
    turns = await pieces(watch, Pace(watch), others, each)
    others.stop()
    assert set(turns[2:-1]) <= {at_once, at_once + 1}


async def test_a_turn_begins_anew_when_others_have_run_meanwhile(watch: Watch) -> None:
    """Work that waits for something by itself has given the loop away already."""
    others, pace = Others(watch, 0.001), Pace(watch)
    for _ in range(20):
        watch.time += 0.009
        before = others.turns
        await pace.step()
        assert others.turns == before
        await asyncio.sleep(0)
    others.stop()
