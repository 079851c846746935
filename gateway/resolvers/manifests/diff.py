"""``diffX`` and ``diffManifest``: a dry run of server-side apply, compared with the live object.

A dry run is a PATCH: the API server asks for the right to patch, and stores nothing. Therefore these fields
are queries, and safe by GET, too.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.errors import BadArgument, GatewayError, NotFound
from gateway.kube.client import KubeClient
from gateway.kube.redaction import is_secret_path
from gateway.resolvers.causes import mapped_causes, place_in_object
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.decoding import decode_object, source_of
from gateway.resolvers.manifests.apply import ApplyOptions, Kinds, apply_write
from gateway.resolvers.manifests.comparison import version_of
from gateway.resolvers.manifests.reading import (
    JSONObject,
    check_objects,
    error_of,
    place_of,
    read_manifest,
    target_of,
)
from gateway.resolvers.manifests.resources import ResourceFinder
from gateway.resolvers.write import prepare_apply
from gateway.resolvers.write_request import Write, exchange, note_warnings
from schema.building import RootField
from schema.manifests import ManifestObject
from schema.model import Verb
from schema.object_diff import compare_objects
from schema.resources import GroupVersionKind

__all__ = ["diff_manifest", "diff_object"]

_MOST_READS = 3
"""Reads of an object that changes between the read and the dry run."""


async def diff_object(root: RootField, info: Info, **arguments: Any) -> Any:
    """Answer ``diffPod(object: …)``. Raises GatewayError."""
    write = prepare_apply(root, info, dry_run=True, **arguments)
    budget_of(info).reserve_requests(2)
    client = limited_client_of(info)
    with mapped_causes(place_in_object(info, arguments.get("written"), arguments.get("written_json"))):
        diff, size = await _diff(info, client, write, root.served.resource.kind)
    return source_of(lambda: diff, size)


async def diff_manifest(
    known: Kinds,
    _source: object,
    info: Info,
    *,
    manifest: str,
    namespace: str | None = None,
    **options: Any,
) -> Any:
    """Answer ``diffManifest(manifest: …)``. Raises GatewayError for a manifest that cannot be read."""
    chosen = ApplyOptions(**options, dry_run=True)
    read = await read_manifest(info, manifest, namespace, chosen.field_validation)
    client = limited_client_of(info)
    finder = ResourceFinder(client, Verb.DIFF, known, info.context.filters)
    missing = finder.unknown_group_versions(item.kind for item in read.objects)
    budget_of(info).reserve_requests(2 * len(read.objects) + len(missing))
    for group_version in missing:
        await finder.discover(group_version)
    default = info.context.default_namespace
    check_objects(read.objects, finder, namespace, default)

    async def one(item: ManifestObject) -> tuple[JSONObject, int]:
        place = {**place_of(item, finder, namespace or default), "diff": None}
        try:
            target = target_of(item, finder, namespace, default)
            write = apply_write(target, chosen)
            diff, size = await _diff(info, client, write, item.kind, "documents", item.index)
        except GatewayError as error:
            return {**place, "error": error_of(error)}, 0
        return {**place, "diff": diff}, size

    answers = await asyncio.gather(*map(one, read.objects))
    documents = [document for document, _ in answers]
    return source_of(lambda: {"documents": documents}, sum(size for _, size in answers))


async def _diff(
    info: Info, client: KubeClient, write: Write, kind: GroupVersionKind, *below: str | int
) -> tuple[JSONObject, int]:
    """``ObjectDiff`` and the size of the compared bodies; ``below`` is the path of the warnings.

    Raises GatewayError.
    """
    if client.redacts and is_secret_path(write.path):
        raise BadArgument(
            "this gateway masks the values of Secrets (--redact), so that it cannot compare them"
        )
    for _ in range(_MOST_READS):
        before = await _read(client, write.path)
        try:
            response = await exchange(client, write)
        except GatewayError as error:
            note_warnings(info, error, *below)
            raise
        after = decode_object(response.body)
        if before is None or version_of(before) == version_of(after):
            break
    note_warnings(info, response, *below)
    diff = await asyncio.to_thread(compare_objects, before, after, _label(kind, after))
    return asdict(diff), 2 * len(response.body)


async def _read(client: KubeClient, path: str) -> JSONObject | None:
    try:
        return decode_object((await client.get(path)).body)
    except NotFound:
        return None


def _label(kind: GroupVersionKind, content: Mapping[str, Any]) -> str:
    """``apps.v1.Deployment.default.web``, as kubectl names it."""
    metadata = content.get("metadata") or {}
    parts = (kind.group, kind.version, kind.kind, metadata.get("namespace"), metadata.get("name"))
    return ".".join(str(part) for part in parts if part)
