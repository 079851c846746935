"""A connection that is not made to its end is closed at once, also when it was cancelled meanwhile."""

from typing import Any

import anyio
import httpcore

__all__ = ["ClosesWhatFails"]


class ClosesWhatFails:
    """httpcore's ``trace`` extension of one request.

    A cancelled TLS handshake left its socket open, on both sides, until the garbage collector came by:
    httpcore closes it for errors only.
    """

    def __init__(self) -> None:
        self._opened: httpcore.AsyncNetworkStream | None = None

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith(".connect_tcp.complete"):
            self._opened = info["return_value"]
        elif event.endswith(".failed") and self._opened is not None:
            with anyio.CancelScope(shield=True):
                await self._opened.aclose()
