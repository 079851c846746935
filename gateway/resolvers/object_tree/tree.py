"""The arrangement of objects in a tree of owners. Pure: no requests."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.resolvers.object_tree.members import Member, Members
from schema.health import Health, HealthStatus, worst_status

__all__ = ["MAX_DEPTH", "Node", "arrange"]

MAX_DEPTH = 50
"""The most levels below the root: chains of owners are short, and made-up ones must end."""


@dataclass(slots=True, eq=False)
class Node:
    """An object of the tree; ``worst`` is the worst status of it and of all nodes below."""

    member: Member
    depth: int
    parent: "Node | None"
    health: Health
    children: "list[Node]" = field(default_factory=list)
    worst: HealthStatus = HealthStatus.CURRENT

    @property
    def parent_uid(self) -> str | None:
        return None if self.parent is None else self.parent.member.uid


def arrange(
    root: Member, members: Sequence[Members], health_of: Callable[[Member], Health], depth: int = MAX_DEPTH
) -> list[Node]:
    """The nodes, each before its children; siblings by kind, then by name.

    Each object has one place, however many owners it has and even if they own each other: below the first of
    its owners on the highest level.
    """
    top = Node(root, 0, None, health_of(root))
    by_uid = {root.uid: top}
    level = [top]
    while level and level[0].depth < depth:
        level = [
            _add(by_uid, member, health_of)
            for member in _owned(members, [node.member.uid for node in level])
            if member.uid not in by_uid
        ]
    nodes = list(_in_order(top))
    for node in reversed(nodes):
        node.worst = worst_status((node.health.status, *(child.worst for child in node.children)))
    return nodes


def _owned(members: Sequence[Members], owners: Sequence[str]) -> Iterable[Member]:
    for of_kind in members:
        yield from of_kind.owned_by(owners)


def _add(by_uid: dict[str, Node], member: Member, health_of: Callable[[Member], Health]) -> Node:
    """Put an object below the first of its owners on the highest level that has one."""
    owners = [by_uid[uid] for uid in member.owners if uid in by_uid]
    parent = owners[0] if len(owners) == 1 else min(owners, key=lambda node: node.depth)
    node = by_uid[member.uid] = Node(member, parent.depth + 1, parent, health_of(member))
    parent.children.append(node)
    return node


def _in_order(top: Node) -> Iterable[Node]:
    waiting = [top]
    while waiting:
        node = waiting.pop()
        node.children.sort(key=lambda child: child.member.place)
        waiting += reversed(node.children)
        yield node
