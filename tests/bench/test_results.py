"""The recorded results and the documentation that quotes them agree."""

from pathlib import Path

from bench.results import RESULTS, Run, record
from bench.tables import Aim, Measure, Row, Table, Unit

ROOT = Path(__file__).parents[2]
LATEST = Run.load(RESULTS / "latest.json")


def _between(marker: str, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text.partition(f"<!-- {marker} -->\n")[2].partition(f"<!-- /{marker} -->")[0]


def test_the_latest_tables_have_the_latest_samples() -> None:
    assert (RESULTS / "latest.md").read_text(encoding="utf-8") == LATEST.markdown()


def test_the_documentation_quotes_the_latest_run() -> None:
    assert _between("bench", ROOT / "docs/performance.md") == LATEST.headlines()
    assert _between("figures", ROOT / "README.md") == LATEST.highlights()


def test_the_readme_has_five_lines_of_figures() -> None:
    assert len(LATEST.highlights().splitlines()) == 2 + 5


def test_a_run_is_recorded_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    documents = {"figures": tmp_path / "README.md", "bench": tmp_path / "docs" / "performance.md"}
    for marker, path in documents.items():
        path.write_text(f"before\n<!-- {marker} -->\nold\n<!-- /{marker} -->\nafter\n")
    raw = Row("raw", Unit.MILLISECONDS, {5000: [10.0]})
    live = Row("live list", Unit.MILLISECONDS, {5000: [15.0]}, "raw", [Aim(5000, Measure.RATIO, 1.25)])
    run = Run([Table("Reads", "pods", [5000], [raw, live])], "here", "2026-01-02T03:04:05Z")
    record(run, tmp_path, tmp_path)
    for marker, expected in (("figures", run.highlights()), ("bench", run.headlines())):
        assert (
            documents[marker].read_text()
            == f"before\n<!-- {marker} -->\n{expected}<!-- /{marker} -->\nafter\n"
        )
    assert "- live list, 5,000 pods: 1.50, aim ≤ 1.25 ×\n" in run.headlines()
    assert Run.load(tmp_path / "latest.json").markdown() == run.markdown()


def test_a_run_of_one_subject_replaces_only_its_own_tables(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for path in (tmp_path / "README.md", tmp_path / "docs" / "performance.md"):
        path.write_text("")

    def table(title: str, value: float) -> Table:
        return Table(title, "pods", [1], [Row("row", Unit.MILLISECONDS, {1: [value]})])

    whole = Run([table("Reads", 1), table("Fan-out", 2)], "here", "2026-01-02T03:04:05Z")
    record(whole, tmp_path, tmp_path)
    record(
        Run([table("Fan-out", 3), table("Writes", 4)], "there", "2026-02-02T03:04:05Z"), tmp_path, tmp_path
    )

    recorded = Run.load(tmp_path / "latest.json")
    figures = [(table.title, table.rows[0].samples[1], table.environment) for table in recorded.tables]
    assert figures == [("Reads", [1], ""), ("Fan-out", [3], "there"), ("Writes", [4], "there")]
    assert "Measured in a run of its own: there." in recorded.markdown()
    record(whole, tmp_path, tmp_path)
    assert len(Run.load(tmp_path / "latest.json").tables) == 3
