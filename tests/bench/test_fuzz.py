"""A short fuzz run; ``make fuzz`` is the long one."""

from pathlib import Path

from bench.fuzz import ALLOWED_GROWTH, MEGABYTE, fuzz, growth
from tests.fixtures.gateways import start_gateway


async def test_random_documents_bodies_and_messages_find_no_fault(tmp_path: Path) -> None:
    with start_gateway(tmp_path, "--demo") as gateway:
        run = await fuzz(gateway, 900, seed=7)
    assert run.findings == []
    assert run.counts["bodies"] == 600
    assert run.counts["messages"] == 300
    assert run.counts["status 200"] > 50


def test_growth_ignores_the_warm_up() -> None:
    assert growth([10, 50, 60, 60, 60, 60, 60, 60]) == 0
    leak = [100 * MEGABYTE + number * 4 * MEGABYTE for number in range(16)]
    assert growth(leak) > ALLOWED_GROWTH
