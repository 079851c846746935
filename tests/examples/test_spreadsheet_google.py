"""The spreadsheet example with Google Sheets, against a local stand-in for Google.

Covers ``examples/spreadsheet/kubesheet/google_sheets.py``.
"""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kubesheet.cluster import Failed
from kubesheet.engine import Append, Delete, Set
from kubesheet.google_sheets import GoogleSheets
from tests.examples.google_stand_in import GoogleStandIn, google_stand_in
from tests.fixtures.api import core, deployment, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.processes import start_process
from tests.fixtures.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "spreadsheet"
HEADER = ["Deployment", "Desired", "Actual", "Ready", "Image", "Note"]
WEB = ("web", 3, 3, 3, "nginx:1", None)
API = ("api", 2, 2, 2, "api:1", None)


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with google_stand_in() as google:
        yield google


@pytest.fixture
def gateway_of_demo(demo_cluster: Backend, tmp_path: Path) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path / "gateway", "--kubeconfig", str(demo_cluster.kubeconfig)) as started:
        yield started


@pytest.fixture
async def backend(google: GoogleStandIn, tmp_path: Path) -> AsyncIterator[GoogleSheets]:
    """The backend, with ``api`` and ``web`` in the sheet ``shop``."""
    key = google.write_key_file(tmp_path / "key.json")
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        backend = GoogleSheets(client, google.spreadsheet, key, endpoint=google.url, pause=0)
        assert await backend.read(["shop"]) is not None
        assert await backend.write([Append("shop", API), Append("shop", WEB)])
        yield backend


async def test_a_missing_sheet_is_made_with_its_header(google: GoogleStandIn, backend: GoogleSheets) -> None:
    assert google.rows("shop") == [HEADER, ["api", 2, 2, 2, "api:1", ""], ["web", 3, 3, 3, "nginx:1", ""]]
    snapshot = await backend.read(["shop"])
    assert snapshot is not None
    assert [tuple(row) for row in snapshot.sheets["shop"]] == [API, WEB]


async def test_a_look_and_a_plan_are_one_request_each(google: GoogleStandIn, backend: GoogleSheets) -> None:
    google.requests.clear()
    await backend.read(["shop"])
    new = ("new", 1, 0, 0, "=1+1", None)
    assert await backend.write([Set("shop", 1, "Desired", 4), Delete("shop", 0), Append("shop", new)])
    assert google.requests == ["GET /values:batchGet", "POST :batchUpdate"]
    assert google.rows("shop")[1:] == [["web", 4, 3, 3, "nginx:1", ""], ["new", 1, 0, 0, "=1+1", ""]]


async def test_a_sheet_sorted_between_look_and_write_never_mixes_two_deployments(
    google: GoogleStandIn, backend: GoogleSheets
) -> None:
    await backend.read(["shop"])
    rows = google.sheets["shop"].rows
    rows[1], rows[2] = rows[2], rows[1]
    assert await backend.write([Set("shop", 1, "Desired", 9)])
    assert google.rows("shop")[1:] == [["web", 3, 3, 3, "nginx:1", ""], ["web", 9, 3, 3, "nginx:1", ""]]


async def test_only_the_cluster_s_cells_are_written_alone(
    google: GoogleStandIn, backend: GoogleSheets
) -> None:
    """An edit of Desired between look and write survives a change of Ready."""
    await backend.read(["shop"])
    google.sheets["shop"].rows[2][1] = 5
    assert await backend.write([Set("shop", 1, "Ready", 1)])
    assert google.rows("shop")[2] == ["web", 5, 3, 1, "nginx:1", ""]


async def test_a_busy_google_is_asked_again(google: GoogleStandIn, backend: GoogleSheets) -> None:
    google.busy = 3
    assert await backend.read(["shop"]) is not None
    google.busy = 100
    assert await backend.read(["shop"]) is None
    google.busy = 0
    assert await backend.read(["shop"]) is not None


