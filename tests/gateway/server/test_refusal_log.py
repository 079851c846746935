"""Lines in the access log for requests without an operation."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.execution.operation_log import is_logged
from gateway.resolvers.context import OperationLogs
from gateway.server.refusal_log import RefusalLog, log_refusal


async def receive() -> Message:
    return {"type": "http.disconnect"}


async def send(_: Message) -> None:
    pass


async def lines_of(app: Callable[[Scope], Any], scope_type: str = "http") -> list[Any]:
    """The lines that a call of the app writes."""
    lines: list[Any] = []

    async def called(scope: Scope, _receive: Receive, _send: Send) -> None:
        await app(scope)

    await RefusalLog(called, OperationLogs(access=lines.append))({"type": scope_type}, receive, send)
    return lines


async def test_a_refusal_has_one_line_with_its_code() -> None:
    (line,) = await lines_of(lambda scope: log_refusal(scope, "FORBIDDEN", httpStatus=403))
    assert (line["log"], line["status"], line["httpStatus"]) == ("access", "FORBIDDEN", 403)
    assert (line["user"], line["operation"], line["fields"]) == (None, None, [])
    assert line["durationMs"] >= 0


async def test_a_request_whose_operation_is_logged_has_no_second_line() -> None:
    async def app(scope: Scope) -> None:
        is_logged.set(True)
        await log_refusal(scope, "INTERNAL", httpStatus=500)

    assert await lines_of(app) == []
    assert len(await lines_of(lambda scope: log_refusal(scope, "FORBIDDEN", httpStatus=403))) == 1


@pytest.mark.parametrize("logs", [None, OperationLogs()])
async def test_without_an_access_log_nothing_is_written(logs: OperationLogs | None) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(scope)
        await log_refusal(scope, "FORBIDDEN", httpStatus=403)

    await RefusalLog(app, logs)({"type": "http"}, receive, send)
    assert scopes == [{"type": "http"}]


async def test_the_life_of_the_server_is_no_request() -> None:
    assert await lines_of(lambda scope: log_refusal(scope, "INTERNAL"), "lifespan") == []
