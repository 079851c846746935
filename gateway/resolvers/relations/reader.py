"""Reading objects for relations: by name, or by a match, for many names or keys at once.

The number of requests does not grow with the number of objects:

- An informer that runs, and that the caller may read, answers without a request
  (:mod:`gateway.resolvers.cached` describes the authorization).
- Few names are read one by one. More names of one namespace are read by one LIST of it, and names in several
  namespaces by one LIST of all namespaces.
- Few keys of a match are searched by the API server, with one LIST and selectors each. More keys are searched
  here, in one LIST.

Where the API server refuses a LIST, narrower requests follow: a role may allow less than all objects. A
refusal of these is an error beside the objects.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence
from typing import TypeVar

from gateway.errors import BadArgument, Forbidden, GatewayError, NotFound
from gateway.informers import Scope, View
from gateway.resolvers.caller_informers import find_view
from gateway.resolvers.context import Info
from gateway.resolvers.relations.found import Found
from gateway.resolvers.relations.listing import (
    candidates_of,
    fetch_list,
    fetch_object,
    stored_object,
    stored_objects,
)
from schema.relations import Match
from schema.relations.assignment import Wanted, assign
from schema.relations.matches import OwnedBy
from schema.resources import Resource

__all__ = ["NamespacedName", "ObjectReader", "Read"]

FEW_NAMES = 10
"""Up to this many objects are read one by one."""
FEW_SEARCHES = 4
"""Up to this many searches use the selectors of the API server."""

NamespacedName = tuple[str, str]
"""A namespace, empty for cluster-scoped objects, and a name."""
Read = Found | GatewayError
T = TypeVar("T")


class ObjectReader:
    """Reads for one field of one operation.

    ``label_selector`` and ``limit`` restrict every search; lookups by name ignore both.
    """

    def __init__(
        self,
        info: Info,
        *,
        only_metadata: bool = False,
        label_selector: str | None = None,
        limit: int | None = None,
    ) -> None:
        self._info = info
        self._only_metadata = only_metadata
        self._label_selector = label_selector or ""
        self._limit = limit

    # by name

    async def read(self, resource: Resource, names: Collection[NamespacedName]) -> dict[NamespacedName, Read]:
        """The objects by name; one that does not exist is left out, one that is refused is an error."""
        found, rest = await self._cached(resource, names)
        if not rest:
            return found
        if len(rest) <= FEW_NAMES or "list" not in resource.verbs:
            return found | await self._read_each(resource, rest)
        by_namespace: dict[str, list[NamespacedName]] = {}
        for key in rest:
            by_namespace.setdefault(key[0], []).append(key)
        if len(by_namespace) > 1:
            listed = await _caught(self._list(resource, None))
            if not isinstance(listed, GatewayError):
                return found | _picked(listed, rest)
            if not isinstance(listed, Forbidden):
                return found | dict.fromkeys(rest, listed)
        parts = await asyncio.gather(
            *(self._read_namespace(resource, namespace, some) for namespace, some in by_namespace.items())
        )
        for part in parts:
            found |= part
        return found

    async def _read_namespace(
        self, resource: Resource, namespace: str, names: Sequence[NamespacedName]
    ) -> dict[NamespacedName, Read]:
        if len(names) <= FEW_NAMES:
            return await self._read_each(resource, names)
        listed = await _caught(self._list(resource, namespace or None))
        if isinstance(listed, BadArgument):
            return {}
        if isinstance(listed, Forbidden):
            return await self._read_each(resource, names)
        if isinstance(listed, GatewayError):
            return dict.fromkeys(names, listed)
        return _picked(listed, names)

    async def _read_each(
        self, resource: Resource, names: Sequence[NamespacedName]
    ) -> dict[NamespacedName, Read]:
        if "get" not in resource.verbs:
            return {}
        read = await asyncio.gather(*(_caught(self._get(resource, key)) for key in names))
        return {
            key: item
            for key, item in zip(names, read, strict=True)
            # a name that no object can have refers to nothing
            if not isinstance(item, NotFound | BadArgument)
        }

    async def _get(self, resource: Resource, key: NamespacedName) -> Found:
        namespace, name = key
        return await fetch_object(
            self._info, resource, namespace or None, name, only_metadata=self._only_metadata
        )

    async def _cached(
        self, resource: Resource, names: Collection[NamespacedName]
    ) -> tuple[dict[NamespacedName, Read], list[NamespacedName]]:
        """The objects that informers have, and the names without an informer."""
        found: dict[NamespacedName, Read] = {}
        rest: list[NamespacedName] = []
        views: dict[str, View | None] = {}
        everywhere = await self._view(resource, None)
        for key in names:
            namespace, name = key
            if everywhere is None and namespace not in views:
                views[namespace] = await self._view(resource, namespace) if namespace else None
            view = everywhere or views.get(namespace)
            if view is None:
                rest.append(key)
                continue
            stored = view.informer.get(Scope(namespace or None, name).key)
            if stored is not None:
                found[key] = stored_object(resource, stored)
        return found, rest

    # by a match

    async def search(
        self, resource: Resource, match: Match, wanted: Collection[Wanted]
    ) -> dict[Wanted, Sequence[Found] | GatewayError]:
        """The objects that belong to each of the keys, in the order of a LIST."""
        found: dict[Wanted, Sequence[Found] | GatewayError] = {}
        rest: list[Wanted] = []
        groups = _by_namespace(wanted)
        if len(groups) > 1 and (view := await self._view(resource, None)) is not None:
            stored = stored_objects(resource, view, _owners(match, wanted))
            return await _assigned(match, stored, wanted)
        for namespace, some in groups.items():
            objects = await self._cached_objects(resource, namespace, match, some)
            if objects is None:
                rest += some
            else:
                found |= await _assigned(match, objects, some)
        if rest and "list" not in resource.verbs:
            return found | dict.fromkeys(rest, ())
        return found | await self._search_upstream(resource, match, rest) if rest else found

    async def _search_upstream(
        self, resource: Resource, match: Match, wanted: Sequence[Wanted]
    ) -> dict[Wanted, Sequence[Found] | GatewayError]:
        selectors = [match.server_selectors(key) for _, key in wanted]
        if len(wanted) <= FEW_SEARCHES and None not in selectors:
            limit = {"limit": str(self._limit)} if self._limit else {}
            lists = (
                _caught(self._list(resource, namespace, match, **(of or {}), **limit))
                for (namespace, _), of in zip(wanted, selectors, strict=True)
            )
            return dict(zip(wanted, await asyncio.gather(*lists), strict=True))
        by_namespace = _by_namespace(wanted)
        if len(by_namespace) > 1:
            listed = await _caught(self._list(resource, None, match))
            if not isinstance(listed, GatewayError):
                return await _assigned(match, listed, wanted)
            if not isinstance(listed, Forbidden):
                return dict.fromkeys(wanted, listed)
        parts = await asyncio.gather(
            *(
                self._search_namespace(resource, match, namespace, some)
                for namespace, some in by_namespace.items()
            )
        )
        return {item: of for part in parts for item, of in part.items()}

    async def _search_namespace(
        self, resource: Resource, match: Match, namespace: str | None, wanted: Sequence[Wanted]
    ) -> dict[Wanted, Sequence[Found] | GatewayError]:
        listed = await _caught(self._list(resource, namespace, match))
        if isinstance(listed, GatewayError):
            return dict.fromkeys(wanted, listed)
        return await _assigned(match, listed, wanted)

    async def _cached_objects(
        self, resource: Resource, namespace: str | None, match: Match, wanted: Sequence[Wanted]
    ) -> Sequence[Found] | None:
        """The objects that an informer's indexes find; None if no informer runs."""
        selectors = match.server_selectors(wanted[0][1]) if len(wanted) == 1 else None
        view = await self._view(resource, namespace, **(selectors or {}))
        if view is None:
            return None
        return stored_objects(resource, view, _owners(match, wanted))

    # requests

    async def _view(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labelSelector: str = "",  # noqa: N803 - as in the query of a LIST
        fieldSelector: str = "",  # noqa: N803
    ) -> View | None:
        labels = ",".join(filter(None, (labelSelector, self._label_selector)))
        return await find_view(
            self._info,
            "list",
            resource,
            Scope(namespace),
            label_selector=labels,
            field_selector=fieldSelector,
        )

    async def _list(
        self, resource: Resource, namespace: str | None, match: Match | None = None, **parameters: str
    ) -> Sequence[Found]:
        if match is not None and self._label_selector:
            labels = filter(None, (parameters.get("labelSelector"), self._label_selector))
            parameters["labelSelector"] = ",".join(labels)
        needs_all = match is not None and bool(match.reads) and len(parameters.get("fieldSelector", "")) == 0
        only_metadata = self._only_metadata and not needs_all
        return await fetch_list(self._info, resource, namespace, parameters, only_metadata=only_metadata)


async def _caught(reading: Awaitable[T]) -> T | GatewayError:
    try:
        return await reading
    except GatewayError as error:
        return error


def _picked(objects: Iterable[Found], names: Iterable[NamespacedName]) -> dict[NamespacedName, Read]:
    by_name = {(found.namespace, found.name): found for found in objects}
    return {key: by_name[key] for key in names if key in by_name}


def _by_namespace(wanted: Iterable[Wanted]) -> dict[str | None, list[Wanted]]:
    grouped: dict[str | None, list[Wanted]] = {}
    for item in wanted:
        grouped.setdefault(item[0], []).append(item)
    return grouped


def _owners(match: Match, wanted: Iterable[Wanted]) -> set[str] | None:
    """The UIDs of the owners whose objects are wanted; None for another match."""
    return {key for _, key in wanted} if isinstance(match, OwnedBy) else None


async def _assigned(
    match: Match, objects: Sequence[Found], wanted: Collection[Wanted]
) -> dict[Wanted, Sequence[Found] | GatewayError]:
    assigned = assign(match, await candidates_of(match, objects), wanted)
    return {item: [objects[index] for index in indexes] for item, indexes in assigned.items()}
