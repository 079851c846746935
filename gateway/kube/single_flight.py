"""Single flight: identical GETs of one identity, asked in the same moment, are one request upstream.

A read that is shared answers with what the API server had *after* it was asked for, as a read of its own
would: whoever has just written something reads it. So nobody joins a request that is on its way. Those who
come meanwhile wait together for the next one, which leaves when the one before it has landed, or after
:data:`PATIENCE`. However many ask, the API server answers about one of them at a time.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import GatewayError
from gateway.kube.client import KubeClient, Response

__all__ = ["SingleFlight"]

PATIENCE = 0.25
"""Seconds that a request waits for the one before it: a slow answer must not make the next one late."""

Key = tuple[str, str, tuple[tuple[str, str], ...], str]


@dataclass(slots=True, eq=False)
class Flight:
    """One request, not sent yet or on its way, and how many wait for it."""

    passengers: int = 0
    task: "asyncio.Task[Response] | None" = field(default=None)


class SingleFlight:
    """Sends GETs; for clients of any number of identities, between which nothing is shared."""

    def __init__(self) -> None:
        self._boarding: dict[Key, Flight] = {}
        self._flying: dict[Key, Flight] = {}

    def __len__(self) -> int:
        """How many requests there are, the ones that wait to be sent included."""
        return len(self._boarding.keys() | self._flying.keys())

    async def get(
        self, client: KubeClient, path: str, params: Mapping[str, str], *, accept: str = "application/json"
    ) -> Response:
        """``client.get``, shared with whoever asks the same; raises what that raises, to all of them.

        Cancelling one who waits is nothing to the others; when the last one has gone the request is
        cancelled.
        """
        key = (client.identity, path, tuple(sorted(params.items())), accept)
        flight = self._boarding.get(key) or self._board(key, client)
        flight.passengers += 1
        task = _task_of(flight)
        try:
            # waits without a hold on it: cancelling the one who waits does not cancel the request
            await asyncio.wait([task])
            return task.result()
        except GatewayError as error:
            # many raise the same instance: its traceback must not grow with each
            raise error.with_traceback(None) from error.__cause__
        finally:
            flight.passengers -= 1
            if not flight.passengers:
                await self._end(key, flight)

    def _board(self, key: Key, client: KubeClient) -> Flight:
        flight = Flight()
        self._boarding[key] = flight
        flight.task = asyncio.create_task(self._fly(key, flight, client), name=f"GET {key[1]}")
        return flight

    async def _fly(self, key: Key, flight: Flight, client: KubeClient) -> Response:
        before = self._flying.get(key)
        if before is not None and before.task is not None:
            await asyncio.wait([before.task], timeout=PATIENCE)
        del self._boarding[key]
        self._flying[key] = flight
        try:
            _, path, params, accept = key
            return await client.get(path, dict(params), accept=accept)
        finally:
            _discard(self._flying, key, flight)

    async def _end(self, key: Key, flight: Flight) -> None:
        """The last one has gone: with the answer, or before it came."""
        task = _task_of(flight)
        if not task.done():
            _discard(self._boarding, key, flight)
            task.cancel()
            await asyncio.wait([task])
        # retrieved, so that asyncio does not report an error that nobody waits for any more
        if not task.cancelled():
            task.exception()


def _task_of(flight: Flight) -> "asyncio.Task[Response]":
    if flight.task is None:
        raise RuntimeError("a flight without a request")
    return flight.task


def _discard(flights: dict[Key, Flight], key: Key, flight: Flight) -> None:
    if flights.get(key) is flight:
        del flights[key]
