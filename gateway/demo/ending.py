"""An end for responses that would go on for ever, such as a log that is followed."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Ending"]


class Ending:
    """An application whose responses can all be ended: what has begun is closed properly."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.running: set[asyncio.Task[Any]] = set()
        self.ended = False

    def end(self) -> None:
        """End every response now."""
        self.ended = True
        for task in tuple(self.running):
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def tell(message: Message) -> None:
            nonlocal begun
            await send(message)
            begun = True

        task = asyncio.current_task()
        if task is not None:
            self.running.add(task)
        try:
            await self.app(scope, receive, tell)
        except asyncio.CancelledError:
            if not (self.ended and begun):
                raise
            # the client sees a response that is over, not a connection that broke
            await send({"type": "http.response.body", "body": b""})
        finally:
            if task is not None:
                self.running.discard(task)
