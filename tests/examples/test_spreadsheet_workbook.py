"""The spreadsheet example with a workbook on disk: the file, and the program on both API servers.

Covers ``examples/spreadsheet/kubesheet/cluster.py``, ``examples/spreadsheet/kubesheet/sync.py`` and
``examples/spreadsheet/kubesheet/workbook.py``.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook as Book
from openpyxl import load_workbook

from kubesheet.__main__ import main
from kubesheet.engine import Append, Delete, Set, Snapshot, Write
from kubesheet.workbook import Workbook, sheet_title
from tests.examples.libreoffice import edited_in_libreoffice
from tests.fixtures.api import core, deployment, grant, grouped
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.processes import Process, start_process
from tests.fixtures.tap import Refusal
from tests.fixtures.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "spreadsheet"
HEADER = ("Deployment", "Desired", "Actual", "Ready", "Image", "Note")
WEB = ("web", 3, 3, 3, "nginx:1", None)
API = ("api", 2, 2, 2, "api:1", None)


def contents(path: Path, title: str = "shop") -> list[tuple[Any, ...]]:
    return list(load_workbook(path)[title].iter_rows(values_only=True))


def read(backend: Workbook, *namespaces: str) -> Snapshot | None:
    return asyncio.run(backend.read(namespaces))


def write(backend: Workbook, *writes: Write) -> bool:
    return asyncio.run(backend.write(writes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A workbook with ``api`` and ``web`` in the sheet ``shop``."""
    path = tmp_path / "book.xlsx"
    backend = Workbook(path)
    assert read(backend, "shop") is not None
    assert write(backend, Append("shop", API), Append("shop", WEB))
    return path


