"""Objects of one resource for relations: from one request as the caller, or from an informer."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from gateway.concurrency import LoopYielder
from gateway.informers import StoredObject, View
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.list_slices import items_of
from gateway.resolvers.relations.found import Found, found_in
from schema.relations import Match
from schema.relations.assignment import Candidate, Wanted
from schema.relations.paths import decode_parts
from schema.resources import Resource

__all__ = [
    "candidates_of",
    "fetch_list",
    "fetch_object",
    "index_by_keys",
    "stored_object",
    "stored_objects",
]

_BYTES_PER_YIELD = 1 << 20
_METADATA_BYTES = 200
_JSON = "application/json"


async def fetch_object(
    info: Info, resource: Resource, namespace: str | None, name: str, *, only_metadata: bool
) -> Found:
    """One object. Raises GatewayError."""
    kind = "PartialObjectMetadata" if only_metadata else ""
    return found_in(resource, await _fetch(info, resource_path(resource, namespace, name), {}, kind))


async def fetch_list(
    info: Info,
    resource: Resource,
    namespace: str | None,
    parameters: Mapping[str, str],
    *,
    only_metadata: bool,
) -> list[Found]:
    """The objects of a namespace, or of all, by one LIST. Raises GatewayError."""
    kind = "PartialObjectMetadataList" if only_metadata else ""
    body = await _fetch(info, resource_path(resource, namespace), parameters, kind)
    yielder, found = LoopYielder(_BYTES_PER_YIELD), list[Found]()
    for item in items_of(body):
        found.append(found_in(resource, item))
        await yielder.after(memoryview(item).nbytes)
    return found


async def _fetch(info: Info, path: str, parameters: Mapping[str, str], metadata_kind: str) -> bytes:
    accept = f"{_JSON};as={metadata_kind};g=meta.k8s.io;v=v1,{_JSON}" if metadata_kind else _JSON
    response = await info.context.shared.flights.get(
        limited_client_of(info), path, parameters, accept=accept, operation=budget_of(info)
    )
    return response.body


def stored_object(resource: Resource, stored: StoredObject) -> Found:
    """An object of an informer."""
    return Found(resource, stored.object, stored.header)


def stored_objects(resource: Resource, view: View, owners: Collection[str] | None = None) -> list[Found]:
    """The objects of a view.

    ``owners`` are UIDs: only objects with an owner reference to one of them; None does not restrict.
    """
    found = view.objects() if owners is None else view.owned_by(*owners)
    return [stored_object(resource, stored) for stored in found]


async def candidates_of(match: Match, objects: Sequence[Found]) -> list[Candidate]:
    """The parts of an object that the match reads."""
    yielder, candidates = LoopYielder(_BYTES_PER_YIELD), list[Candidate]()
    for found in objects:
        candidates.append((found.namespace, _parts(found, match)))
        await yielder.after(_size(found, match))
    return candidates


async def index_by_keys(match: Match, objects: Sequence[Found]) -> dict[Wanted, list[int]]:
    """The indexes of the objects by each key to which they belong, in their namespace and in all."""
    yielder, index = LoopYielder(_BYTES_PER_YIELD), dict[Wanted, list[int]]()
    for number, found in enumerate(objects):
        for key in match.keys_of(_parts(found, match)):
            for place in dict.fromkeys((found.namespace, None)):
                index.setdefault((place, key), []).append(number)
        await yielder.after(_size(found, match))
    return index


def _size(found: Found, match: Match) -> int:
    return memoryview(found.body).nbytes if match.reads else _METADATA_BYTES


def _parts(found: Found, match: Match) -> Mapping[str, Any]:
    return _partly_decoded(found, match) if match.reads else _metadata(found)


def _metadata(found: Found) -> Mapping[str, Any]:
    metadata = found.header.metadata
    owners = [{"uid": owner.uid} for owner in metadata.owner_references or ()]
    return {"metadata": {"labels": dict(metadata.labels or {}), "ownerReferences": owners}}


def _partly_decoded(found: Found, match: Match) -> Mapping[str, Any]:
    try:
        parts: Mapping[str, Any] = decode_parts(found.body, match.reads)
    except msgspec.DecodeError:
        return {}
    return parts
