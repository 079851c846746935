"""The routes of the demo API server, as a Starlette application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.demo.apiserver.catalog import Catalog
from gateway.demo.apiserver.discovery import (
    AGGREGATED,
    aggregated,
    api_group,
    api_versions,
    group_list,
    openapi_index,
    resource_list,
)
from gateway.demo.apiserver.resource_api import ResourceApi, json_response
from gateway.demo.apiserver.reviews import User, authenticate
from gateway.demo.apiserver.statuses import ApiError, no_such_resource
from schema.resources import GroupVersion

__all__ = ["Routes", "build_app"]

Handler = Callable[[Request], Awaitable[Response]]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Routes:
    """The request handlers, one per URL pattern.

    ``tokens``: user names by bearer token.
    """

    catalog: Catalog
    api: ResourceApi
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)

    def user(self, request: Request) -> User:
        return authenticate(request.headers.get("authorization", ""), self.tokens)

    async def version(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        return json_response({**self.catalog.version, "platform": "demo"})

    async def healthy(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        return PlainTextResponse("ok")

    async def core(self, request: Request) -> Response:
        self.user(request)
        if _wants_aggregated(request):
            return _aggregated_response(self.catalog, core=True)
        return json_response(api_versions(request.url.netloc))

    async def groups(self, request: Request) -> Response:
        self.user(request)
        if _wants_aggregated(request):
            return _aggregated_response(self.catalog, core=False)
        return json_response(group_list(self.catalog))

    async def group(self, request: Request) -> Response:
        self.user(request)
        name = request.path_params["group"]
        for group in self.catalog.groups:
            if group["metadata"].get("name") == name:
                return json_response({"kind": "APIGroup", "apiVersion": "v1", **api_group(group)})
        return PlainTextResponse("404 page not found\n", 404)

    async def group_version(self, request: Request) -> Response:
        self.user(request)
        group_version = _group_version(request)
        if not self.catalog.serves(group_version):
            raise no_such_resource()
        return json_response(resource_list(self.catalog, group_version))

    async def openapi(self, request: Request) -> Response:
        self.user(request)
        return json_response(openapi_index(self.catalog))

    async def openapi_document(self, request: Request) -> Response:
        self.user(request)
        document = self.catalog.documents.get(request.path_params["path"])
        if document is None:
            return PlainTextResponse("404 page not found\n", 404)
        etag = f'"{document.hash}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        response = json_response(document.raw)
        response.headers["ETag"] = etag
        return response

    async def resource(self, request: Request) -> Response:
        user = self.user(request)
        target = self.catalog.target(_group_version(request), request.path_params["rest"])
        if target is None:
            raise no_such_resource()
        return await self.api.answer(request, target, user)


def _group_version(request: Request) -> GroupVersion:
    return GroupVersion(request.path_params.get("group", ""), request.path_params["version"])


def _wants_aggregated(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return any("as=APIGroupDiscoveryList" in item and "v=v2" in item.split(";") for item in accept.split(","))


def _aggregated_response(catalog: Catalog, *, core: bool) -> Response:
    response = json_response(aggregated(catalog, core=core))
    response.headers["Content-Type"] = AGGREGATED
    return response


def build_app(routes: Routes) -> Starlette:
    """Build the Starlette application: its routes and its exception handlers."""
    return Starlette(
        routes=[
            Route("/version", routes.version),
            *(Route(path, routes.healthy) for path in ("/livez", "/readyz", "/healthz")),
            Route("/api", routes.core),
            Route("/apis", routes.groups),
            Route("/apis/{group}", routes.group),
            Route("/api/{version}", routes.group_version),
            Route("/apis/{group}/{version}", routes.group_version),
            Route("/openapi/v3", routes.openapi),
            Route("/openapi/v3/{path:path}", routes.openapi_document),
            Route("/api/{version}/{rest:path}", routes.resource, methods=METHODS),
            Route("/apis/{group}/{version}/{rest:path}", routes.resource, methods=METHODS),
        ],
        exception_handlers={ApiError: _refused, HTTPException: _not_found},
    )


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    if not isinstance(error, ApiError):
        raise error
    response = json_response(error.status, status=error.code)
    if error.details and "retryAfterSeconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retryAfterSeconds"])
    return response


async def _not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    code = error.status_code if isinstance(error, HTTPException) else 500
    return PlainTextResponse(f"{code} page not found\n" if code == 404 else f"{error}\n", code)
