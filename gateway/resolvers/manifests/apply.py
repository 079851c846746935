"""``applyManifest``: server-side apply of one object after the other (KEP-555).

Before the first write the whole text is read, every object is checked, and the requests are counted against
the operation's limit. Each object takes a GET and a PATCH: the GET shows whether the PATCH changes anything.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.errors import BadArgument, Forbidden, GatewayError, NotFound, ServerTimeout, Status
from gateway.kube.client import KubeClient, Response
from gateway.kube.redaction import is_secret_path
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.decoding import decode_object, source_of
from gateway.resolvers.manifests.comparison import Before, has_changed, version_of
from gateway.resolvers.manifests.installing import (
    WAIT_SECONDS,
    await_active,
    await_established,
    comes_first,
    defined_kind,
    defined_kinds,
    is_namespace,
)
from gateway.resolvers.manifests.reading import (
    JSONObject,
    Target,
    audit_document,
    check_objects,
    ends_run,
    error_of,
    note_document_warnings,
    place_of,
    read_manifest,
    target_of,
)
from gateway.resolvers.manifests.resources import ResourceFinder, unknown_kind
from gateway.resolvers.write import APPLY_PATCH
from gateway.resolvers.write_request import Write, exchange
from gateway.resolvers.written import FIELD_MANAGER
from schema.manifests import ManifestObject
from schema.model import Verb
from schema.resources import GroupVersionKind, Resource

__all__ = ["ApplyOptions", "apply_manifest", "apply_write"]

_CREATED = 201
_USABLE_TIME = 0.9
"""The part of ``--operation-timeout`` in which requests are sent."""
_NEW_KIND_SECONDS = 5.0
_NEW_KIND_PAUSE_SECONDS = 0.2
Kinds = Mapping[GroupVersionKind, Resource]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The arguments of an apply beside the objects."""

    field_manager: str | None = None
    field_validation: str = "Strict"
    force: bool = False
    dry_run: bool = False

    @property
    def manager(self) -> str:
        return self.field_manager or FIELD_MANAGER


def apply_write(target: Target, options: ApplyOptions) -> Write:
    """The request that applies one object."""
    parameters = {
        "fieldManager": options.manager,
        "fieldValidation": options.field_validation,
        "force": "true" if options.force else "false",
        **({"dryRun": "All"} if options.dry_run else {}),
    }
    return Write("PATCH", target.path, target.body, APPLY_PATCH, parameters, repeatable=True)


async def apply_manifest(
    known: Kinds,
    _source: object,
    info: Info,
    *,
    manifest: str,
    namespace: str | None = None,
    stop_on_error: bool = False,
    **options: Any,
) -> Any:
    """Answer ``applyManifest(manifest: …)``. Raises GatewayError for a failure before the first write."""
    chosen = ApplyOptions(**options)
    read = await read_manifest(info, manifest, namespace, chosen.field_validation)
    client = limited_client_of(info)
    finder = ResourceFinder(client, Verb.APPLY, known, info.context.filters)
    defined = defined_kinds(read.objects)
    elsewhere = [item.kind for item in read.objects if (item.kind.group, item.kind.kind) not in defined]
    missing = finder.unknown_group_versions(elsewhere)
    budget_of(info).reserve_requests(2 * len(read.objects) + len(missing))
    for group_version in missing:
        await finder.discover(group_version)
    default = info.context.default_namespace
    check_objects(read.objects, finder, namespace, default)
    run = _Run(info, client, finder, chosen, namespace, stop_on_error, defined)
    return await run.all_of(read.objects)


