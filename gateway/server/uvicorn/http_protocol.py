"""uvicorn's HTTP protocol, which leaves nothing behind where a connection becomes a websocket."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HTTPProtocol"]


class HTTPProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    def handle_websocket_upgrade(self) -> None:
        """Hand it over. The parser, which knows this protocol, would keep it until a collection."""
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn does where a connection ends
