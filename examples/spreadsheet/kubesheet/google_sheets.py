"""A Google spreadsheet, through version 4 of its REST API, as a service account.

Each look is one ``values:batchGet``, each plan one ``:batchUpdate``, which Google applies completely or not
at all. A user may sort the sheet between the two. A row whose Desired or Image changes is therefore written
completely, name included: on a wrong row it overwrites that row's deployment, which comes back, and never
mixes two.
"""

import asyncio
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from google.auth import exceptions, transport
from google.oauth2 import service_account

from kubesheet.cells import COLUMNS, EDITABLE, Cell
from kubesheet.cluster import Failed
from kubesheet.engine import Append, Delete, Row, Set, Snapshot, Write

__all__ = ["GoogleSheets"]

_SCOPE = "https://www.googleapis.com/auth/spreadsheets"
_ENDPOINT = "https://sheets.googleapis.com"
_INTERVAL_SECONDS = 3.0
_PAUSE_SECONDS = 1.1  # below the quota of 60 reads and 60 writes a minute
_LONGEST_BACK_OFF_SECONDS = 64.0
_RETRIED = {429, 500, 502, 503, 504}


class _Response(transport.Response):
    """The parts of a response that google-auth reads."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return self._response.content


class _Transport(transport.Request):
    """Lets google-auth fetch its access tokens with httpx."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        try:
            return _Response(httpx.request(method, url, content=body, headers=headers, timeout=timeout or 30))
        except httpx.TransportError as error:
            raise exceptions.TransportError(error) from error  # type: ignore[no-untyped-call]  # google-auth


class GoogleSheets:
    """The backend of one spreadsheet, which is shared with the service account of ``key_file``.

    Raises Failed when Google refuses the account or the spreadsheet for good.
    """

    interval = _INTERVAL_SECONDS

    def __init__(
        self,
        client: httpx.AsyncClient,
        spreadsheet: str,
        key_file: Path,
        *,
        endpoint: str = _ENDPOINT,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._client = client
        self._address = f"{endpoint}/v4/spreadsheets/{quote(spreadsheet, safe='')}"
        self._credentials = _credentials(key_file)
        self._pause = pause
        self._next = 0.0
        self._sheets: dict[str, int] | None = None
        self._rows: dict[str, list[list[Cell]]] = {}
        self._headers: dict[str, bool] = {}

    async def read(self, namespaces: Collection[str]) -> Snapshot | None:
        if self._sheets is None:
            self._sheets = await self._fetch_sheets()
        sheets = self._sheets or {}
        titles = [name for name in namespaces if name in sheets]
        if self._sheets is None:
            return None
        if not titles:
            return Snapshot({})
        response = await self._request("GET", f"/values:batchGet?{_ranges(titles)}")
        if response is None or response.is_error:
            self._sheets = None  # a sheet may have been renamed or deleted
            return None
        for title, values in zip(titles, response.json()["valueRanges"], strict=True):
            self._take(title, values.get("values", []))
        return Snapshot({title: self._rows[title] for title in titles})

    def _take(self, title: str, values: Sequence[Sequence[Cell]]) -> None:
        padded = [[cell if cell != "" else None for cell in (*row, *[None] * 6)][:6] for row in values]
        has_header = bool(padded) and tuple(padded[0]) == COLUMNS
        self._headers[title] = has_header
        self._rows[title] = padded[1:] if has_header else padded

    async def _fetch_sheets(self) -> dict[str, int] | None:
        """The ids of the sheets by title; None if the network fails."""
        response = await self._request("GET", "?fields=sheets.properties(sheetId,title)")
        if response is not None and response.is_success:
            properties = [sheet["properties"] for sheet in response.json()["sheets"]]
            return {item["title"]: item["sheetId"] for item in properties}
        if response is not None:
            raise Failed(f"Google refuses the spreadsheet: {_message(response)}")
        return None

    async def write(self, writes: Sequence[Write]) -> bool:
        sheets = dict(self._sheets or {})
        requests = list(_Batch(sheets, self._rows, self._headers).requests(writes))
        response = await self._request("POST", ":batchUpdate", {"requests": requests})
        if response is None or response.is_error:
            self._sheets = None
            return False
        self._sheets = sheets
        return True

    async def _request(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """One request, repeated with back-off while Google is busy; None if the network fails."""
        for attempt in range(8):
            await self._wait_for_turn()
            token = await asyncio.to_thread(self._token)
            headers = {"Authorization": f"Bearer {token}"}
            try:
                response = await self._client.request(
                    method, self._address + path, json=body, headers=headers
                )
            except httpx.TransportError as error:
                print(f"Google does not answer: {error}", flush=True)
                return None
            if response.status_code not in _RETRIED:
                return response
            print(f"Google asks to wait: {response.status_code}", flush=True)
            await asyncio.sleep(self._back_off(attempt, response.headers.get("Retry-After")))
        return None

    async def _wait_for_turn(self) -> None:
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._pause
        await asyncio.sleep(start - now)

    def _back_off(self, attempt: int, retry_after: str | None) -> float:
        if retry_after is not None and retry_after.isdecimal():
            return float(retry_after)
        longest: float = min(self._pause * 2**attempt, _LONGEST_BACK_OFF_SECONDS)
        return longest * random.uniform(0.5, 1)  # noqa: S311  (spreads clients out)

    def _token(self) -> str:
        try:
            if not self._credentials.valid:
                self._credentials.refresh(_Transport())  # type: ignore[no-untyped-call]  # google-auth
        except exceptions.RefreshError as error:
            raise Failed(f"Google refuses the service account: {error}") from error
        except exceptions.TransportError:
            return ""  # the request itself will fail, too
        return str(self._credentials.token)


def _credentials(key_file: Path) -> service_account.Credentials:
    try:
        credentials: service_account.Credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]  # google-auth
            str(key_file), scopes=[_SCOPE]
        )
    except (OSError, ValueError) as error:
        raise Failed(f"{key_file} is not the key file of a service account: {error}") from error
    return credentials


