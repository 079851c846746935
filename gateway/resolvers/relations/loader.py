"""From lookups to objects: the parts of all lookups of a batch are read together."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from gateway.errors import BadArgument, GatewayError
from gateway.kube.received import decode
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.manifests.resources import ResourceFinder
from gateway.resolvers.relations.found import Found, Outcome
from gateway.resolvers.relations.reader import NamespacedName, ObjectReader, Read
from schema.model import Verb
from schema.relations import Arguments, KindIndex, KindName, Lookup, Match, ObjectName, Search, TopOwner
from schema.relations.assignment import Wanted
from schema.resources import GroupVersionKind, Resource
from schema.selectors import parse_label_selector

__all__ = ["RelationLoader"]

Part = ObjectName | Search | TopOwner
_Known = Resource | GatewayError | None
"""The resource of a kind; None for a kind that is not served, an error where discovery fails."""
_LONGEST_CHAIN = 10
"""Controllers above a pod; in practice two, or four with operators."""


class _Owner(msgspec.Struct, rename="camel", gc=False):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _OwnerMetadata(msgspec.Struct, rename="camel", gc=False):
    owner_references: list[_Owner] | None = None


class _Owned(msgspec.Struct, gc=False):
    metadata: _OwnerMetadata


class Reader(Protocol):
    """Reads objects by name, or by a match: for one field of one operation."""

    async def read(self, resource: Resource, names: Collection[NamespacedName]) -> dict[NamespacedName, Read]:
        """The objects by name; an object that does not exist is left out, a refused one is an error."""

    async def search(
        self, resource: Resource, match: Match, wanted: Collection[Wanted]
    ) -> dict[Wanted, Sequence[Found] | GatewayError]:
        """The objects that belong to each of the keys."""


@dataclass(slots=True, eq=False)
class _Group:
    """The searches for objects of one resource by one match."""

    resource: Resource
    match: Match
    wanted: dict[Wanted, None] = field(default_factory=dict)
    found: Mapping[Wanted, Sequence[Found] | GatewayError] = field(default_factory=dict)


class RelationLoader:
    """Loads the objects of lookups for one field; ``arguments`` are the arguments of the field."""

    def __init__(
        self,
        info: Info,
        kinds: KindIndex,
        arguments: Arguments,
        *,
        reader: Reader | None = None,
        only_metadata: bool = False,
    ) -> None:
        self._info = info
        self._kinds = kinds
        self._arguments = arguments
        self._reader: Reader = reader or ObjectReader(
            info,
            only_metadata=only_metadata,
            label_selector=arguments.label_selector,
            limit=arguments.limit,
        )
        self._discovered: dict[KindName, _Known] = {}

    async def load(self, lookups: Sequence[Lookup]) -> list[Outcome]:
        """The outcome of each lookup. Raises BadArgument for a malformed label selector."""
        parts = list(dict.fromkeys(part for lookup in lookups for part in lookup))
        names = [part for part in parts if isinstance(part, ObjectName)]
        searches = [part for part in parts if isinstance(part, Search)]
        chains = [part for part in parts if isinstance(part, TopOwner)]
        read, searched, climbed = await asyncio.gather(
            self._read(names), self._search(searches), self._climb(chains)
        )
        outcomes: dict[Part, Outcome] = dict((*read.items(), *searched.items(), *climbed.items()))
        return [self._joined([outcomes[part] for part in lookup]) for lookup in lookups]

    def _joined(self, outcomes: Sequence[Outcome]) -> Outcome:
        if len(outcomes) == 1 and not (self._arguments.label_selector or self._arguments.limit):
            return outcomes[0]
        objects = [found for outcome in outcomes for found in outcome.objects]
        if self._arguments.label_selector:
            try:
                selector = parse_label_selector(self._arguments.label_selector)
            except ValueError as error:
                raise BadArgument(str(error)) from error
            objects = [found for found in objects if selector.matches(found.labels)]
        errors = [error for outcome in outcomes for error in outcome.errors]
        return Outcome(objects[: self._arguments.limit or None], errors)

    # objects by name

    async def _read(self, names: Sequence[ObjectName]) -> dict[ObjectName, Outcome]:
        resources = dict(zip(names, await self._resources(names), strict=True))
        by_resource: dict[Resource, dict[NamespacedName, None]] = {}
        for name, resource in resources.items():
            if isinstance(resource, Resource) and (key := _namespaced_name(name, resource)):
                by_resource.setdefault(resource, {})[key] = None
        answers = await asyncio.gather(
            *(self._reader.read(resource, keys) for resource, keys in by_resource.items())
        )
        read = dict(zip(by_resource, answers, strict=True))
        return {name: _outcome(name, resource, read) for name, resource in resources.items()}

    async def _resources(self, names: Sequence[ObjectName]) -> list[_Known]:
        return [await self._resource(name.kind, name.near) for name in names]

    async def _resource(self, kind: object, near: str = "") -> _Known:
        """The resource of a kind: the schema's, else one that the cluster serves by now; None without any."""
        if not isinstance(kind, KindName):
            return kind.resource  # type: ignore[attr-defined,no-any-return]  # a ServedResource
        served = self._kinds.find(kind, near)
        if served is not None or kind.group is None or kind.version is None:
            return served.resource if served else None
        if kind not in self._discovered:
            self._discovered[kind] = await self._discover(
                GroupVersionKind(kind.group, kind.version, kind.kind)
            )
        return self._discovered[kind]

    async def _discover(self, kind: GroupVersionKind) -> _Known:
        try:
            finder = ResourceFinder(upstream_of(self._info), Verb.GET, {}, self._info.context.filters)
            await finder.discover(kind.group_version)
            return finder.find(kind)
        except BadArgument:
            return None
        except GatewayError as error:
            return error

    # searches

    async def _search(self, searches: Sequence[Search]) -> dict[Search, Outcome]:
        # by the identity of the resource, whose hash takes long
        grouped: dict[tuple[int, Match], _Group] = {}
        pairs: list[tuple[Search, _Group]] = []
        for search in searches:
            resource = await self._resource(search.kind)
            if isinstance(resource, Resource) and search.keys:
                key = id(resource), search.match
                group = grouped.get(key) or grouped.setdefault(key, _Group(resource, search.match))
                group.wanted.update(dict.fromkeys((search.namespace, key) for key in search.keys))
                pairs.append((search, group))
        answers = await asyncio.gather(
            *(self._reader.search(group.resource, group.match, group.wanted) for group in grouped.values())
        )
        for group, answer in zip(grouped.values(), answers, strict=True):
            group.found = answer
        outcomes = {search: Outcome() for search in searches}
        for search, group in pairs:
            outcome = outcomes[search]
            outcome.objects = _united(outcome, [group.found[search.namespace, key] for key in search.keys])
        return outcomes

    # chains of owners

    async def _climb(self, chains: Sequence[TopOwner]) -> dict[TopOwner, Outcome]:
        tops = {chain: Outcome() for chain in chains}
        steps = {chain: chain.first for chain in chains}
        for _ in range(_LONGEST_CHAIN):
            if not steps:
                break
            outcomes = await self._read(list(dict.fromkeys(steps.values())))
            for chain, name in list(steps.items()):
                found = next(iter(outcomes[name].objects), None)
                tops[chain].errors += outcomes[name].errors
                following = None
                if found is not None:
                    tops[chain].objects = [found]
                    following = _controller(found)
                if following is None:
                    del steps[chain]
                else:
                    steps[chain] = following
        return tops


