"""A short fuzz run; ``make fuzz`` is the long one.

Covers ``bench/fuzz/``.
"""

from pathlib import Path

import pytest

from bench.fuzz.inputs import Inputs
from bench.fuzz.messages import has_no_answer
from bench.fuzz.run import ALLOWED_GROWTH, MEGABYTE, fuzz, growth
from tests.fixtures.gateways import start_gateway


async def test_random_inputs_find_no_fault(tmp_path: Path) -> None:
    with start_gateway(tmp_path, "--demo") as gateway:
        run = await fuzz(gateway, range(900), seed=7)
    assert run.findings == []
    assert run.counts["messages"] == 300
    assert run.counts["bodies"] > 550
    assert run.counts["status 200"] > 50


def test_an_input_depends_on_the_seed_and_its_number_only() -> None:
    assert Inputs(1, 7).body() == Inputs(1, 7).body()
    assert len({Inputs(1, 7).body(), Inputs(1, 8).body(), Inputs(2, 7).body()}) == 3


@pytest.mark.parametrize(
    ("subprotocol", "message", "silent"),
    [
        ("graphql-transport-ws", '{"type": "pong"}', True),
        ("graphql-transport-ws", '{"type": "complete", "id": "1"}', True),
        ("graphql-transport-ws", '{"type": "ping"}', False),
        ("graphql-ws", '{"type": "stop", "id": "1"}', True),
        ("graphql-ws", '{"type": "pong"}', False),
        ("graphql-ws", "[]", False),
        ("graphql-ws", b"\xff", False),
    ],
)
def test_only_some_messages_have_no_answer(subprotocol: str, message: str | bytes, silent: bool) -> None:
    assert has_no_answer(subprotocol, message) == silent


def test_growth_ignores_the_warm_up() -> None:
    assert growth([10, 50, 60, 60, 60, 60, 60, 60]) == 0
    leak = [100 * MEGABYTE + number * 4 * MEGABYTE for number in range(16)]
    assert growth(leak) > ALLOWED_GROWTH
