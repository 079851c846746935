"""Lines in the access log for requests that are refused before an operation runs.

:mod:`gateway.execution.operation_log` writes the line of each operation. A request without an operation (a
wrong method, an invalid token, a body over its limit, an unknown document) has a line here.
"""

import time
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.execution.operation_log import is_logged, user_of
from gateway.kube.client import KubeClient
from gateway.resolvers.context import OperationLogs
from gateway.telemetry import request_id

__all__ = ["RefusalLog", "log_refusal"]

_WRITER = "kube_graphql.refusals"


class RefusalLog:
    """The outermost layer; without an access log it does nothing."""

    def __init__(self, app: ASGIApp, logs: OperationLogs | None) -> None:
        self._app = app
        self._logs = logs if logs is not None and logs.access is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._logs is not None and scope["type"] != "lifespan":
            is_logged.set(False)
            scope[_WRITER] = _Writer(self._logs)
        await self._app(scope, receive, send)


class _Writer:
    """Writes the lines of one request or websocket."""

    def __init__(self, logs: OperationLogs) -> None:
        self._logs = logs
        self._began = time.perf_counter()

    async def write(self, client: KubeClient | None, code: str, ending: dict[str, int]) -> None:
        user = await user_of(self._logs, client)
        if self._logs.access is not None:
            self._logs.access(
                {
                    "log": "access",
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "requestId": request_id.get() or None,
                    "user": user.get("username"),
                    "operation": None,
                    "operationName": None,
                    "fields": [],
                    "durationMs": round((time.perf_counter() - self._began) * 1000, 1),
                    "status": code,
                    **ending,
                }
            )


async def log_refusal(scope: Scope, code: str, *, client: KubeClient | None = None, **ending: Any) -> None:
    """Log that a request was refused with an error's code.

    ``ending`` is ``httpStatus`` or, for a websocket, ``closeCode``. ``client`` is the caller's, if known.
    Does nothing where an operation of the request has its line already.
    """
    writer: _Writer | None = scope.get(_WRITER)
    if writer is not None and not is_logged.get():
        await writer.write(client or scope.get("state", {}).get("client"), code, ending)
