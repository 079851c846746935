"""The cluster as its controllers see it."""

from typing import Any

from gateway.demo.apiserver import Change, Stored
from gateway.demo.cluster.cluster_state import ClusterState, controller_reference, owner_uid, set_condition
from tests.gateway.demo.cluster.workloads import unserved_cluster


def create(state: ClusterState, table: str, name: str, **metadata: Any) -> Stored:
    return state.create(table, {"metadata": {"name": name, "namespace": "n", **metadata}})


def test_objects_are_in_the_order_of_their_keys() -> None:
    state = unserved_cluster()
    for name in ("b", "a"):
        create(state, "pods", name)
    state.create("pods", {"metadata": {"name": "a", "namespace": "na"}})
    assert [item.name for item in state.objects("pods", "n")] == ["a", "b"]
    assert len(list(state.objects("pods"))) == 3


def test_only_the_controller_owns() -> None:
    state = unserved_cluster()
    owner = create(state, "replicasets.apps", "rs")
    reference = controller_reference("ReplicaSet", "apps/v1", owner)
    owned = create(state, "pods", "a", ownerReferences=[{"uid": "other"}, reference])
    create(state, "pods", "b", ownerReferences=[{**reference, "controller": False}])
    assert owner_uid(owned) == owner.object["metadata"]["uid"]
    assert state.owned("pods", owner) == [owned]


def test_an_object_without_a_difference_is_not_stored() -> None:
    state, seen = unserved_cluster(), list[Change]()
    stored = create(state, "pods", "a")
    state.listen("pods", seen.append)
    state.listen("nodes", seen.append)
    assert state.save("pods", stored) is stored
    saved = state.save("pods", stored, status={"phase": "Running"})
    assert [item.new for item in seen] == [saved]
    state.remove("pods", saved)
    state.remove("pods", saved)
    assert state.save("pods", saved, status={}) is saved
    assert [item.type for item in seen] == ["MODIFIED", "DELETED"]


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    first = set_condition([], {"type": "Ready", "status": "False"}, "1")
    assert first == [{"type": "Ready", "status": "False", "lastTransitionTime": "1"}]
    same = set_condition(first, {"type": "Ready", "status": "False", "reason": "r"}, "2")
    assert same == [{"type": "Ready", "status": "False", "reason": "r", "lastTransitionTime": "1"}]
    (changed,) = set_condition(same, {"type": "Ready", "status": "True"}, "3")
    assert changed["lastTransitionTime"] == "3"


def test_a_repeated_event_is_counted() -> None:
    state = unserved_cluster()
    about = create(state, "pods", "a")
    for _ in range(2):
        state.event("Pod", about, "BackOff", "again", source="kubelet", warning=True)
    state.event("Pod", about, "BackOff", "another", source="kubelet")
    counts = {item.object["message"]: item.object["count"] for item in state.objects("events")}
    assert counts == {"again": 2, "another": 1}
