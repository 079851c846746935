"""ControllerRevisions: one per pod template, numbered by their last use."""

from typing import Any

from gateway.demo.apiserver import Stored
from gateway.demo.cluster.cluster_state import ClusterState
from gateway.demo.cluster.revisions import REVISION_LABEL, record_revision
from tests.gateway.demo.cluster.workloads import unserved_cluster


def stateful_set(cluster: ClusterState, **spec: Any) -> Stored:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"image": "1"}}
    metadata = {"name": "db", "namespace": "n"}
    return cluster.create("statefulsets.apps", {"metadata": metadata, "spec": {"template": template, **spec}})


def with_image(cluster: ClusterState, owner: Stored, image: str) -> Stored:
    template = {**owner.object["spec"]["template"], "spec": {"image": image}}
    return cluster.save("statefulsets.apps", owner, spec={**owner.object["spec"], "template": template})


def numbers(cluster: ClusterState, owner: Stored) -> list[int]:
    return sorted(item.object["revision"] for item in cluster.owned("controllerrevisions.apps", owner))


def test_a_template_has_one_revision() -> None:
    cluster = unserved_cluster()
    owner = stateful_set(cluster)
    first = record_revision(cluster, "StatefulSet", owner)
    assert record_revision(cluster, "StatefulSet", owner) == first
    assert first.object["metadata"]["labels"] == {
        "app": "db",
        REVISION_LABEL: first.name.removeprefix("db-"),
    }
    assert first.object["data"]["spec"]["template"]["spec"] == {"image": "1"}


def test_an_old_template_that_returns_gets_the_next_number() -> None:
    cluster = unserved_cluster()
    owner = stateful_set(cluster)
    first = record_revision(cluster, "StatefulSet", owner)
    record_revision(cluster, "StatefulSet", with_image(cluster, owner, "2"))
    again = record_revision(cluster, "StatefulSet", owner)
    assert (again.name, again.object["revision"]) == (first.name, 3)
    assert numbers(cluster, owner) == [2, 3]


def test_the_oldest_revisions_beyond_the_limit_are_removed() -> None:
    cluster = unserved_cluster()
    owner = stateful_set(cluster, revisionHistoryLimit=2)
    for image in "12345":
        record_revision(cluster, "StatefulSet", with_image(cluster, owner, image))
    assert numbers(cluster, owner) == [3, 4, 5]
