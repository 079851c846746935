"""The subscription ``tree``: the tree at once, and again after every change of the answer.

A watch of each kind whose objects the root may own feeds the subscription, from shared informers. A change
matters if its object is in the tree, or has an owner in it. Changes that come together are answered once
(:data:`DEBOUNCE_SECONDS`), and an answer that equals the one before is not sent. While the root does not
exist, the tree is empty. A kind that the caller may not watch, or no longer, is left out and named in
``extensions.leftOut``; the right to watch the root ends the subscription.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Sequence
from typing import Any

import msgspec

from gateway.errors import GatewayError, QueryTooComplex
from gateway.informers import EventType, ObjectEvent, Scope
from gateway.kube.received import ObjectHeader, decode
from gateway.resolvers.caller_informers import subscribe
from gateway.resolvers.context import Info
from gateway.resolvers.object_tree.answer import Encoder, decoded_nodes, encode_node
from gateway.resolvers.object_tree.kinds import KindFinder
from gateway.resolvers.object_tree.members import Member, note_left_out
from gateway.resolvers.object_tree.read import only_metadata_of
from gateway.resolvers.object_tree.request import TreeRequest, parse_request
from gateway.resolvers.object_tree.tree import Node, arrange
from schema.building import TreeSelection, compile_tree
from schema.model import ServedResource
from schema.selection import AnswerTooLarge, Compiled, NotCompilable, Selection, SelectionMismatch

__all__ = ["watch_tree"]

DEBOUNCE_SECONDS = 0.1
_VOLATILE = frozenset({"resourceVersion", "managedFields"})
"""The metadata that every write changes."""


async def watch_tree(finder: KindFinder, info: Info, **arguments: Any) -> AsyncIterator[Any]:
    """The source stream: the value of the field for each event. Raises BadArgument."""
    request = await parse_request(finder, info, **arguments)
    return _TreeWatch(finder, info, request).run()


class _WatchedMembers:
    """The owned objects of one kind, as the events of its watch say."""

    def __init__(self, served: ServedResource) -> None:
        self.served = served
        self._members: dict[str, Member] = {}
        self._by_owner: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def owned_by(self, owners: Collection[str]) -> Iterable[Member]:
        return (self._members[uid] for owner in owners for uid in self._by_owner.get(owner, ()))

    def put(self, member: Member) -> None:
        """Add an object, or its new state."""
        self.remove(member.uid)
        if member.owners:
            self._members[member.uid] = member
        for owner in member.owners:
            self._by_owner[owner][member.uid] = None

    def remove(self, uid: str) -> None:
        member = self._members.pop(uid, None)
        for owner in member.owners if member is not None else ():
            self._by_owner[owner].pop(uid, None)
            if not self._by_owner[owner]:
                del self._by_owner[owner]

    def clear(self) -> None:
        self._members.clear()
        self._by_owner.clear()


class _TreeWatch:
    """One subscription."""

    def __init__(self, finder: KindFinder, info: Info, request: TreeRequest) -> None:
        self._info = info
        self._request = request
        self._selection = compile_tree(info)
        self._encoder = _WatchEncoder(info, finder)
        self._only_metadata = only_metadata_of(self._encoder, self._selection)
        self._root: Member | None = None
        self._error: Exception | None = None
        self._members: dict[int, _WatchedMembers] = {}
        self._left_out: list[tuple[ServedResource, GatewayError]] = []
        self._in_tree: frozenset[str] = frozenset()
        self._not_synced = 0
        self._ended = False
        self._changed = asyncio.Event()
        self._last: Any = None

    async def run(self) -> AsyncGenerator[Any, None]:
        """The values of the field. Raises the error of the root's watch."""
        followers = [self._follow_root(), *map(self._follow, self._watched_kinds())]
        self._not_synced = len(followers)
        # not a TaskGroup: a generator may be closed by another task than its reader's
        tasks = [asyncio.create_task(follower, name="tree") for follower in followers]
        try:
            while True:
                await self._changed.wait()
                if self._last is not None and not self._ended:
                    await asyncio.sleep(DEBOUNCE_SECONDS)
                self._changed.clear()
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return
                if not self._not_synced and (answer := self._answer()) is not None:
                    yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _watched_kinds(self) -> Sequence[ServedResource]:
        """The kinds to watch, as many as an operation may send requests."""
        kinds, most = self._request.kinds, self._info.context.shared.limits.max_upstream_requests
        error = QueryTooComplex(f"the subscription watches {most} kinds, the limit (--max-upstream-requests)")
        self._left_out += [(served, error) for served in kinds[most:]]
        return kinds[:most]

    # the watches

    async def _follow_root(self) -> None:
        """Follow the root; the end of its watch ends the subscription."""
        try:
            async with subscribe(self._info, self._request.root.resource, self._request.scope) as events:
                async for event in events:
                    self._apply_root(event)
        except Exception as error:  # noqa: BLE001 - a task's outer edge: the reader raises the error
            self._error = error
        finally:
            self._ended = True
            self._changed.set()

    def _apply_root(self, event: ObjectEvent) -> None:
        if event.type is EventType.SYNCED:
            self._synced()
        elif event.type is EventType.DELETED or event.object is None:
            self._root = None
        else:
            self._root = _member(self._request.root, event.object)
        self._changed.set()

    async def _follow(self, served: ServedResource) -> None:
        """Follow the objects of a kind; an error leaves the kind out from then on."""
        members = self._members[id(served)] = _WatchedMembers(served)
        synced = False
        scope = Scope(self._request.scope.namespace if served.resource.namespaced else None)
        options = {"metadata_only": self._only_metadata(served)}
        try:
            async with subscribe(self._info, served.resource, scope, **options) as events:
                async for event in events:
                    if event.type is EventType.SYNCED:
                        synced = True
                        self._synced()
                    elif self._apply(members, event):
                        self._changed.set()
        except GatewayError as error:
            self._left_out.append((served, error))
        except Exception as error:  # noqa: BLE001 - a task's outer edge: the reader raises the error
            self._error = error
        members.clear()
        if not synced:
            self._synced()
        self._changed.set()

    def _synced(self) -> None:
        self._not_synced -= 1
        self._changed.set()

    def _apply(self, members: _WatchedMembers, event: ObjectEvent) -> bool:
        """Apply an event; whether it matters to the tree."""
        if event.object is None:
            return False
        member = _member(members.served, event.object)
        if event.type is EventType.DELETED:
            members.remove(member.uid)
        else:
            members.put(member)
        return member.uid in self._in_tree or not self._in_tree.isdisjoint(member.owners)

    # the answers

    def _answer(self) -> Any:
        """The value of the field; None if it is the same as before."""
        nodes: list[Node] = []
        if self._root is not None:
            members = list(self._members.values())
            nodes = arrange(self._root, members, self._encoder.health, self._request.depth)
        self._in_tree = frozenset(node.member.uid for node in nodes)
        self._encoder.keep(self._in_tree)
        note_left_out(self._info, self._left_out)
        try:
            return self._compiled(nodes, self._selection) if self._selection else self._decoded(nodes)
        except (NotCompilable, SelectionMismatch):
            return self._decoded(nodes)
        except AnswerTooLarge:
            raise self._info.context.shared.limits.too_large() from None

    def _compiled(self, nodes: Sequence[Node], selection: TreeSelection) -> Compiled | None:
        encoded = b"[%s]" % b",".join(encode_node(node, selection, self._encoder.encode) for node in nodes)
        if encoded == self._last:
            return None
        self._last = encoded
        return Compiled(msgspec.Raw(encoded))

    def _decoded(self, nodes: Sequence[Node]) -> list[dict[str, Any]] | None:
        decoded = decoded_nodes(nodes)
        state = [_without_volatile(node) for node in decoded]
        if state == self._last:
            return None
        self._last = state
        return decoded


class _WatchEncoder(Encoder):
    """Encodes each version of an object once for the subscription."""

    def __init__(self, info: Info, finder: KindFinder) -> None:
        super().__init__(info, finder.model)
        self._kept: dict[str, tuple[bytes | msgspec.Raw, dict[Selection, bytes]]] = {}

    def encode(self, selection: Selection, member: Member) -> bytes:
        body, by_selection = self._kept.get(member.uid, (b"", {}))
        if body is not member.body:
            by_selection = {}
            self._kept[member.uid] = (member.body, by_selection)
        if selection not in by_selection:
            by_selection[selection] = super().encode(selection, member)
        return by_selection[selection]

    def keep(self, uids: frozenset[str]) -> None:
        """Forget all other objects."""
        for uid in self._kept.keys() - uids:
            del self._kept[uid]


def _member(served: ServedResource, body: bytes) -> Member:
    return Member(served, body, decode(body, ObjectHeader, "an object"))


def _without_volatile(node: dict[str, Any]) -> dict[str, Any]:
    """The node without the metadata that every write changes: two equal results need no event."""
    found = node["object"]
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in _VOLATILE}
    return {**node, "object": {**found, "metadata": metadata}, "children": None}
