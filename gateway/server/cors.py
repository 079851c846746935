"""Cross-Origin Resource Sharing (Fetch standard, section 3.3): pages of other origins that may use this API.

The outermost layer, so that refusals and failures have the headers, too: a page cannot read an error without
them. A listed origin may send credentials (cookies of a front proxy); ``*`` never allows them.
"""

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.identity import Origins
from gateway.server.responses import error_response

__all__ = ["CORS"]

_METHODS = "GET, POST, PUT, DELETE"
"""PUT and DELETE are of graphql-sse's single connection mode."""
_EXPOSED = "ETag, Retry-After, WWW-Authenticate"
_MAX_AGE_SECONDS = "7200"
"""Chromium's upper bound."""
_VARY_OF_PREFLIGHT = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]{1,100}(\s*,\s*[A-Za-z0-9-]{1,100}){0,63}", re.ASCII)


class CORS:
    """Answers preflight requests, and adds the headers for allowed origins to the responses of ``paths``."""

    def __init__(self, app: ASGIApp, origins: Origins, paths: Collection[str]) -> None:
        self._app = app
        self._origins = origins
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(headers)(scope, receive, send)
            return
        await self._respond(scope, receive, send, headers.get("origin", ""))

    def _preflight(self, request: Headers) -> Response:
        origin = request.get("origin", "")
        if not self._origins.allows(origin):
            return error_response(
                403, "pages of this origin may not use this gateway (--cors-origins)", "FORBIDDEN"
            )
        headers = MutableHeaders(
            {
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Max-Age": _MAX_AGE_SECONDS,
                "Vary": _VARY_OF_PREFLIGHT,
            }
        )
        names = request.get("access-control-request-headers", "")
        if _HEADER_NAMES.fullmatch(names):
            headers["Access-Control-Allow-Headers"] = names
        self._allow(headers, origin)
        return Response(status_code=204, headers=headers)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, origin: str) -> None:
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # an app may send one Response several times: copy its headers
                message = {**message, "headers": list(message["headers"])}
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("Origin")
                if self._origins.allows(origin):
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
                    self._allow(headers, origin)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # raised again: a browser shows a page no response without CORS headers
            if not started:
                response = error_response(500, "internal error", "INTERNAL")
                await response(scope, receive, send_with_headers)
            # Starlette's outer layer logs it
            raise

    def _allow(self, headers: MutableHeaders, origin: str) -> None:
        if self._origins.lists(origin):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Credentials"] = "true"
        else:
            headers["Access-Control-Allow-Origin"] = "*"