@dataclass(slots=True)
class _Run:
    """The progress of one manifest."""

    info: Info
    client: KubeClient
    finder: ResourceFinder
    options: ApplyOptions
    namespace: str | None
    stop_on_error: bool
    defined: set[tuple[str, str]]
    started: float = field(default_factory=time.monotonic)
    ended: bool = False
    size: int = 0
    new_namespaces: set[str] = field(default_factory=set)
    applied_kinds: set[tuple[str, str]] = field(default_factory=set)
    new_kinds: set[tuple[str, str]] = field(default_factory=set)
    found: set[GroupVersionKind] = field(default_factory=set)
    not_established: dict[tuple[str, str], str] = field(default_factory=dict)

    async def all_of(self, objects: tuple[ManifestObject, ...]) -> Any:
        """``ApplyManifestResult``: namespaces and CustomResourceDefinitions first, the others in order."""
        results: dict[int, JSONObject] = {}
        for item in sorted(objects, key=lambda item: not comes_first(item)):
            result = audit_document(self.info, await self._one(item))
            results[item.index] = result
        documents = [results[item.index] for item in objects]
        return source_of(lambda: {"documents": documents}, self.size)

    async def _one(self, item: ManifestObject) -> JSONObject:
        place = place_of(item, self.finder, self.namespace or self._default)
        if self.ended:
            return {**place, "outcome": "SKIPPED"}
        try:
            self._expect_time()
            await self._await_kind(item)
            if (reason := self._reason_to_skip(item)) is not None:
                return {**place, "outcome": "SKIPPED", "error": error_of(reason)}
            target = target_of(item, self.finder, self.namespace, self._default)
            place["namespace"] = target.namespace
            outcome, applied = await self._apply(target)
        except GatewayError as error:
            note_document_warnings(self.info, error, item.index)
            self.ended = self.stop_on_error or ends_run(error) or self._is_late
            return {**place, "outcome": "FAILED", "error": error_of(error)}
        await self._note_applied(target, outcome, applied)
        return {**place, "outcome": outcome, "object": applied}

    @property
    def _wait_deadline(self) -> float:
        return self.started + WAIT_SECONDS

    @property
    def _is_late(self) -> bool:
        return time.monotonic() - self.started > _USABLE_TIME * budget_of(self.info).limits.timeout

    def _expect_time(self) -> None:
        """Stop before the operation's time is over: a result then says how far it came."""
        timeout = budget_of(self.info).limits.timeout
        if self._is_late:
            message = (
                f"the time of the operation is nearly over ({timeout:g} s, --operation-timeout):"
                " apply the manifest again, or in parts"
            )
            raise ServerTimeout(Status(504, "Timeout", message))

    @property
    def _default(self) -> str:
        return self.info.context.default_namespace

    async def _apply(self, target: Target) -> tuple[str, JSONObject]:
        """The outcome and the object. Raises GatewayError."""
        before = await self._read(target)
        response = await self._send(target)
        note_document_warnings(self.info, response, target.object.index)
        applied = decode_object(response.body)
        self.size += len(response.body)
        if response.status == _CREATED:
            return "CREATED", applied
        has_status = target.resource.subresource("status") is not None
        if before is None or has_changed(before, applied, self.options.manager, has_status=has_status):
            return "CONFIGURED", applied
        return "UNCHANGED", applied

    async def _read(self, target: Target) -> Before | None:
        """The live object; None if there is none. Raises GatewayError.

        For a caller that may patch and not get, a dry run gives the version.
        """
        is_masked = self.client.redacts and is_secret_path(target.path)
        if is_masked and self.options.dry_run:
            raise BadArgument(
                "this gateway masks the values of Secrets (--redact), so that it cannot tell whether an apply"
                " would change them"
            )
        try:
            live = decode_object((await self.client.get(target.path)).body)
        except NotFound:
            return None
        except Forbidden:
            if self.options.dry_run:
                raise
            write = apply_write(target, replace(self.options, dry_run=True))
            response = await exchange(self.client, write)
            return None if response.status == _CREATED else Before(version_of(decode_object(response.body)))
        return Before(version_of(live)) if is_masked else Before.of(live)

    async def _send(self, target: Target) -> Response:
        """Apply; a kind that has just been installed may not be served by each API server yet."""
        write, kind = apply_write(target, self.options), _group_kind(target.object)
        deadline = time.monotonic() + (_NEW_KIND_SECONDS if kind in self.new_kinds else 0)
        while True:
            try:
                return await exchange(self.client, write)
            except NotFound as error:
                if time.monotonic() >= deadline or error.status.details.get("kind") == "namespaces":
                    raise
            await asyncio.sleep(_NEW_KIND_PAUSE_SECONDS)

    async def _await_kind(self, item: ManifestObject) -> None:
        """Find the resource of a kind that the manifest itself defines. Raises GatewayError.

        Waits for discovery if its CustomResourceDefinition was applied before.
        """
        kind = _group_kind(item)
        if kind not in self.defined or item.kind in self.found:
            return
        self.found.add(item.kind)
        if kind in self.not_established:
            message = f"its CustomResourceDefinition cannot be used: {self.not_established[kind]}"
            raise ServerTimeout(Status(504, "Timeout", message))
        is_new = kind in self.new_kinds
        if not is_new and self.finder.find(item.kind) is not None:
            return
        if kind not in self.applied_kinds:
            await self.finder.discover(item.kind.group_version)
        elif not await self.finder.discover_kind(item.kind, self._wait_deadline - time.monotonic()):
            message = f"{unknown_kind(item.kind)} after {WAIT_SECONDS:g} s"
            raise ServerTimeout(Status(504, "Timeout", message))

    def _reason_to_skip(self, item: ManifestObject) -> GatewayError | None:
        """A dry run stores no namespace and no CustomResourceDefinition, and cannot check their objects."""
        if not self.options.dry_run:
            return None
        resource = self.finder.find(item.kind)
        missing = ""
        if resource is None and _group_kind(item) in self.defined:
            missing = f"its kind {item.kind.kind} is"
        elif resource is None or resource.namespaced:
            namespace = item.namespace or self.namespace or self._default
            missing = f"its namespace {namespace} is" if namespace in self.new_namespaces else ""
        if not missing:
            return None
        return NotFound(
            Status(404, "NotFound", f"a dry run cannot check this object: {missing} not there yet")
        )

    async def _note_applied(self, target: Target, outcome: str, applied: JSONObject) -> None:
        """Wait until the objects that depend on this one can be created."""
        item, kind = target.object, defined_kind(target.object)
        if self.options.dry_run:
            if is_namespace(item) and outcome == "CREATED":
                self.new_namespaces.add(item.name)
            return
        try:
            if is_namespace(item) and outcome == "CREATED":
                await await_active(self.client, target.path, applied, self._wait_deadline)
            if kind is None:
                return
            reason = await await_established(self.client, target.path, applied, self._wait_deadline)
        except GatewayError as error:
            reason = error.message
        if kind is None:
            return
        if reason:
            self.not_established[kind] = reason
            return
        self.applied_kinds.add(kind)
        if outcome == "CREATED":
            self.new_kinds.add(kind)


def _group_kind(item: ManifestObject) -> tuple[str, str]:
    return item.kind.group, item.kind.kind
