"""uvicorn's websocket protocol, which hands its socket one piece of data per turn of the event loop.

A subscriber to whom several events are told at once gets them together: a quarter to a third less CPU per
message when a burst goes to a thousand subscribers. Nothing is put off beyond the turn that it was sent in.
"""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.protocol import State

__all__ = ["GatheringProtocol"]

SERVICE_RESTART = 1012

FAREWELL = 1.0
"""Seconds in which a client that answers no ping may still read why it is left."""
MOST_BYTES = 64 * 1024
"""What is gathered at most: with as much waiting, a transport asks its writer to pause."""


class GatheringProtocol(WebSocketsSansIOProtocol):
    """One websocket connection; all but text messages go as uvicorn sends them, after what was gathered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathered = 0

    async def send(self, message: Any) -> None:
        """Send an ASGI message; raises ClientDisconnected where there is nobody to send it to any more."""
        text = message.get("text") if message["type"] == "websocket.send" else None
        if text is None or not self.handshake_complete:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        self._gather(text.encode())

    def _gather(self, data: bytes) -> None:
        try:
            self.conn.send_text(data)
        except InvalidState as error:
            raise ClientDisconnected from error
        if not self._gathered:
            self.loop.call_soon(self._hand_over)
        self._gathered += len(data)
        if self._gathered >= MOST_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        self._gathered = 0
        if not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))

    def keepalive_timeout(self) -> None:
        """Leave a client that answers no ping; what it has not read by then is not waited for."""
        super().keepalive_timeout()
        self.loop.call_later(FAREWELL, self.transport.abort)

    def shutdown(self) -> None:
        """Close as the server ends, and let the client answer first, as RFC 6455 wants it (7.1.1).

        A connection that is gone at once is reset by whatever the client sends meanwhile, and may take the
        reason with it.
        """
        if self.close_sent or not self.handshake_complete or self.conn.state is not State.OPEN:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": SERVICE_RESTART})
        self.conn.send_close(SERVICE_RESTART, "the gateway is shutting down")
        self.transport.write(b"".join(self.conn.data_to_send()))
        # nothing can be sent any more; the answer is all that may come
        self.disconnected = self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
