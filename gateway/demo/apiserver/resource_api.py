"""Requests for resources: HTTP in front, storage, writes, lists and watches behind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.demo.apiserver.catalog import Catalog, Target, table_of
from gateway.demo.apiserver.deletion import delete_object, parse_delete_options
from gateway.demo.apiserver.evictions import evict
from gateway.demo.apiserver.lists import list_objects
from gateway.demo.apiserver.patches import patch_object, patch_scale
from gateway.demo.apiserver.pod_logs import LogSource, PodLogs
from gateway.demo.apiserver.representation import Representation, negotiate
from gateway.demo.apiserver.requests import (
    ListOptions,
    PatchType,
    WriteOptions,
    parse_list_options,
    parse_version,
    parse_write_options,
    read_body,
    read_patch,
)
from gateway.demo.apiserver.reviews import REVIEWS, User, review
from gateway.demo.apiserver.scale import SCALE, read_scale, scaled
from gateway.demo.apiserver.selectors import Selection, parse_selection
from gateway.demo.apiserver.statuses import (
    Cause,
    bad_request,
    invalid,
    invalid_options,
    method_not_allowed,
    success,
    too_large_version,
)
from gateway.demo.apiserver.storage import Storage, Stored, preview
from gateway.demo.apiserver.watch import Watcher, WatchSettings
from gateway.demo.apiserver.writes import Writer, Written

__all__ = ["ResourceApi", "json_response"]

JSON = "application/json"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def json_response(value: Any, *, status: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    """JSON, with the warnings that clients show to their users (RFC 7234, ``299``)."""
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    response = Response(raw, status, media_type=JSON)
    for warning in warnings:
        escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("Warning", f'299 - "{escaped}"')
    return response


class ResourceApi:
    """Answers requests for resources; ``freshness`` is how many seconds a read waits for a version."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        writer: Writer,
        settings: WatchSettings,
        freshness: float,
        log_source: LogSource,
    ) -> None:
        self.catalog = catalog
        self.storage = storage
        self.writer = writer
        self.settings = settings
        self.freshness = freshness
        self.logs = PodLogs(storage, log_source)
        self.watchers: set[Watcher] = set()

    async def answer(self, request: Request, target: Target, user: User) -> Response:
        """Answer one request; refusals are ApiErrors."""
        resource = target.resource
        if request.method in ("GET", "HEAD"):
            return await self._read(request, target)
        verb = VERBS.get(request.method, "")
        if verb == "delete" and not target.name:
            verb = "deletecollection"
        subresource = resource.subresource(target.subresource)
        verbs = subresource.verbs if subresource else resource.verbs
        by_name = verb not in ("create", "deletecollection") or bool(target.subresource)
        if verb not in verbs or by_name is not bool(target.name):
            raise method_not_allowed()
        if resource.namespaced and not target.namespace:
            raise method_not_allowed()
        if table_of(resource) in REVIEWS:
            body = await read_body(request)
            return json_response(review(resource.gvr.resource, body, user), status=201)
        return await self._write(request, target, verb)

    async def _read(self, request: Request, target: Target) -> Response:
        accept = request.headers.get("accept", "")
        representation = negotiate(target.resource, accept, custom=self.catalog.is_custom(target.resource))
        if target.name:
            return await self._get(request, target, representation)
        if "list" not in target.resource.verbs:
            raise method_not_allowed()
        options = parse_list_options(request.query_params)
        if options.watch:
            return self._watch(target, representation, options)
        return await self._list(target, representation, options)

    async def _get(self, request: Request, target: Target, representation: Representation) -> Response:
        subresource = target.resource.subresource(target.subresource)
        if "get" not in (subresource or target.resource).verbs:
            raise method_not_allowed()
        await self._fresh(parse_version(request.query_params.get("resourceVersion", "")))
        stored = self.writer.find(target)
        if target.subresource == "log":
            return self.logs.response(stored, request.query_params)
        if target.subresource == "scale":
            return json_response(self._scale(target, stored))
        return json_response(representation.object(stored))

    def _selection(self, target: Target, options: ListOptions) -> Selection:
        more = self.catalog.custom(target.resource).selectable
        return parse_selection(target.resource, options.label_selector, options.field_selector, more)

    def close_watches(self, table: str) -> None:
        """End the watches of a table."""
        for watcher in tuple(self.watchers):
            if watcher.table == table:
                watcher.close()

    async def _list(self, target: Target, representation: Representation, options: ListOptions) -> Response:
        selection = self._selection(target, options)
        await self._fresh(parse_version(options.resource_version, listing=True))
        table = table_of(target.resource)
        page = list_objects(self.storage, table, target.namespace, selection, options)
        return json_response(representation.list(page.items, page.metadata))

    def _watch(self, target: Target, representation: Representation, options: ListOptions) -> Response:
        selection = self._selection(target, options)
        table = table_of(target.resource)
        watcher = Watcher(
            self.storage, table, target.namespace, selection, representation, options, self.settings
        )
        return StreamingResponse(self._stream(watcher), media_type=JSON)

    async def _stream(self, watcher: Watcher) -> AsyncIterator[bytes]:
        self.watchers.add(watcher)
        try:
            async for chunk in watcher.lines():
                yield chunk
        finally:
            self.watchers.discard(watcher)

    async def _fresh(self, version: int) -> None:
        """Wait until the storage has reached a version; refuses (504) after the time-out."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.freshness
        while version > self.storage.revision:
            if loop.time() >= end:
                raise too_large_version(version, self.storage.revision)
            await asyncio.sleep(min(0.02, self.freshness))

    async def _write(self, request: Request, target: Target, verb: str) -> Response:
        accept = request.headers.get("accept", "")
        representation = negotiate(target.resource, accept, custom=self.catalog.is_custom(target.resource))
        match verb:
            case "create" if target.subresource == "eviction":
                pod, eviction = self.writer.find(target), await read_body(request)
                done = evict(self.storage, self.writer.stamps, target, pod, eviction)
                return json_response(done, status=201)
            case "create":
                options = _write_options(request, "CreateOptions")
                body = self._typed(target, await read_body(request))
                written = self.writer.create(target, body, options)
            case "update":
                written = await self._update(request, target)
            case "patch":
                written = await self._patch(request, target)
            case "delete":
                return await self._delete(request, target, representation)
            case _:
                return await self._delete_collection(request, target, representation)
        if target.subresource == "scale":
            return json_response(self._scale(target, written.stored))
        return json_response(
            representation.object(written.stored),
            status=201 if written.created else 200,
            warnings=written.warnings,
        )

    def _scale(self, target: Target, stored: Stored) -> bytes:
        paths = self.catalog.custom(target.resource).scale
        return Representation(SCALE).object(preview(stored.key, read_scale(stored, paths)))

    async def _update(self, request: Request, target: Target) -> Written:
        options = _write_options(request, "UpdateOptions")
        body = await read_body(request)
        version = (body.get("metadata") or {}).get("resourceVersion")
        if self.catalog.is_custom(target.resource) and not version:
            cause = Cause.invalid("metadata.resourceVersion", "0", "must be specified for an update")
            raise invalid(target.resource, target.name, [cause], kind=target.resource.gvr.resource)
        old = self.writer.find(target)
        if target.subresource == "scale":
            paths = self.catalog.custom(target.resource).scale
            return self.writer.update(target, old, scaled(target.resource, old, body, paths), options)
        return self.writer.update(target, old, self._typed(target, body), options)

    def _typed(self, target: Target, body: dict[str, Any]) -> dict[str, Any]:
        """The body; refuses a custom resource without a kind. For built-in kinds the path determines it."""
        if "kind" not in body and self.catalog.is_custom(target.resource):
            why = f"(must be of type {target.resource.kind.kind}): Object 'Kind' is missing"
            raise bad_request(f"the object provided is unrecognized {why}")
        return body

    async def _patch(self, request: Request, target: Target) -> Written:
        patch = await read_patch(request, custom=self.catalog.is_custom(target.resource))
        options = _write_options(request, "PatchOptions")
        if patch.type is PatchType.APPLY and not request.query_params.get("fieldManager"):
            cause = Cause.required("fieldManager", "is required for apply patch")
            raise invalid_options("PatchOptions", [cause])
        if target.subresource == "scale":
            return patch_scale(self.writer, target, patch, options)
        return patch_object(self.writer, target, patch, options)

    async def _delete(self, request: Request, target: Target, representation: Representation) -> Response:
        options = parse_delete_options(request.query_params, await read_body(request, required=False))
        old = self.writer.find(target)
        stored, gone = delete_object(self.storage, target, old, options)
        if gone and table_of(target.resource) != "pods":
            uid = old.object["metadata"].get("uid", "")
            return json_response(success(target.resource, target.name, uid))
        return json_response(representation.object(stored))

    async def _delete_collection(
        self, request: Request, target: Target, representation: Representation
    ) -> Response:
        options = parse_delete_options(request.query_params, await read_body(request, required=False))
        selected = parse_list_options(request.query_params)
        selection = self._selection(target, selected)
        table = table_of(target.resource)
        page = list_objects(self.storage, table, target.namespace, selection, selected)
        deleted = []
        for stored in page.items:
            item = Target(target.resource, stored.namespace, stored.name)
            deleted.append(delete_object(self.storage, item, stored, options)[0])
        metadata = {"resourceVersion": str(self.storage.revision)}
        return json_response(representation.list(deleted, metadata))


def _write_options(request: Request, kind: str) -> WriteOptions:
    options = parse_write_options(request.query_params, kind)
    if options.field_manager:
        return options
    # as upstream: the client's name, up to its version
    agent = request.headers.get("user-agent", "").partition("/")[0]
    return replace(options, field_manager=agent or "unknown")
