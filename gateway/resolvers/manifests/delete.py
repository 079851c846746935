"""``deleteManifest``: deletes the objects in the reverse order of ``applyManifest``."""

from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError, NotFound, Status
from gateway.kube.client import KubeClient
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.decoding import decode_object, source_of
from gateway.resolvers.manifests.apply import Kinds
from gateway.resolvers.manifests.installing import comes_first
from gateway.resolvers.manifests.reading import (
    JSONObject,
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
from gateway.resolvers.write_request import Write, exchange
from gateway.resolvers.written import JSON
from schema.manifests import ManifestObject
from schema.model import Verb

__all__ = ["delete_manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The arguments beside the objects."""

    propagation_policy: str | None = None
    grace_period_seconds: int | None = None
    dry_run: bool = False
    ignore_not_found: bool = False
    stop_on_error: bool = False

    def body(self) -> JSONObject:
        """``DeleteOptions``."""
        options = {
            "propagationPolicy": self.propagation_policy,
            "gracePeriodSeconds": self.grace_period_seconds,
            "dryRun": ["All"] if self.dry_run else None,
        }
        given = {key: value for key, value in options.items() if value is not None}
        return {"kind": "DeleteOptions", "apiVersion": "v1", **given}


async def delete_manifest(
    known: Kinds,
    _source: object,
    info: Info,
    *,
    manifest: str,
    namespace: str | None = None,
    **options: Any,
) -> Any:
    """Answer ``deleteManifest(manifest: …)``. Raises GatewayError for a failure before the first write."""
    read = await read_manifest(info, manifest, namespace, "Ignore")
    client = limited_client_of(info)
    finder = ResourceFinder(client, Verb.DELETE, known, info.context.filters)
    missing = finder.unknown_group_versions(item.kind for item in read.objects)
    budget_of(info).reserve_requests(len(read.objects) + len(missing))
    for group_version in missing:
        await finder.discover(group_version)
    check_objects(read.objects, finder, namespace, info.context.default_namespace)
    return await _Run(info, client, finder, namespace, _Options(**options)).all_of(read.objects)


def _in_reverse(objects: tuple[ManifestObject, ...]) -> list[ManifestObject]:
    """The reverse order of an apply."""
    return sorted(objects, key=lambda item: (comes_first(item), -item.index))


@dataclass(slots=True)
class _Run:
    """The progress of one manifest."""

    info: Info
    client: KubeClient
    finder: ResourceFinder
    namespace: str | None
    options: _Options
    ended: bool = False
    size: int = 0

    async def all_of(self, objects: tuple[ManifestObject, ...]) -> Any:
        """``DeleteManifestResult``: the last object first; namespaces and definitions after all others."""
        results: dict[int, JSONObject] = {}
        for item in _in_reverse(objects):
            result = audit_document(self.info, await self._one(item))
            results[item.index] = result
        documents = [results[item.index] for item in objects]
        return source_of(lambda: {"documents": documents}, self.size)

    async def _one(self, item: ManifestObject) -> JSONObject:
        default = self.info.context.default_namespace
        place = place_of(item, self.finder, self.namespace or default)
        if self.ended:
            return {**place, "outcome": "SKIPPED"}
        try:
            return {**place, "outcome": "DELETED", "object": await self._delete(item)}
        except NotFound as error:
            if self.options.ignore_not_found:
                return {**place, "outcome": "NOT_FOUND"}
            self.ended = self.options.stop_on_error
            return {**place, "outcome": "NOT_FOUND", "error": error_of(error)}
        except GatewayError as error:
            note_document_warnings(self.info, error, item.index)
            self.ended = self.options.stop_on_error or ends_run(error)
            return {**place, "outcome": "FAILED", "error": error_of(error)}

    async def _delete(self, item: ManifestObject) -> JSONObject | None:
        """The object while its deletion lasts. Raises GatewayError."""
        if self.finder.find(item.kind) is None:
            raise NotFound(Status(404, "NotFound", unknown_kind(item.kind)))
        target = target_of(item, self.finder, self.namespace, self.info.context.default_namespace)
        options = self.options
        write = Write("DELETE", target.path, options.body(), JSON, repeatable=options.dry_run)
        response = await exchange(self.client, write)
        note_document_warnings(self.info, response, item.index)
        self.size += len(response.body)
        answer = decode_object(response.body)
        is_status = (answer.get("apiVersion"), answer.get("kind")) == ("v1", "Status")
        return None if is_status else answer
