"""The controller pattern: a change of an object, or of one that it owns, reconciles it a moment later."""

from gateway.demo.apiserver import Stored
from gateway.demo.cluster.cluster_state import controller_reference
from gateway.demo.cluster.controller import DELAY, Controller
from tests.gateway.demo.cluster.workloads import unserved_cluster


def test_changes_within_the_delay_are_reconciled_once() -> None:
    cluster, seen = unserved_cluster(), list[Stored]()
    Controller(cluster, "replicasets.apps", "pods", seen.append)
    created = cluster.create("replicasets.apps", {"metadata": {"name": "a", "namespace": "n"}})
    saved = cluster.save("replicasets.apps", created, spec={})
    assert seen == []
    cluster.timeline.skip(DELAY)
    assert seen == [saved]
    cluster.timeline.skip(1)
    assert seen == [saved]


def test_a_change_of_an_owned_object_reconciles_its_owner() -> None:
    cluster, seen = unserved_cluster(), list[str]()
    for name in ("a", "b"):
        cluster.create("replicasets.apps", {"metadata": {"name": name, "namespace": "n"}})
    Controller(cluster, "replicasets.apps", "pods", lambda stored: seen.append(stored.name))
    (owner, _) = cluster.objects("replicasets.apps")
    reference = controller_reference("ReplicaSet", "apps/v1", owner)
    cluster.create("pods", {"metadata": {"name": "p", "namespace": "n", "ownerReferences": [reference]}})
    cluster.create("pods", {"metadata": {"name": "q", "namespace": "n"}})
    cluster.timeline.skip(DELAY)
    assert seen == ["a"]


def test_an_object_that_is_gone_is_not_reconciled() -> None:
    cluster, seen = unserved_cluster(), list[Stored]()
    controller = Controller(cluster, "replicasets.apps", "pods", seen.append)
    cluster.remove("replicasets.apps", cluster.create("replicasets.apps", {"metadata": {"name": "a"}}))
    cluster.timeline.skip(DELAY)
    assert seen == []
    kept = cluster.create("replicasets.apps", {"metadata": {"name": "b"}})
    cluster.timeline.skip(DELAY)
    controller.mark_all()
    cluster.timeline.skip(DELAY)
    assert seen == [kept, kept]
