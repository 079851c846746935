"""uvicorn's websocket protocol with batched writes: one write to the socket per turn of the event loop.

A subscriber gets several events of one turn in one write, which takes a quarter to a third less CPU per
message when a burst reaches a thousand subscribers. No message waits longer than the current turn.
"""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Request
from websockets.protocol import State

from gateway.server.uvicorn.peer import Peer, set_certificate

__all__ = ["LARGEST_BATCH_BYTES", "BatchingWriteProtocol"]

_SERVICE_RESTART = 1012

_CLOSE_TIMEOUT_SECONDS = 1.0
"""After the close frame to a client that answers no ping: time to read it before the abort."""
LARGEST_BATCH_BYTES = 64 * 1024
"""The transport's high-water mark: a larger batch would pause the writer anyway."""


class BatchingWriteProtocol(WebSocketsSansIOProtocol):
    """One websocket connection. Only text messages are batched; other frames flush the batch first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._batched_bytes = 0

    def handle_connect(self, event: Request) -> None:
        """Start the app, with the connection's client certificate in its scope."""
        super().handle_connect(event)
        if not self.close_sent:
            set_certificate(self.scope, Peer.of(self.transport))

    async def send(self, message: Any) -> None:
        """Send an ASGI message, with back-pressure. Raises ClientDisconnected after the connection ended."""
        text = message.get("text") if message["type"] == "websocket.send" else None
        if text is None or not self.handshake_complete:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        self._batch(text.encode())

    def _batch(self, data: bytes) -> None:
        try:
            self.conn.send_text(data)
        except InvalidState as error:
            raise ClientDisconnected from error
        if not self._batched_bytes:
            self.loop.call_soon(self._flush)
        self._batched_bytes += len(data)
        if self._batched_bytes >= LARGEST_BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._batched_bytes = 0
        if not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))

    def keepalive_timeout(self) -> None:
        """Close the connection of a client that answers no ping, and abort it shortly afterwards."""
        super().keepalive_timeout()
        self.loop.call_later(_CLOSE_TIMEOUT_SECONDS, self.transport.abort)

    def shutdown(self) -> None:
        """Start the closing handshake and let the client finish it (RFC 6455, 7.1.1).

        Closing the socket at once would reset the connection if the client is sending; the reset may discard
        the close frame before the client reads it.
        """
        if self.close_sent or not self.handshake_complete or self.conn.state is not State.OPEN:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": _SERVICE_RESTART})
        self.conn.send_close(_SERVICE_RESTART, "the gateway is shutting down")
        self.transport.write(b"".join(self.conn.data_to_send()))
        # nothing can be sent any more; only the client's close frame may still arrive
        self.disconnected = self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
