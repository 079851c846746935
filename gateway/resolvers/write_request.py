"""One write to the API server: sent once, and reported as unknown if its answer is lost.

A write that the API server may have received is repeated if a second one changes nothing more (server-side
apply, dry runs), or if the API server refuses a second one (a precondition). All other writes fail with
``OUTCOME_UNKNOWN``. So does a repeated one that is refused: the first one, or another client, may have made
the change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.errors import (
    Conflict,
    GatewayError,
    OutcomeUnknown,
    ServerTimeout,
    StatusError,
    UpstreamError,
)
from gateway.kube.client import KubeClient, Response
from gateway.kube.masked_writes import expect_nothing_revealed
from gateway.kube.upstream_errors import broke_off, may_have_arrived
from gateway.resolvers.compiling import compiled
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.decoding import answer_object, decode_object
from gateway.resolvers.scale import with_replicas
from schema.resources import GroupVersionKind
from schema.selection import compile_object

__all__ = [
    "Write",
    "answer_write",
    "exchange",
    "note_warnings",
    "parse_warnings",
    "send_until_no_conflict",
    "send_write",
]

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
"""A warning of the API server (KEP-1693): RFC 7234, section 5.5, always with code 299."""


@dataclass(frozen=True, slots=True)
class Write:
    """The request of a write.

    ``repeatable`` if a second one changes nothing more; ``guarded`` if it has a precondition that does not
    hold any more once it is executed.
    """

    method: str
    path: str
    body: Any = field(repr=False)
    content_type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    guarded: bool = False
    accept: str = "application/json"

    @property
    def is_repeatable(self) -> bool:
        return self.repeatable or "dryRun" in self.parameters


async def send_write(info: Info, write: Write) -> dict[str, Any]:
    """The object or Status of the API server's answer; its warnings go to the response's ``extensions``.

    Raises GatewayError; see the module.
    """
    return decode_object((await _send(info, write)).body)


async def answer_write(info: Info, kind: GroupVersionKind, write: Write, retries: int = 0) -> Any:
    """The selection of the written object, which is of ``kind``.

    Errors and warnings are those of :func:`send_write`, after the ``retries`` of a conflict.
    """
    # compiled first: a refusal must precede the write
    selection = await compiled(info, kind, compile_object)
    response = await send_until_no_conflict(info, write, retries)
    return answer_object(with_replicas(kind, response.body), kind, selection)


async def send_until_no_conflict(info: Info, write: Write, retries: int) -> Response:
    """The API server's answer; a conflict is followed by at most ``retries`` further attempts."""
    for _ in range(retries):
        try:
            return await _send(info, write)
        except Conflict:
            continue
    return await _send(info, write)


async def _send(info: Info, write: Write) -> Response:
    try:
        response = await exchange(upstream_of(info), write)
    except StatusError as error:
        note_warnings(info, error)
        raise
    note_warnings(info, response)
    return response


async def exchange(client: KubeClient, write: Write) -> Response:
    """The API server's answer. Raises GatewayError; see the module."""
    if client.redacts and write.method == "PATCH":
        await expect_nothing_revealed(client, write.path, write.content_type, write.parameters, write.body)
    try:
        return await _request(client, write, repeatable=write.is_repeatable)
    except (UpstreamError, ServerTimeout) as error:
        if write.is_repeatable or not may_have_arrived(error):
            raise
        unknown = OutcomeUnknown(error, write.method, write.path)
        if not (write.guarded and isinstance(error, UpstreamError) and broke_off(error)):
            raise unknown from error
    try:
        return await _request(client, write, repeatable=True)
    except GatewayError as error:
        raise unknown from error


async def _request(client: KubeClient, write: Write, *, repeatable: bool) -> Response:
    return await client.request(
        write.method,
        write.path,
        write.parameters,
        body=msgspec.json.encode(write.body),
        content_type=write.content_type,
        accept=write.accept,
        repeatable=repeatable,
    )


def note_warnings(info: Info, answer: Response | GatewayError, *below: str | int) -> None:
    """Add the warnings to ``extensions.warnings``, each with a path: the field's, then ``below``.

    A refused write may have warnings, too.
    """
    if isinstance(answer, Response):
        header = answer.headers.get("warning", "")
    else:
        header = answer.status.warning if isinstance(answer, StatusError) else ""
    if header and (warnings := parse_warnings(header)):
        path = [*info.path.as_list(), *below]
        noted: list[dict[str, Any]] = info.context.extensions.setdefault("warnings", [])
        noted.extend({"message": text, "path": path} for text in warnings)


def parse_warnings(header: str) -> list[str]:
    """The texts of a ``Warning`` header; the values of repeated headers are joined with commas."""
    return [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(header)]
