"""The Events of type ``Warning`` that were seen in the last hour.

Controllers often report one error twice, as a condition of the object and as an Event. The problem of the
object's health then stands for both: it is the current state, and an Event outlasts its cause.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gateway.kube.received import decode
from gateway.resolvers.object_tree import decoded_object
from gateway.resolvers.problems.listing import KindKey, Listing, Problem

__all__ = ["WARNINGS", "find_warnings"]

WARNINGS = "type=Warning"
"""The field selector of the Events that are read."""
WARNING_AGE = timedelta(hours=1)
_BACK_OFF = "BackOff"

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
        """The fields of the object that the Event has."""
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


def find_warnings(
    listing: Listing, wanted: Collection[KindKey] | None, of_health: Mapping[str, Sequence[Problem]]
) -> Iterator[Problem]:
    """The newest warning of each object and reason, if the object is not known to be gone.

    ``of_health`` are the problems of the health of objects by UID. A warning about the same error is left
    out; it gives its message to a problem that has none.
    """
    newest = _newest_warnings(listing)
    by_uid = {member.uid: member for members in listing.members.values() for member in members}
    for _, (first, event) in sorted(newest.items(), key=lambda item: item[0]):
        involved = event.involved_object
        group = involved.api_version.rpartition("/")[0]
        if wanted is not None and (group, involved.kind) not in wanted:
            continue
        of = by_uid.get(involved.uid)
        if of is None and involved.uid and (group, involved.kind) in listing.members:
            continue
        same = [problem for problem in of_health.get(involved.uid, ()) if _is_same(problem, event)]
        for problem in same:
            problem["message"] = problem["message"] or event.message
        if same:
            continue
        yield {
            "object": involved.stub if of is None else decoded_object(of),
            "reason": event.reason or "Warning",
            "message": event.message,
            "since": first.isoformat().replace("+00:00", "Z"),
        }


def _is_same(problem: Problem, event: _Event) -> bool:
    """Whether an Event reports the error of a problem: by its reason, or in the same words.

    The kubelet's ``BackOff`` is that of ``CrashLoopBackOff`` and of ``ImagePullBackOff``.
    """
    reason = problem["reason"]
    return (
        event.reason == reason
        or (event.reason == _BACK_OFF and reason.endswith(_BACK_OFF))
        or (event.message is not None and event.message == problem["message"])
    )


def _newest_warnings(listing: Listing) -> dict[_Key, tuple[datetime, _Event]]:
    """The newest Event of each object and reason, and when the first one was seen."""
    newest: dict[_Key, tuple[datetime, _Event]] = {}
    oldest = datetime.now(UTC) - WARNING_AGE
    last_seen: dict[_Key, datetime] = {}
    for member in listing.members.get(("", "Event"), ()):
        event = decode(member.body, _Event, "an event")
        last = event.last
        if event.type != "Warning" or last is None or last < oldest:
            continue
        first, (before, _) = event.first or last, newest.get(event.key, (last, event))
        is_newer = last >= last_seen.get(event.key, last)
        newest[event.key] = (min(first, before), event if is_newer else newest[event.key][1])
        last_seen[event.key] = max(last, last_seen.get(event.key, last))
    return newest