def _namespaced_name(name: ObjectName, resource: Resource) -> NamespacedName | None:
    if not resource.namespaced:
        return "", name.name
    return (name.namespace, name.name) if name.namespace else None


def _outcome(
    name: ObjectName, resource: _Known, read: Mapping[Resource, Mapping[NamespacedName, Read]]
) -> Outcome:
    if isinstance(resource, GatewayError):
        return Outcome(errors=[resource])
    key = None if resource is None else _namespaced_name(name, resource)
    if resource is None or key is None:
        return Outcome()
    found = read[resource].get(key)
    if isinstance(found, GatewayError):
        return Outcome(errors=[found])
    if found is None or (name.uid and found.header.metadata.uid != name.uid):
        return Outcome()
    return Outcome([found])


def _united(outcome: Outcome, results: Sequence[Sequence[Found] | GatewayError]) -> Sequence[Found]:
    """The objects of several keys, each once; errors go to the outcome."""
    if len(results) == 1 and not isinstance(results[0], GatewayError):
        return results[0]
    objects: dict[NamespacedName, Found] = {}
    for result in results:
        if isinstance(result, GatewayError):
            outcome.errors.append(result)
        else:
            objects.update(((found.namespace, found.name), found) for found in result)
    return list(objects.values())


def _controller(found: Found) -> ObjectName | None:
    owners = decode(found.body, _Owned, "an object").metadata.owner_references or ()
    owner = next((owner for owner in owners if owner.controller), None)
    if owner is None:
        return None
    return ObjectName(KindName.of(owner.kind, owner.api_version), owner.name, found.namespace, owner.uid)
