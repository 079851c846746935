"""The arrangement of objects in a tree of owners."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.kube.received import ObjectHeader, ObjectMetadata, OwnerReference
from gateway.resolvers.object_tree.members import ListedMembers, Member
from gateway.resolvers.object_tree.tree import Node, arrange
from schema.health import Health, HealthStatus, worst_status
from tests.schema.lowering.test_pipeline_kubernetes import kubernetes

KINDS = {served.resource.kind.kind: served for served in kubernetes().resources}
UIDS = ["a", "b", "c", "d", "e", "f"]
STATUSES = list(HealthStatus)


def member(uid: str, *owners: str, kind: str = "Pod") -> Member:
    references = tuple(OwnerReference(owner) for owner in owners)
    metadata = ObjectMetadata(name=uid, namespace="default", uid=uid, owner_references=references)
    return Member(KINDS[kind], b"{}", ObjectHeader(metadata))


def shape(nodes: Sequence[Node]) -> list[tuple[int, str, str | None]]:
    return [(node.depth, node.member.uid, node.parent_uid) for node in nodes]


def current(_: Member) -> Health:
    return Health.current()


def test_children_follow_their_parent_by_kind_then_by_name() -> None:
    members = [
        ListedMembers([member("z", "root"), member("a", "root"), member("x", "r")]),
        ListedMembers([member("r", "root", kind="ReplicaSet"), member("lost", "another")]),
    ]
    nodes = arrange(member("root", kind="Deployment"), members, current)
    assert shape(nodes) == [
        (0, "root", None),
        (1, "a", "root"),
        (1, "z", "root"),
        (1, "r", "root"),
        (2, "x", "r"),
    ]


def test_an_object_with_several_owners_is_below_the_highest() -> None:
    members = [
        ListedMembers([member("one", "root"), member("two", "one", "root"), member("x", "two", "one")])
    ]
    nodes = arrange(member("root"), members, current)
    assert shape(nodes) == [(0, "root", None), (1, "one", "root"), (2, "x", "one"), (1, "two", "root")] or (
        shape(nodes) == [(0, "root", None), (1, "one", "root"), (1, "two", "root"), (2, "x", "two")]
    )


def test_the_depth_bounds_the_levels() -> None:
    chain = [member(str(number + 1), str(number)) for number in range(100)]
    assert len(arrange(member("0"), [ListedMembers(chain)], current, 3)) == 4
    assert len(arrange(member("0"), [ListedMembers(chain)], current)) == 51


OWNERS = st.dictionaries(st.sampled_from(UIDS), st.lists(st.sampled_from(UIDS), max_size=3, unique=True))
HEALTH = st.dictionaries(st.sampled_from(UIDS), st.sampled_from(STATUSES))


@given(OWNERS, HEALTH)
def test_any_references_give_a_tree_with_its_worst_statuses(
    owners: Mapping[str, list[str]], statuses: Mapping[str, HealthStatus]
) -> None:
    def health_of(of: Member) -> Health:
        return Health(statuses.get(of.uid, HealthStatus.CURRENT))

    members = [ListedMembers([member(uid, *of) for uid, of in owners.items()])]
    nodes = arrange(member("a"), members, health_of)

    uids = [node.member.uid for node in nodes]
    assert len(uids) == len(set(uids))
    assert set(uids) == reachable("a", owners)
    for node in nodes:
        assert node.depth == (0 if node.parent is None else node.parent.depth + 1)
        below = [other for other in nodes if is_below(other, node)]
        assert node.worst == worst_status(other.health.status for other in below)


def reachable(root: str, owners: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = {root}
    while more := {uid for uid, of in owners.items() if found & set(of)} - found:
        found |= more
    return found


def is_below(node: Any, top: Node) -> bool:
    while node is not None and node is not top:
        node = node.parent
    return node is top
