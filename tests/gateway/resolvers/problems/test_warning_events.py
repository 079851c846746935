"""Warnings of the last hour: the newest of each object and reason."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from gateway.kube.received import ObjectHeader
from gateway.resolvers.context import Info
from gateway.resolvers.object_tree.members import Member
from gateway.resolvers.problems.listing import KindKey, Listing, Problem
from gateway.resolvers.problems.warning_events import find_warnings
from tests.schema.models import served_gadget

POD = ("", "Pod")


def member(content: dict[str, Any]) -> Member:
    body = json.dumps({"metadata": {}, **content}).encode()
    return Member(served_gadget(), body, msgspec.json.decode(body, type=ObjectHeader))


def minutes_ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def event(message: str, last: int, first: int | None = None, **more: Any) -> Member:
    involved = {
        "kind": "Pod",
        "apiVersion": "v1",
        "name": "a",
        "namespace": "n",
        "uid": "u",
        **more.pop("of", {}),
    }
    content = {"type": "Warning", "reason": "BackOff", "message": message, "involvedObject": involved, **more}
    return member(
        {"firstTimestamp": minutes_ago(first or last), "lastTimestamp": minutes_ago(last), **content}
    )


def found(
    *events: Member,
    pods: list[Member] | None = None,
    wanted: set[KindKey] | None = None,
    of_health: Sequence[Problem] = (),
) -> list[Problem]:
    listing = Listing(cast("Info", None), None, frozenset())
    listing.members[("", "Event")] = events
    if pods is not None:
        listing.members[POD] = pods
    return list(find_warnings(listing, wanted, {"u": of_health}))


def test_the_newest_message_and_the_first_time_are_reported() -> None:
    older, newer = event("older", last=30, first=50), event("newer", last=10, first=20)
    for events in ((older, newer), (newer, older)):
        (problem,) = found(*events)
        assert (problem["reason"], problem["message"]) == ("BackOff", "newer")
        since = datetime.fromisoformat(problem["since"])
        assert timedelta(minutes=49) < datetime.now(UTC) - since < timedelta(minutes=51)


def test_reasons_and_objects_are_separate() -> None:
    assert len(found(event("a", 1), event("a", 1, reason="Failed"), event("a", 1, of={"uid": "v"}))) == 3


def test_old_and_normal_events_are_no_problems() -> None:
    assert found(event("a", 61), event("a", 1, type="Normal"), member({"type": "Warning"})) == []


def test_a_series_is_as_new_as_its_last_event() -> None:
    series = {"lastObservedTime": minutes_ago(1)}
    assert len(found(event("a", 90, series=series))) == 1


def test_the_object_is_the_listed_one_or_a_stub() -> None:
    listed = member({"metadata": {"name": "a", "uid": "u"}, "spec": {}})
    (of_list,) = found(event("a", 1), pods=[listed])
    assert of_list["object"]["spec"] == {}
    (of_event,) = found(event("a", 1))
    assert of_event["object"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "n", "uid": "u"},
    }


def test_an_object_that_is_gone_has_no_warning() -> None:
    assert found(event("a", 1), pods=[]) == []


def test_only_wanted_kinds_are_reported() -> None:
    assert found(event("a", 1), wanted={("apps", "Deployment")}) == []
    assert len(found(event("a", 1), wanted={POD})) == 1


@pytest.mark.parametrize("reason", ["BackOff", "CrashLoopBackOff"])
def test_a_warning_gives_its_message_to_the_problem_that_it_repeats(reason: str) -> None:
    problem: Problem = {"reason": reason, "message": None}
    assert found(event("Back-off restarting", 1), of_health=[problem]) == []
    assert problem["message"] == "Back-off restarting"
    other: Problem = {"reason": "Unschedulable", "message": "own"}
    assert len(found(event("Back-off restarting", 1), of_health=[other])) == 1
    assert other["message"] == "own"
