"""``problems``: the current problems of a namespace or of the whole cluster.

Three sources, each from the informers that run, else by one LIST per kind:

- objects whose health is ``FAILED`` or ``UNKNOWN``, of all kinds whose health depends on their status;
- required references to objects that do not exist (:mod:`schema.health.references`);
- Events of type ``Warning`` that were seen in the last hour, about objects that still exist.

A kind that cannot be listed is left out and named in ``extensions.leftOut``.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.concurrency import LoopYielder
from gateway.errors import BadArgument, GatewayError
from gateway.kube.paths import resource_path
from gateway.kube.received import decode
from gateway.resolvers.context import Info, expect_discovery
from gateway.resolvers.decoding import decode_object
from gateway.resolvers.object_tree import (
    Encoder,
    KindFinder,
    Member,
    decoded_object,
    list_members,
    note_left_out,
)
from schema.health import (
    REFERRING_KINDS,
    HealthStatus,
    required_references,
    since_of,
)
from schema.model import ServedResource
from schema.relations import KindIndex, KindName

__all__ = ["read_problems"]

WARNING_AGE = timedelta(hours=1)
_REFERRED = ("Secret", "ConfigMap", "PersistentVolumeClaim", "ServiceAccount", "Service")
_BYTES_PER_YIELD = 1 << 20

Problem = dict[str, Any]
_Key = tuple[str, str, str, str, str]
"""The object of an Event (kind, namespace, name, UID) and its reason."""


class _Involved(msgspec.Struct, rename="camel", gc=False):
    kind: str = ""
    api_version: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""

    @property
    def stub(self) -> dict[str, Any]:
        """The object as far as the Event tells."""
        metadata = {"name": self.name, "namespace": self.namespace or None, "uid": self.uid or None}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}


class _Series(msgspec.Struct, rename="camel", gc=False):
    last_observed_time: datetime | None = None


class _Event(msgspec.Struct, rename="camel", gc=False):
    involved_object: _Involved = msgspec.field(default_factory=_Involved)
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: _Series | None = None

    @property
    def key(self) -> _Key:
        of = self.involved_object
        return of.kind, of.namespace, of.name, of.uid, self.reason or "Warning"

    @property
    def first(self) -> datetime | None:
        return self.first_timestamp or self.event_time or self.last_timestamp

    @property
    def last(self) -> datetime | None:
        series = self.series.last_observed_time if self.series else None
        return series or self.last_timestamp or self.event_time or self.first_timestamp


@dataclass(slots=True)
class _Read:
    """The objects of each kind that could be listed."""

    members: dict[tuple[str, str], Sequence[Member]] = field(default_factory=dict)
    left_out: list[tuple[ServedResource, GatewayError]] = field(default_factory=list)
    names: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def lacks(self, kind: str, namespace: str, name: str) -> bool:
        """Whether an object of a kind of the core group is certain not to exist."""
        members = self.members.get(("", kind))
        if members is None:
            return False
        if kind not in self.names:
            metadata = [member.header.metadata for member in members]
            self.names[kind] = {(item.namespace, item.name) for item in metadata}
        return (namespace, name) not in self.names[kind]


async def read_problems(
    finder: KindFinder, info: Info, *, namespace: str | None = None, kinds: Sequence[str] | None = None
) -> list[Problem]:
    """Answer ``problems(…)``. Raises BadArgument."""
    if namespace:
        resource_path(finder.listed[0].resource, namespace)  # refuses what cannot be a namespace
    wanted = None if kinds is None else await _find_kinds(finder, info, kinds)
    encoder = Encoder(info, finder.model)
    checked = _checked_kinds(finder, encoder, namespace or None, wanted)
    read = await _read_kinds(info, finder, encoder, checked, namespace or None)
    problems: list[tuple[Member, Problem]] = []
    yielder = LoopYielder(_BYTES_PER_YIELD)
    for served in checked:
        for member in read.members.get(_key(served), ()):
            problems += ((member, problem) for problem in _problems_of(encoder, read, member))
            await yielder.after(memoryview(member.body).nbytes)
    problems.sort(key=lambda item: (item[0].header.metadata.namespace, item[0].place))
    note_left_out(info, read.left_out)
    return [problem for _, problem in problems] + list(_warnings(read, wanted))


async def _find_kinds(finder: KindFinder, info: Info, kinds: Sequence[str]) -> set[tuple[str, str]]:
    index, found = KindIndex(finder.model), set()
    for kind in kinds:
        served = index.find(KindName.parse(kind))
        if served is None:
            await expect_discovery(info.context)
            raise BadArgument(f"the cluster serves no kind {kind}; `resources` lists what it serves")
        found.add(_key(served))
    return found


def _checked_kinds(
    finder: KindFinder, encoder: Encoder, namespace: str | None, wanted: Collection[tuple[str, str]] | None
) -> list[ServedResource]:
    """The kinds whose objects can have problems."""
    return [
        served
        for served in finder.listed
        if (wanted is None or _key(served) in wanted)
        and (namespace is None or served.resource.namespaced)
        and (_key(served) in REFERRING_KINDS or not encoder.needs_only_metadata(served))
    ]


async def _read_kinds(
    info: Info,
    finder: KindFinder,
    encoder: Encoder,
    checked: Sequence[ServedResource],
    namespace: str | None,
) -> _Read:
    """The objects of the kinds, the names of the objects to which they refer, and the Events."""
    refers = any(_key(served) in REFERRING_KINDS for served in checked)
    more = [
        served
        for served in finder.model.resources
        if served.resource.kind.group == ""
        and served.resource.preferred
        and "list" in served.resource.verbs
        and served not in checked
        and (served.resource.kind.kind == "Event" or (refers and served.resource.kind.kind in _REFERRED))
    ]
    kinds = [*checked, *more]
    results = await asyncio.gather(
        *(
            list_members(info, served, namespace, only_metadata=encoder.needs_only_metadata(served))
            if served.resource.kind.kind != "Event"
            else list_members(info, served, namespace, fieldSelector="type=Warning")
            for served in kinds
        ),
        return_exceptions=True,
    )
    read = _Read()
    for served, result in zip(kinds, results, strict=True):
        if isinstance(result, GatewayError):
            read.left_out.append((served, result))
        elif isinstance(result, BaseException):
            raise result
        else:
            read.members[_key(served)] = result
    return read


def _problems_of(encoder: Encoder, read: _Read, member: Member) -> Iterator[Problem]:
    health = encoder.health(member)
    key = _key(member.served)
    if health.status in (HealthStatus.FAILED, HealthStatus.UNKNOWN):
        found = decoded_object(member)
        yield {
            "object": found,
            "reason": health.reason or health.status.value,
            "message": health.message,
            "since": since_of(found, health),
        }
    if key in REFERRING_KINDS:
        yield from _dangling(read, member)


def _dangling(read: _Read, member: Member) -> Iterator[Problem]:
    """The references of an object to objects that do not exist."""
    namespace = member.header.metadata.namespace
    body = decode_object(member.body)
    for kind, name in required_references(body, *_key(member.served)):
        if not read.lacks(kind, namespace, name):
            continue
        yield {
            "object": decoded_object(member),
            "reason": f"Missing{kind}",
            "message": f"The {kind} {name} does not exist.",
            "since": body.get("metadata", {}).get("creationTimestamp"),
        }


def _warnings(read: _Read, wanted: Collection[tuple[str, str]] | None) -> Iterator[Problem]:
    """The newest warning of each object and reason, if the object is not known to be gone."""
    newest = _newest_warnings(read)
    by_uid = {member.uid: member for members in read.members.values() for member in members}
    for _, (first, event) in sorted(newest.items(), key=lambda item: item[0]):
        involved = event.involved_object
        group = involved.api_version.rpartition("/")[0]
        if wanted is not None and (group, involved.kind) not in wanted:
            continue
        of = by_uid.get(involved.uid)
        if of is None and involved.uid and (group, involved.kind) in read.members:
            continue
        yield {
            "object": involved.stub if of is None else decoded_object(of),
            "reason": event.reason or "Warning",
            "message": event.message,
            "since": first.isoformat().replace("+00:00", "Z"),
        }


def _newest_warnings(read: _Read) -> dict[_Key, tuple[datetime, _Event]]:
    """The newest Event of each object and reason, and when the first one was seen."""
    newest: dict[_Key, tuple[datetime, _Event]] = {}
    oldest = datetime.now(UTC) - WARNING_AGE
    last_seen: dict[_Key, datetime] = {}
    for member in read.members.get(("", "Event"), ()):
        event = decode(member.body, _Event, "an event")
        last = event.last
        if event.type != "Warning" or last is None or last < oldest:
            continue
        first, (before, _) = event.first or last, newest.get(event.key, (last, event))
        is_newer = last >= last_seen.get(event.key, last)
        newest[event.key] = (min(first, before), event if is_newer else newest[event.key][1])
        last_seen[event.key] = max(last, last_seen.get(event.key, last))
    return newest


def _key(served: ServedResource) -> tuple[str, str]:
    kind = served.resource.kind
    return kind.group, kind.kind
