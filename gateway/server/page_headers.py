"""Headers that protect the pages of this gateway, which act with their reader's rights."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["PageHeaders", "content_security_policy", "page_headers"]

_SELF = "'self'"


def content_security_policy(
    *, script: str = _SELF, style: str = _SELF, img: str = _SELF, font: str = _SELF
) -> str:
    """A policy that allows these sources, connections to the gateway, and nothing else."""
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src {img}; font-src {font}; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def page_headers(policy: str) -> Mapping[str, str]:
    """The headers of a page with that Content Security Policy."""
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


class PageHeaders:
    """Adds :func:`page_headers` to every response of an app."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = page_headers(policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)
