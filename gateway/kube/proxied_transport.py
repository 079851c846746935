"""HTTP/1.1 to one API server through a proxy: httpx's transport, which supports HTTP tunnels and SOCKS."""

import ssl
from collections.abc import AsyncIterator, Mapping
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
        response = await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                self._origin + request.target,
                headers=list(request.headers),
                content=request.body,
                extensions={"timeout": _timeouts(request), "trace": _CloseOnFailedConnect()},
            )
        )
        return _Response(response)

    async def aclose(self) -> None:
        """Close every connection, including connections in use."""
        await self._transport.aclose()


class _Response(Answer):
    """A response of httpx."""

    def __init__(self, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def arrived(self) -> bytes | None:
        """None: httpx does not expose how much of a body it has received."""
        return None

    def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        return self._response.aiter_raw(chunk_size)

    async def aclose(self) -> None:
        await self._response.aclose()


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
