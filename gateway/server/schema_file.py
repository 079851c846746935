"""``/schema.graphql``: the SDL of the current schema, with a validator for caches and code generators."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from gateway.compression import Coding, StoredBody
from gateway.errors import GatewayError
from gateway.execution.schema_access import expect_schema_access
from gateway.identity import Identity
from gateway.resolvers.context import RequestContext
from gateway.server.compression import StoredResponse, negotiated_in
from gateway.server.guard import head_of
from gateway.server.responses import refusal
from gateway.settings import SchemaAccess

__all__ = ["SchemaFile"]

_HEADERS = {"Cache-Control": "private, no-cache"}
"""A cache asks again before each use: a changed CRD changes the schema."""


class SchemaFile:
    """Answers GET and HEAD for callers that may introspect; others get the status of their refusal.

    ``sdl`` returns the current SDL, ``context`` the context of a request as :class:`GraphQLAPI` makes it.
    """

    def __init__(
        self,
        identity: Identity,
        context: Callable[..., RequestContext],
        sdl: Callable[[], Awaitable[StoredBody]],
    ) -> None:
        self._identity = identity
        self._context = context
        self._sdl = sdl

    async def respond(self, request: Request) -> Response:
        """The file, or 304 if ``If-None-Match`` has its validator."""
        try:
            await self._expect_access(request)
        except GatewayError as error:
            return refusal(error)
        sdl = await self._sdl()
        coding = negotiated_in(request.scope).coding
        if (known := _known_validator(request, sdl)) is not None:
            headers = {**_HEADERS, "ETag": known, "Vary": "Accept-Encoding"}
            return Response(status_code=304, headers=headers)
        return StoredResponse(sdl, {**_HEADERS, "ETag": _validator(sdl, coding)}, "text/plain")

    async def _expect_access(self, request: Request) -> None:
        if self._context(None).shared.schema_access is SchemaAccess.ON:
            return
        caller = await self._identity.authenticate(head_of(request.scope))
        await expect_schema_access(self._context(caller.client))


def _validator(sdl: StoredBody, coding: Coding) -> str:
    """A strong validator: every coding has its own, because it names the bytes (RFC 9110, 8.8.3.3)."""
    return f'"{sdl.digest}"' if coding is Coding.IDENTITY else f'"{sdl.digest}-{coding}"'


def _known_validator(request: Request, sdl: StoredBody) -> str | None:
    """The validator of ``If-None-Match`` that names the current SDL, in any coding (RFC 9110, 13.1.2)."""
    listed = ",".join(request.headers.getlist("if-none-match"))
    known = [tag.strip().removeprefix("W/") for tag in listed.split(",")]
    current = [_validator(sdl, coding) for coding in Coding]
    if "*" in known:
        return current[0]
    return next((tag for tag in known if tag in current), None)