async def test_requests_keep_their_distance(google: GoogleStandIn, tmp_path: Path) -> None:
    key = google.write_key_file(tmp_path / "key.json")
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        backend = GoogleSheets(client, google.spreadsheet, key, endpoint=google.url, pause=0.05)
        for _ in range(4):
            await backend.read(["Sheet1"])
    assert len(google.requests) == 5
    assert time.monotonic() - began >= 4 * 0.05


async def test_a_renamed_sheet_is_made_again(google: GoogleStandIn, backend: GoogleSheets) -> None:
    google.sheets["mine now"] = google.sheets.pop("shop")
    assert await backend.read(["shop"]) is None
    snapshot = await backend.read(["shop"])
    assert snapshot is not None
    assert snapshot.sheets == {}
    assert await backend.write([Append("shop", WEB)])
    assert google.rows("shop") == [HEADER, ["web", 3, 3, 3, "nginx:1", ""]]


async def test_a_deleted_header_comes_back(google: GoogleStandIn, backend: GoogleSheets) -> None:
    del google.sheets["shop"].rows[0]
    await backend.read(["shop"])
    assert await backend.write([Set("shop", 1, "Ready", 0)])
    assert google.rows("shop")[0] == HEADER
    assert google.rows("shop")[2] == ["web", 3, 3, 0, "nginx:1", ""]


async def test_a_failing_batch_changes_nothing(google: GoogleStandIn, backend: GoogleSheets) -> None:
    before = google.rows("shop")
    await backend.read(["shop"])
    google.sheets["shop"].number = 77
    assert not await backend.write([Set("shop", 1, "Ready", 0)])
    assert google.rows("shop") == before


async def test_a_refusal_for_good_is_google_s_message(google: GoogleStandIn, backend: GoogleSheets) -> None:
    google.refusal = 403
    assert await backend.read(["shop"]) is None
    with pytest.raises(Failed, match="The caller does not have permission"):
        await backend.read(["shop"])


async def test_another_key_is_refused(google: GoogleStandIn, tmp_path: Path) -> None:
    other = GoogleStandIn()
    other.url = google.url
    key = other.write_key_file(tmp_path / "key.json")
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        backend = GoogleSheets(client, google.spreadsheet, key, endpoint=google.url, pause=0)
        with pytest.raises(Failed, match="refuses the service account"):
            await backend.read(["shop"])


async def test_an_unreachable_google_is_waited_for(google: GoogleStandIn, tmp_path: Path) -> None:
    key = google.write_key_file(tmp_path / "key.json")
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        backend = GoogleSheets(client, google.spreadsheet, key, endpoint="http://127.0.0.1:9", pause=0)
        assert await backend.read(["shop"]) is None


def test_edits_in_the_spreadsheet_reach_the_cluster_and_back(
    google: GoogleStandIn, demo_cluster: Backend, gateway_of_demo: GatewayProcess, tmp_path: Path
) -> None:
    namespace, api = "google-edits", demo_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(grouped("apps/v1", "deployments", namespace), deployment("app-1"))
    key = google.write_key_file(tmp_path / "key.json")
    command = [sys.executable, "-m", "kubesheet", "--gateway", gateway_of_demo.url, "--namespace", namespace]
    command += ["--google", google.spreadsheet, "--key", str(key), "--google-endpoint", google.url]
    path = grouped("apps/v1", "deployments", namespace, "app-1")

    def row() -> list[Any]:
        return next((row for row in google.rows(namespace) if row[0] == "app-1"), [])

    def desired() -> int:
        replicas: int = demo_cluster.api().get(path)["spec"]["replicas"]
        return replicas

    with start_process(command, tmp_path, {"PYTHONPATH": str(EXAMPLE)}):
        wait_until(row, "the row of app-1")
        with google.lock:
            next(row for row in google.sheets[namespace].rows if row[0] == "app-1")[1] = 4
        wait_until(lambda: desired() == 4, "the scaling")
        demo_cluster.api().merge(path, {"spec": {"replicas": 6}})
        wait_until(lambda: row()[1] == 6, "the change of another client")
        with google.lock:
            next(row for row in google.sheets[namespace].rows if row[0] == "app-1")[1] = -4
        wait_until(lambda: str(row()[5]).startswith("⚠ Desired must be"), "the note")
        assert desired() == 6