def _ranges(titles: Iterable[str]) -> str:
    # FORMULA answers with formulas as text, so that none of them counts as a number
    parts: list[tuple[str, str | int | float | bool | None]] = [
        ("ranges", f"'{title}'!A:F") for title in titles
    ]
    parts += [("valueRenderOption", "FORMULA"), ("majorDimension", "ROWS")]
    return str(httpx.QueryParams(parts))


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"


class _Batch:
    """Builds the requests of one ``:batchUpdate``. ``sheets`` maps titles to ids, and gets the new ones."""

    def __init__(
        self, sheets: dict[str, int], rows: Mapping[str, Sequence[Row]], headers: Mapping[str, bool]
    ) -> None:
        self._sheets = sheets
        self._rows = rows
        self._headers = headers

    def requests(self, writes: Sequence[Write]) -> Iterable[dict[str, Any]]:
        offsets: dict[str, int] = {}
        for namespace in sorted({write.namespace for write in writes}):
            yield from self._prepare(namespace)
            offsets[namespace] = 1
        yield from self._cells([write for write in writes if isinstance(write, Set)])
        deleted = sorted((write for write in writes if isinstance(write, Delete)), key=lambda item: -item.row)
        for item in deleted:
            span = {"sheetId": self._sheets[item.namespace], "dimension": "ROWS"}
            first = item.row + 1
            yield {"deleteDimension": {"range": {**span, "startIndex": first, "endIndex": first + 1}}}
        for write in writes:
            if isinstance(write, Append):
                rows = [_row(write.cells)]
                sheet = self._sheets[write.namespace]
                yield {"appendCells": {"sheetId": sheet, "rows": rows, "fields": "userEnteredValue"}}

    def _prepare(self, namespace: str) -> Iterable[dict[str, Any]]:
        """Make the sheet or its header, if it is missing."""
        if namespace not in self._sheets:
            sheet = max([0, *self._sheets.values()]) + 1
            self._sheets[namespace] = sheet
            grid = {"frozenRowCount": 1}
            yield {"addSheet": {"properties": {"sheetId": sheet, "title": namespace, "gridProperties": grid}}}
            yield _update(sheet, 0, 0, COLUMNS)
        elif not self._headers.get(namespace, False):
            sheet = self._sheets[namespace]
            span = {"sheetId": sheet, "dimension": "ROWS", "startIndex": 0, "endIndex": 1}
            yield {"insertDimension": {"range": span, "inheritFromBefore": False}}
            yield _update(sheet, 0, 0, COLUMNS)

    def _cells(self, writes: Sequence[Set]) -> Iterable[dict[str, Any]]:
        changed: dict[tuple[str, int], dict[str, Cell]] = {}
        for write in writes:
            changed.setdefault((write.namespace, write.row), {})[write.column] = write.value
        for (namespace, row), cells in changed.items():
            sheet = self._sheets[namespace]
            if any(column in cells for column in EDITABLE):
                known = zip(COLUMNS, self._rows[namespace][row], strict=True)
                whole = {column: cells.get(column, cell) for column, cell in known}
                yield _update(sheet, row + 1, 0, tuple(whole.values()))
            else:
                for column, value in cells.items():
                    yield _update(sheet, row + 1, COLUMNS.index(column), (value,))


def _update(sheet: int, row: int, column: int, cells: Sequence[Cell]) -> dict[str, Any]:
    start = {"sheetId": sheet, "rowIndex": row, "columnIndex": column}
    return {"updateCells": {"start": start, "rows": [_row(cells)], "fields": "userEnteredValue"}}


def _row(cells: Sequence[Cell]) -> dict[str, Any]:
    return {"values": [_cell(cell) for cell in cells]}


def _cell(cell: Cell) -> dict[str, Any]:
    """A text is sent as a text: Google neither parses it nor takes it for a formula."""
    if cell is None:
        return {}
    if isinstance(cell, bool):
        return {"userEnteredValue": {"boolValue": cell}}
    kind = "stringValue" if isinstance(cell, str) else "numberValue"
    return {"userEnteredValue": {kind: cell}}