def test_a_missing_workbook_is_made(path: Path) -> None:
    assert contents(path) == [HEADER, API, WEB]
    assert load_workbook(path).sheetnames == ["shop"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_cells_are_set_rows_deleted_and_appended_in_one_write(path: Path) -> None:
    backend = Workbook(path)
    snapshot = read(backend, "shop")
    assert snapshot is not None
    assert [tuple(row) for row in snapshot.sheets["shop"]] == [API, WEB]
    new = ("new", 1, 0, 0, "new:1", None)
    assert write(backend, Set("shop", 1, "Desired", 4), Delete("shop", 0), Append("shop", new))
    assert contents(path) == [HEADER, ("web", 4, *WEB[2:]), new]


@pytest.mark.parametrize("lock", [".~lock.book.xlsx#", "~$book.xlsx"], ids=["LibreOffice", "Excel"])
def test_an_open_workbook_is_read_and_not_written(
    path: Path, lock: str, capsys: pytest.CaptureFixture[str]
) -> None:
    backend = Workbook(path)
    path.with_name(lock).touch()
    before = path.read_bytes()
    assert read(backend, "shop") is not None
    for _ in range(2):
        assert not write(backend, Set("shop", 1, "Desired", 4))
    assert path.read_bytes() == before
    assert capsys.readouterr().out == f"book.xlsx is open elsewhere: close it there, or delete {lock}\n"
    path.with_name(lock).unlink()
    assert write(backend, Set("shop", 1, "Desired", 4))


def test_a_change_after_the_read_is_not_overwritten(path: Path) -> None:
    backend = Workbook(path)
    read(backend, "shop")
    book = load_workbook(path)
    book["shop"]["B3"] = 7
    book.save(path)
    assert not write(backend, Set("shop", 0, "Desired", 4))
    snapshot = read(backend, "shop")
    assert snapshot is not None
    assert snapshot.sheets["shop"][1][1] == 7


def test_a_half_saved_workbook_is_read_later(path: Path) -> None:
    backend = Workbook(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert read(backend, "shop") is None
    path.write_bytes(whole)
    assert read(backend, "shop") is not None


def test_a_failed_save_leaves_the_workbook_and_no_other_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Workbook(path)
    read(backend, "shop")
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Book, "save", fail)
    assert not write(backend, Set("shop", 0, "Desired", 4))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_users_columns_sheets_and_moved_headers_are_kept(path: Path) -> None:
    book = load_workbook(path)
    sheet = book["shop"]
    sheet.insert_cols(1)
    sheet["A3"] = "owner: Ada"
    sheet.insert_rows(1)
    book.create_sheet("Plans")["A1"] = "mine"
    book.save(path)
    backend = Workbook(path)
    snapshot = read(backend, "shop", "Plans")
    assert snapshot is not None
    assert write(backend, Set("shop", 2, "Desired", 9))
    assert contents(path)[3] == ("owner: Ada", "web", 9, *WEB[2:])
    assert contents(path, "Plans") == [("mine",)]


def test_a_sheet_without_header_gets_one_above_the_users_rows(path: Path) -> None:
    book = load_workbook(path)
    book["shop"].delete_rows(1, 3)
    book["shop"]["A1"] = "a remark"
    book.save(path)
    backend = Workbook(path)
    snapshot = read(backend, "shop")
    assert snapshot is not None
    assert snapshot.sheets["shop"] == []
    assert write(backend, Append("shop", WEB))
    assert contents(path) == [HEADER, ("a remark", *[None] * 5), WEB]


def test_texts_of_the_cluster_are_no_formulas(path: Path) -> None:
    backend = Workbook(path)
    read(backend, "shop")
    assert write(
        backend, Set("shop", 0, "Image", '=HYPERLINK("http://evil")'), Set("shop", 0, "Note", "a\x07b")
    )
    cells = load_workbook(path)["shop"]
    assert (cells["E2"].value, cells["E2"].data_type) == ('=HYPERLINK("http://evil")', "s")
    assert cells["F2"].value == "ab"


def test_titles_fit_into_excel_and_stay_distinct() -> None:
    long = [f"{'n' * 60}-{number}" for number in range(2)]
    titles = [sheet_title(name) for name in (*long, "history", "default")]
    assert len(set(titles)) == 4
    assert all(len(title) <= 31 for title in titles)
    assert titles[3] == "default"


# --- the program ---


@contextmanager
def running(directory: Path, url: str, *arguments: str, token: str = "") -> Iterator[Process]:
    command = [sys.executable, "-m", "kubesheet", "--gateway", url, *arguments]
    variables = {"PYTHONPATH": str(EXAMPLE), **({"TOKEN": token} if token else {})}
    with start_process(command, directory, variables) as process:
        yield process


def edit(path: Path, namespace: str, change: Callable[[Any], None]) -> None:
    book = load_workbook(path)
    change(book[namespace])
    book.save(path)


def row_of(sheet: Any, name: str) -> int:
    names = [row[0] for row in sheet.iter_rows(values_only=True)]
    return names.index(name) + 1


def shown(path: Path, namespace: str, name: str) -> dict[str, Any]:
    """The cells of a deployment by column; empty as long as there is no such row."""
    if not path.exists() or namespace not in load_workbook(path).sheetnames:
        return {}
    rows = contents(path, namespace)
    return next((dict(zip(HEADER, row, strict=True)) for row in rows if row[0] == name), {})


def desired(backend: Backend, namespace: str, name: str = "web") -> int:
    return int(backend.api().get(grouped("apps/v1", "deployments", namespace, name))["spec"]["replicas"])


def images(backend: Backend, namespace: str) -> list[str]:
    web = backend.api().get(grouped("apps/v1", "deployments", namespace, "web"))
    return [container["image"] for container in web["spec"]["template"]["spec"]["containers"]]


def test_edits_in_the_workbook_reach_the_cluster_and_back(
    backend: Backend, gateway: GatewayProcess, namespace: str, tmp_path: Path
) -> None:
    book = tmp_path / "book.xlsx"
    with running(tmp_path, gateway.url, str(book), "--namespace", namespace):
        wait_until(lambda: shown(book, namespace, "web"), "the row of web")
        path = grouped("apps/v1", "deployments", namespace, "web")
        backend.api().merge(f"{path}/status", {"status": {"replicas": 2, "readyReplicas": 1}})
        wait_until(lambda: shown(book, namespace, "web").get("Ready") == 1, "the status in the sheet")

        def scale(sheet: Any) -> None:
            number = row_of(sheet, "web")
            sheet.cell(number, 2, 4)
            sheet.cell(number, 5, "main=nginx:9.9, sidecar=registry.example/sidecar:2.1")

        edit(book, namespace, scale)
        wait_until(lambda: desired(backend, namespace) == 4, "the scaling")
        wait_until(
            lambda: images(backend, namespace) == ["nginx:9.9", "registry.example/sidecar:2.1"], "the image"
        )
        backend.api().merge(path, {"spec": {"replicas": 6}})
        wait_until(lambda: shown(book, namespace, "web")["Desired"] == 6, "the change of another client")
        backend.api().delete(path)
        wait_until(lambda: not shown(book, namespace, "web"), "the row to go")


@pytest.mark.cluster
def test_a_refused_edit_is_noted_and_put_back(seeded_cluster: Backend, tmp_path: Path) -> None:
    """bob may watch deployments here, and not change them; the demo has no RBAC."""
    namespace, book = "refused-edits", tmp_path / "book.xlsx"
    api = seeded_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(grouped("apps/v1", "deployments", namespace), deployment("web", replicas=2))
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"]}
    grant(api, "see-deployments", "bob", rule, namespace=namespace)
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with (
        start_gateway(tmp_path / "gateway", *options) as gateway,
        running(tmp_path, gateway.url, str(book), "--namespace", namespace, token="bob-token"),
    ):
        wait_until(lambda: shown(book, namespace, "web"), "the row of web")
        edit(book, namespace, lambda sheet: sheet.cell(row_of(sheet, "web"), 2, 4))
        wait_until(lambda: shown(book, namespace, "web")["Note"], "the note")
        cells = shown(book, namespace, "web")
        assert cells["Note"].startswith("⚠ Desired 4 refused: deployments.apps ")
        assert "forbidden" in cells["Note"]
        assert cells["Desired"] == 2 == desired(seeded_cluster, namespace)


REFUSALS = (
    Refusal(403, "Forbidden", "exceeded quota: compute, requested: pods=2"),
    Refusal(409, "Conflict", "the object has been modified"),
    Refusal(422, "Invalid", "admission webhook denied the request"),
)


def test_a_patch_that_the_api_server_refuses_is_noted_and_put_back(
    backend: Backend, tapped_gateway: TappedGateway, namespace: str, tmp_path: Path
) -> None:
    book, before = tmp_path / "book.xlsx", desired(backend, namespace)

    def try_to_scale(replicas: int, refusal: Refusal) -> None:
        tapped_gateway.tap.refuse = lambda request: refusal if request.method == "PATCH" else None
        edit(book, namespace, lambda sheet: sheet.cell(row_of(sheet, "web"), 2, replicas))
        note = f"⚠ Desired {replicas} refused: {refusal.message}"
        wait_until(lambda: shown(book, namespace, "web")["Note"] == note, "the note")
        assert shown(book, namespace, "web")["Desired"] == before == desired(backend, namespace)

    with running(tmp_path, tapped_gateway.gateway.url, str(book), "--namespace", namespace):
        wait_until(lambda: shown(book, namespace, "web"), "the row of web")
        for more, refusal in enumerate(REFUSALS, start=4):
            try_to_scale(before + more, refusal)


def test_the_program_continues_with_the_next_gateway(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    book, port = tmp_path / "book.xlsx", free_port()
    options = ("--kubeconfig", str(backend.kubeconfig))
    with running(tmp_path, f"http://127.0.0.1:{port}", str(book), "--namespace", namespace) as program:
        with start_gateway(tmp_path / "first", *options, port=port):
            wait_until(lambda: shown(book, namespace, "web"), "the row of web")
        program.wait_for_output("reconnecting: the gateway does not answer")
        edit(book, namespace, lambda sheet: sheet.cell(row_of(sheet, "web"), 2, 5))
        with start_gateway(tmp_path / "second", *options, port=port):
            wait_until(lambda: desired(backend, namespace) == 5, "the edit made meanwhile")


@pytest.mark.office
def test_a_workbook_that_libreoffice_has_open_is_left_alone(demo_cluster: Backend, tmp_path: Path) -> None:
    book, namespace, api = tmp_path / "book.xlsx", "office-edits", demo_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(grouped("apps/v1", "deployments", namespace), deployment("app-0"))
    path = grouped("apps/v1", "deployments", namespace, "app-0")
    with (
        start_gateway(tmp_path / "gateway", "--kubeconfig", str(demo_cluster.kubeconfig)) as gateway,
        running(tmp_path, gateway.url, str(book), "--namespace", namespace) as program,
    ):
        wait_until(lambda: shown(book, namespace, "app-0"), "the row of app-0")
        number = row_of(load_workbook(book)[namespace], "app-0")
        with edited_in_libreoffice(tmp_path / "office", book, namespace, f"B{number}", "4"):
            assert book.with_name(".~lock.book.xlsx#").exists()
            wait_until(lambda: desired(demo_cluster, namespace, "app-0") == 4, "LibreOffice's edit")
            saved = book.read_bytes()
            demo_cluster.api().merge(path, {"spec": {"replicas": 6}})
            program.wait_for_output("book.xlsx is open elsewhere")
            assert book.read_bytes() == saved
        wait_until(lambda: shown(book, namespace, "app-0")["Desired"] == 6, "the cluster's change")
        assert desired(demo_cluster, namespace, "app-0") == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name either a workbook or, with --google, a Google spreadsheet"),
        (("book.xlsx", "--google", "id"), "name either a workbook"),
        (("book.ods",), "book.ods does not end in .xlsx"),
        (("--google", "id"), "--google needs --key"),
        (
            ("--google", "id", "--key", "/nowhere.json"),
            "/nowhere.json is not the key file of a service account",
        ),
    ],
)
def test_wrong_options_are_explained(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """In this process: the start of another takes a second. Python prints an exit status that is a text."""
    with pytest.raises(SystemExit) as ended:
        main(["--gateway", "http://127.0.0.1:9", *arguments])
    assert ended.value.code not in (0, None)
    assert message in f"{capsys.readouterr().err}{ended.value.code}"


def test_a_missing_token_ends_the_program(demo_cluster: Backend, tmp_path: Path) -> None:
    options = ("--kubeconfig", str(demo_cluster.kubeconfig), "--auth", "passthrough")
    with (
        start_gateway(tmp_path / "gateway", *options) as gateway,
        running(tmp_path, gateway.url, str(tmp_path / "book.xlsx")) as program,
    ):
        assert program.wait() == 1
        assert program.output().strip() == "the gateway asks for another token: set $TOKEN"
