"""The lifetime of a websocket or a stream: it ends before its token does, so that the client reconnects.

A token with an ``exp`` claim ends its connections :data:`_LEAD_SECONDS` before. The API server does not end a
watch when its token is revoked, so a bearer token is also reviewed while connections are open; one that the
API server rejects for :data:`_REJECTED_SECONDS` ends them. A server that has just started rejects valid
tokens for seconds.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.errors import CallerUnauthenticated, GatewayError, Unauthenticated
from gateway.identity import AccessReviews, Caller

__all__ = ["EXPIRED", "Lifetime"]

EXPIRED = 4440
"""The websocket's close code: reconnect with a fresh token. HTTP's unofficial 440 means the same."""

_LEAD_SECONDS = 10.0
_REVIEW_INTERVAL_SECONDS = 15.0
_REVIEW_AGAIN_SECONDS = 4.0
_REJECTED_SECONDS = 10.0
_LONGEST_SLEEP_SECONDS = 60.0
"""The clock of ``exp`` may be set, and a machine suspended, while a connection sleeps."""


class Lifetime:
    """The lifetime of one connection of ``caller``; raises CallerUnauthenticated if it is over already.

    ``now`` is in seconds since the epoch.
    """

    def __init__(self, caller: Caller, reviews: AccessReviews, now: Callable[[], float] = time.time) -> None:
        self._caller = caller
        self._reviews = reviews
        self._now = now
        self._ends_at = _end(caller.expires_at, now())

    async def wait(self) -> str:
        """Wait for the end of the lifetime; returns its reason."""
        ends = []
        if self._ends_at is not None:
            ends.append(asyncio.create_task(self._expiry(self._ends_at), name="expiry of a token"))
        if self._caller.client.sends_callers_token:
            ends.append(asyncio.create_task(self._rejection(), name="reviews of a token"))
        if not ends:
            await asyncio.Event().wait()
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in ends:
                task.cancel()
            await asyncio.wait(ends)

    async def _expiry(self, ends_at: float) -> str:
        while (left := ends_at - self._now()) > 0:  # noqa: ASYNC110 (waits for a clock)
            await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))
        return "the token expires: reconnect with a fresh one"

    async def _rejection(self) -> str:
        rejected_since: float | None = None
        while True:
            again = rejected_since is not None
            await asyncio.sleep(_REVIEW_AGAIN_SECONDS if again else _REVIEW_INTERVAL_SECONDS)
            if not await self._is_rejected():
                rejected_since = None
                continue
            rejected_since = rejected_since or time.monotonic()
            if time.monotonic() - rejected_since >= _REJECTED_SECONDS:
                return "the API server rejects the token: reconnect with a fresh one"

    async def _is_rejected(self) -> bool:
        try:
            await self._reviews.expect_authenticated(self._caller.client)
        except Unauthenticated:
            return True
        except GatewayError:
            return False
        return False


def _end(expires_at: float | None, now: float) -> float | None:
    """The end of a connection; a token that is nearly over still gets half of its time."""
    if expires_at is None:
        return None
    left = expires_at - now
    if left <= 0:
        raise CallerUnauthenticated("the token has expired")
    return expires_at - min(_LEAD_SECONDS, left / 2)
