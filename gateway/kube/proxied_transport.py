"""HTTP/1.1 to one API server through a proxy: httpx's transport, which knows HTTP tunnels and SOCKS."""

import ssl
from typing import Any

import anyio
import httpcore
import httpx

from gateway.kube.transport import Answer, Request, Transport

__all__ = ["ProxiedTransport"]

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60.0)
"""Connections are not limited: every watch occupies one (HTTP/1.1)."""


class ProxiedTransport(Transport):
    """Connections through ``proxy`` to the server of ``url``."""

    def __init__(self, url: httpx.URL, context: ssl.SSLContext, proxy: httpx.Proxy) -> None:
        self._origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        self._transport = httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, http1=True, http2=False, limits=_LIMITS, proxy=proxy
        )

    async def send(self, request: Request) -> Answer:
        """The response, its body unread. Raises httpx's exceptions."""
        return await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                self._origin + request.target,
                headers=list(request.headers),
                content=request.body,
                extensions={"timeout": _timeouts(request), "trace": _CloseOnFailedConnect()},
            )
        )

    async def aclose(self) -> None:
        """Close every connection, including connections in use."""
        await self._transport.aclose()


def _timeouts(request: Request) -> dict[str, float]:
    connect = request.connect_timeout
    return {"connect": connect, "read": request.read_timeout, "write": request.write_timeout, "pool": connect}


class _CloseOnFailedConnect:
    """httpcore's ``trace`` extension of one request: closes the socket when connecting fails or is cancelled.

    httpcore closes it on errors only: after a cancelled TLS handshake the socket stayed open until the
    garbage collector ran.
    """

    def __init__(self) -> None:
        self._opened: httpcore.AsyncNetworkStream | None = None

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith(".connect_tcp.complete"):
            self._opened = info["return_value"]
        elif event.endswith(".failed") and self._opened is not None:
            with anyio.CancelScope(shield=True):
                await self._opened.aclose()
