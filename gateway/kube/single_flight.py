"""Single flight: identical concurrent GETs of one identity become one request upstream.

Invariant: a shared read returns the API server's state *after* the read was requested, like a read of its
own, so a caller reads its own earlier writes. Therefore a new caller never joins a request in flight. All
callers that arrive meanwhile wait together for one queued request, which is sent when the request before it
has finished, or after ``QUEUE_TIMEOUT_SECONDS``. Hence at most about one request per key is in flight.

The fields of one GraphQL query are requested at the same time, when the query begins. Therefore a field may
join a request in flight that another field of the same operation waits for.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import GatewayError
from gateway.kube.client import KubeClient, Response

__all__ = ["QUEUE_TIMEOUT_SECONDS", "Operation", "SingleFlight"]

QUEUE_TIMEOUT_SECONDS = 0.25
"""A queued request waits no longer for its predecessor: a slow response must not delay the next request."""

_Key = tuple[str, str, tuple[tuple[str, str], ...], str]


class Operation(Protocol):
    """One GraphQL operation, which counts its requests; compared by identity."""

    def expect_request(self) -> None:
        """Count a request; may raise a GatewayError, which refuses it."""


@dataclass(slots=True, eq=False)
class _Request:
    """One request, queued or in flight, the number of its waiters, and their operations."""

    waiters: int = 0
    operations: set[Operation] = field(default_factory=set)
    task: "asyncio.Task[Response] | None" = field(default=None)


class SingleFlight:
    """Sends GETs for clients of any number of identities; identities share nothing."""

    def __init__(self) -> None:
        self._queued: dict[_Key, _Request] = {}
        self._in_flight: dict[_Key, _Request] = {}

    def __len__(self) -> int:
        """The number of keys with a request queued or in flight."""
        return len(self._queued.keys() | self._in_flight.keys())

    async def get(
        self,
        client: KubeClient,
        path: str,
        params: Mapping[str, str],
        *,
        accept: str = "application/json",
        operation: Operation | None = None,
    ) -> Response:
        """``client.get``, shared between concurrent callers; its errors are raised in every caller.

        Cancelling one waiter does not cancel the shared request; cancelling the last waiter does. Only a new
        request, which no other caller waits for, counts for the ``operation``.
        """
        key = (client.identity, path, tuple(sorted(params.items())), accept)
        request = self._queued.get(key) or self._joinable(key, operation)
        if request is None:
            if operation is not None:
                operation.expect_request()
            request = self._enqueue(key, client)
        request.waiters += 1
        if operation is not None:
            request.operations.add(operation)
        task = _task_of(request)
        try:
            # asyncio.wait does not cancel the task when the waiter is cancelled
            await asyncio.wait([task])
            return task.result()
        except GatewayError as error:
            # all waiters raise the same instance: its traceback must not grow with each of them
            raise error.with_traceback(None) from error.__cause__
        finally:
            request.waiters -= 1
            if not request.waiters:
                await self._finish(key, request)

    def _joinable(self, key: _Key, operation: Operation | None) -> _Request | None:
        request = self._in_flight.get(key)
        return request if request is not None and operation in request.operations else None

    def _enqueue(self, key: _Key, client: KubeClient) -> _Request:
        request = _Request()
        self._queued[key] = request
        request.task = asyncio.create_task(self._send(key, request, client), name=f"GET {key[1]}")
        return request

    async def _send(self, key: _Key, request: _Request, client: KubeClient) -> Response:
        predecessor = self._in_flight.get(key)
        if predecessor is not None and predecessor.task is not None:
            await asyncio.wait([predecessor.task], timeout=QUEUE_TIMEOUT_SECONDS)
        del self._queued[key]
        self._in_flight[key] = request
        try:
            _, path, params, accept = key
            return await client.get(path, dict(params), accept=accept)
        finally:
            _discard(self._in_flight, key, request)

    async def _finish(self, key: _Key, request: _Request) -> None:
        """Called for the last waiter: cancel the request unless it is done."""
        task = _task_of(request)
        if not task.done():
            _discard(self._queued, key, request)
            task.cancel()
            await asyncio.wait([task])
        # retrieved, else asyncio logs the exception of a task without waiters
        if not task.cancelled():
            task.exception()


def _task_of(request: _Request) -> "asyncio.Task[Response]":
    if request.task is None:
        raise RuntimeError("the request has no task")
    return request.task


def _discard(requests: dict[_Key, _Request], key: _Key, request: _Request) -> None:
    if requests.get(key) is request:
        del requests[key]
