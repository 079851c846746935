"""Tables of samples: cells, ratios and verdicts on aims."""

import pytest

from bench.tables import Aim, Measure, Row, Table, Unit

RAW = Row("raw", Unit.MILLISECONDS, {5: [10, 20, 30], 50: [200]})


def table(*aims: Aim) -> Table:
    ours = Row("ours", Unit.MILLISECONDS, {5: [25, 24, 26]}, "raw", aims)
    return Table("Reads", "pods", [5, 50], [RAW, ours])


def test_a_cell_has_median_range_and_ratio() -> None:
    assert "| ours | 25.0 (24.0–26.0) ms, 1.25 × | – |  |" in table().markdown()


def test_one_sample_has_no_range() -> None:
    assert "| raw | 20.0 (10.0–30.0) ms | 200 ms |  |" in table().markdown()


@pytest.mark.parametrize(
    ("aim", "words"),
    [
        (Aim(5, Measure.RATIO, 1.25), "≤ 1.25 × at 5: met"),
        (Aim(5, Measure.RATIO, 1.2), "≤ 1.2 × at 5: **missed** (1.25)"),
        (Aim(5, Measure.DIFFERENCE, 4), "≤ 4 ms more at 5: **missed** (5.00)"),
        (Aim(5, Measure.LARGEST, 25), "≤ 25 ms at 5: **missed** (26.0)"),
        (Aim(5, Measure.MEDIAN, 25), "≤ 25 ms at 5: met"),
        (Aim(5, Measure.MEDIAN, 26, least=True), "≥ 26 ms at 5: **missed** (25.0)"),
        (Aim(50, Measure.MEDIAN, 25), "≤ 25 ms at 50: not measured"),
    ],
)
def test_a_cell_states_whether_the_aim_is_met(aim: Aim, words: str) -> None:
    assert f"| {words} |" in table(aim).markdown()
