"""A local stand-in for the endpoints of Google's Sheets API that the example uses, and for its tokens.

It checks requests as strictly as Google documents them: signed assertions, the bearer token, grid limits,
titles that exist, and all of a batch or none of it.
"""

import copy
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

__all__ = ["GoogleStandIn", "google_stand_in"]

_TOKEN = "the-access-token"
_AUDIENCE = "https://oauth2.googleapis.com/token"  # google-auth sends it to any token address
_SPREADSHEET = "the-spreadsheet"


@dataclass(slots=True)
class _Sheet:
    number: int
    rows: list[list[Any]] = field(default_factory=list)


class _BadRequest(Exception):
    pass


class GoogleStandIn:
    """One spreadsheet. ``busy`` is the number of requests that are next answered with 429."""

    def __init__(self) -> None:
        self.sheets: dict[str, _Sheet] = {"Sheet1": _Sheet(0)}
        self.requests: list[str] = []
        self.busy = 0
        self.refusal: int | None = None
        self.lock = Lock()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.url = ""

    @property
    def spreadsheet(self) -> str:
        return _SPREADSHEET

    def write_key_file(self, path: Path) -> Path:
        """The key file of a service account that this stand-in accepts."""
        encoding, style = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        private = self._key.private_bytes(encoding, style, serialization.NoEncryption())
        content = {
            "type": "service_account",
            "client_email": "sheet@example.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": private.decode(),
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(content))
        return path

    def rows(self, title: str) -> list[list[Any]]:
        """The values of a sheet, as its user sees them."""
        with self.lock:
            return copy.deepcopy(self.sheets[title].rows) if title in self.sheets else []

    # --- the endpoints ---

    def answer(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        url = urlsplit(path)
        if url.path == "/token":
            return self._answer_token(body)
        with self.lock:
            self.requests.append(f"{method} {url.path.partition(_SPREADSHEET)[2]}")
            if self.busy:
                self.busy -= 1
                return 429, {"error": {"code": 429, "message": "Quota exceeded"}}
            if authorization != f"Bearer {_TOKEN}":
                return 401, {"error": {"code": 401, "message": "invalid credentials"}}
            if self.refusal is not None:
                return self.refusal, {"error": {"message": "The caller does not have permission"}}
            try:
                return 200, self._answer(method, url.path, parse_qs(url.query), body)
            except _BadRequest as error:
                return 400, {"error": {"code": 400, "message": str(error)}}

    def _answer_token(self, body: bytes) -> tuple[int, dict[str, Any]]:
        assertion = parse_qs(body.decode())["assertion"][0]
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(assertion, certs=public, audience=_AUDIENCE)  # type: ignore[no-untyped-call]
        except ValueError:
            return 400, {"error": "invalid_grant"}
        assert claims["scope"] == "https://www.googleapis.com/auth/spreadsheets"
        return 200, {"access_token": _TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        base = f"/v4/spreadsheets/{_SPREADSHEET}"
        if (method, path) == ("GET", base):
            return {
                "sheets": [
                    {"properties": {"sheetId": sheet.number, "title": title}}
                    for title, sheet in self.sheets.items()
                ]
            }
        if (method, path) == ("GET", f"{base}/values:batchGet"):
            assert query["valueRenderOption"] == ["FORMULA"]
            return {"valueRanges": [self._values(name) for name in query["ranges"]]}
        assert (method, path) == ("POST", f"{base}:batchUpdate")
        before = copy.deepcopy(self.sheets)
        try:
            for request in json.loads(body)["requests"]:
                ((kind, arguments),) = request.items()
                getattr(self, "_" + re.sub("[A-Z]", lambda found: "_" + found[0].lower(), kind))(arguments)
        except _BadRequest:
            self.sheets = before
            raise
        return {}

    def _values(self, name: str) -> dict[str, Any]:
        found = re.fullmatch(r"'(.*)'!A:F", name)
        if found is None or found[1] not in self.sheets:
            raise _BadRequest(f"Unable to parse range: {name}")
        values = [_trimmed(row[:6]) for row in self.sheets[found[1]].rows]
        while values and not values[-1]:
            values.pop()
        return {"range": name, "majorDimension": "ROWS", **({"values": values} if values else {})}

    def _sheet(self, number: int) -> _Sheet:
        for sheet in self.sheets.values():
            if sheet.number == number:
                return sheet
        raise _BadRequest(f"No grid with id: {number}")

    def _add_sheet(self, arguments: dict[str, Any]) -> None:
        properties = arguments["properties"]
        if properties["title"] in self.sheets:
            raise _BadRequest("A sheet with that name already exists")
        if any(sheet.number == properties["sheetId"] for sheet in self.sheets.values()):
            raise _BadRequest("A sheet with that id already exists")
        self.sheets[properties["title"]] = _Sheet(properties["sheetId"])

    def _update_cells(self, arguments: dict[str, Any]) -> None:
        start = arguments["start"]
        rows = self._sheet(start["sheetId"]).rows
        if start["rowIndex"] >= 1000:
            raise _BadRequest("exceeds grid limits")
        for offset, row in enumerate(arguments["rows"]):
            number = start["rowIndex"] + offset
            rows.extend([] for _ in range(number + 1 - len(rows)))
            for column, cell in enumerate(row["values"], start=start["columnIndex"]):
                rows[number].extend([""] * (column + 1 - len(rows[number])))
                rows[number][column] = _content(cell)

    def _append_cells(self, arguments: dict[str, Any]) -> None:
        rows = self._sheet(arguments["sheetId"]).rows
        while rows and not _trimmed(rows[-1]):
            rows.pop()
        rows.extend([_content(cell) for cell in row["values"]] for row in arguments["rows"])

    def _insert_dimension(self, arguments: dict[str, Any]) -> None:
        span = arguments["range"]
        self._sheet(span["sheetId"]).rows.insert(span["startIndex"], [])

    def _delete_dimension(self, arguments: dict[str, Any]) -> None:
        span = arguments["range"]
        del self._sheet(span["sheetId"]).rows[span["startIndex"] : span["endIndex"]]


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] in ("", None):
        row = row[:-1]
    return row


def _content(cell: dict[str, Any]) -> Any:
    value: dict[str, Any] = cell.get("userEnteredValue", {"stringValue": ""})
    ((kind, content),) = value.items()
    expected = {"stringValue": str, "numberValue": int | float, "boolValue": bool}[kind]
    if not isinstance(content, expected):
        raise _BadRequest(f"Invalid value for {kind}")
    return content


@contextmanager
def google_stand_in() -> Iterator[GoogleStandIn]:
    google = GoogleStandIn()

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            authorization = self.headers.get("Authorization", "")
            status, answer = google.answer(self.command, self.path, body, authorization)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _respond  # noqa: N815  (http.server's names)

        def log_message(self, *_: Any) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    google.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield google
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
