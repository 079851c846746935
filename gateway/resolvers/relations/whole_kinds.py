"""Related kinds as a whole, for conditions such as "without pods".

Only all objects that may be related show that an object has *no* related object. So each kind
is read by one LIST, of one namespace where that suffices, or from an informer that runs and that the caller
may read. Pages of one list share the objects that were read.

Nothing narrower is tried where the API server refuses the LIST: the objects that a caller may not see would
count as absent.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gateway.errors import BadArgument, GatewayError
from gateway.informers import Scope
from gateway.resolvers.caller_informers import find_view
from gateway.resolvers.context import Info
from gateway.resolvers.relations.found import Found
from gateway.resolvers.relations.listing import candidates_of, fetch_list, index_by_keys, stored_objects
from gateway.resolvers.relations.reader import NamespacedName, Read
from schema.relations import Match
from schema.relations.assignment import Candidate, Wanted, assign
from schema.relations.matches import Selected, Selecting
from schema.resources import Resource

__all__ = ["WholeKinds"]


@dataclass(eq=False)
class _Objects:
    """The objects of a resource; ``only_metadata`` says that the bytes may lack everything else."""

    found: Sequence[Found] = field(default=(), repr=False)
    only_metadata: bool = False
    _candidates: dict[Match, list[Candidate]] = field(default_factory=dict, repr=False)
    _indexes: dict[Match, dict[Wanted, list[int]]] = field(default_factory=dict, repr=False)

    @cached_property
    def by_name(self) -> dict[NamespacedName, Found]:
        """The objects by namespace and name."""
        return {(found.namespace, found.name): found for found in self.found}

    async def assigned(self, match: Match, wanted: Collection[Wanted]) -> Mapping[Wanted, Sequence[int]]:
        """The indexes of the objects that belong to each of the keys."""
        if isinstance(match, Selected | Selecting):
            if match not in self._candidates:
                self._candidates[match] = await candidates_of(match, self.found)
            return assign(match, self._candidates[match], wanted)
        if match not in self._indexes:
            self._indexes[match] = await index_by_keys(match, self.found)
        index = self._indexes[match]
        return {item: index.get(item, ()) for item in wanted}


_Key = tuple[Resource, str | None, str]
"""A resource, a namespace (None: all) and a label selector."""


class WholeKinds:
    """Reads each related kind once: the objects that match ``label_selector``, all if it is empty."""

    def __init__(self, info: Info, label_selector: str = "") -> None:
        self._info = info
        self.label_selector = label_selector
        self._read: dict[_Key, _Objects | GatewayError] = {}
        self._locks: dict[_Key, asyncio.Lock] = {}
        self._complete: set[Resource] = set()

    def expect(self, resources: Iterable[Resource]) -> None:
        """Read complete objects of these resources, whatever comes first: one LIST serves all searches."""
        self._complete.update(resources)

    def reader(self, namespace: str | None) -> "_KindReader":
        """A reader for related objects in one namespace, or in all."""
        return _KindReader(self, namespace)

    async def objects(
        self, resource: Resource, namespace: str | None, *, only_metadata: bool
    ) -> _Objects | GatewayError:
        """The objects of a namespace, or of all."""
        only_metadata = only_metadata and resource not in self._complete
        everywhere = self._known(resource, None, only_metadata)
        if everywhere is not None:
            return everywhere
        key = resource, namespace, self.label_selector
        async with self._locks.setdefault(key, asyncio.Lock()):
            read = self._known(resource, namespace, only_metadata)
            if read is None:
                read = self._read[key] = await self._fetch(*key, only_metadata)
            return read

    def _known(
        self, resource: Resource, namespace: str | None, only_metadata: bool
    ) -> _Objects | GatewayError | None:
        """The earlier result for the resource in the namespace; None without one, or if it lacks data."""
        read = self._read.get((resource, namespace, self.label_selector))
        is_partial = isinstance(read, _Objects) and read.only_metadata and not only_metadata
        return None if is_partial else read

    async def _fetch(
        self, resource: Resource, namespace: str | None, labels: str, only_metadata: bool
    ) -> _Objects | GatewayError:
        try:
            view = await find_view(self._info, "list", resource, Scope(namespace), label_selector=labels)
            if view is not None:
                return _Objects(stored_objects(resource, view))
            if "list" not in resource.verbs:
                return BadArgument(f"`whereRelated` has to list {resource.gvr}, which cannot be listed")
            parameters = {"labelSelector": labels} if labels else {}
            found = await fetch_list(self._info, resource, namespace, parameters, only_metadata=only_metadata)
        except BadArgument:
            # a name that no namespace can have
            return _Objects()
        except GatewayError as error:
            return error
        return _Objects(found, only_metadata)


class _KindReader:
    """Has the interface of :class:`~gateway.resolvers.relations.reader.ObjectReader`.

    ``namespace`` is that of all related objects of namespaced kinds, None for all namespaces.
    """

    def __init__(self, kinds: WholeKinds, namespace: str | None) -> None:
        self._kinds = kinds
        self._namespace = namespace

    async def read(self, resource: Resource, names: Collection[NamespacedName]) -> dict[NamespacedName, Read]:
        """The objects by name; an object that does not exist is left out."""
        objects = await self._objects(resource, only_metadata=True)
        if isinstance(objects, GatewayError):
            return dict.fromkeys(names, objects)
        by_name = objects.by_name
        return {key: by_name[key] for key in names if key in by_name}

    async def search(
        self, resource: Resource, match: Match, wanted: Collection[Wanted]
    ) -> dict[Wanted, Sequence[Found] | GatewayError]:
        """The objects that belong to each of the keys."""
        objects = await self._objects(resource, only_metadata=not match.reads)
        if isinstance(objects, GatewayError):
            return dict.fromkeys(wanted, objects)
        assigned = await objects.assigned(match, wanted)
        return {item: [objects.found[index] for index in indexes] for item, indexes in assigned.items()}

    async def _objects(self, resource: Resource, *, only_metadata: bool) -> _Objects | GatewayError:
        namespace = self._namespace if resource.namespaced else None
        return await self._kinds.objects(resource, namespace, only_metadata=only_metadata)
