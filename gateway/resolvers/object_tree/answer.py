"""The answer of ``tree``: JSON from compiled selections, or values that graphql-core executes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import msgspec

from gateway.informers import Informer
from gateway.resolvers.context import Info
from gateway.resolvers.decoding import decode_object
from gateway.resolvers.encoded_selections import EncodedSelections, ObjectTable
from gateway.resolvers.object_tree.members import Member
from gateway.resolvers.object_tree.tree import Node
from schema.building import DecodedObject, MemberSelection, TreeSelection, health_selection
from schema.health import Health, HealthStatus
from schema.model import Model, ServedResource
from schema.selection import Selection, SelectionMismatch

__all__ = ["Encode", "Encoder", "decoded_nodes", "decoded_object", "encode_node"]

_MOST_HEALTHS = 1000
"""Different healths that are kept decoded."""
Encode = Callable[[Selection, Member], bytes]


class _Health(msgspec.Struct, gc=False):
    status: HealthStatus
    reason: str | None = None
    message: str | None = None


class _WithHealth(msgspec.Struct, gc=False):
    health: _Health


class _Batch:
    """The tables that encode objects, by informer and selection; open until the block ends."""

    def __init__(self, encoded: EncodedSelections, tables: ExitStack) -> None:
        self._encoded = encoded
        self._open = tables
        self._tables: dict[tuple[Informer, Selection], ObjectTable] = {}

    def encode(self, informer: Informer, selection: Selection, member: Member) -> bytes:
        table = self._tables.get((informer, selection))
        if table is None:
            table = self._open.enter_context(self._encoded.objects(informer, selection))
            self._tables[informer, selection] = table
        return table.encode(member.key, bytes(member.body))


class Encoder:
    """Encodes selections of members; the versions that informers store are encoded once for all readers."""

    def __init__(self, info: Info, model: Model) -> None:
        self._encoded = info.context.shared.encoded
        self._model = model
        self._selections: dict[str, Selection] = {}
        self._healths: dict[bytes, Health] = {}
        self._batch: _Batch | None = None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Encode many objects during the block: each cache of a selection is found once, not per object."""
        with ExitStack() as tables:
            self._batch = _Batch(self._encoded, tables)
            try:
                yield
            finally:
                self._batch = None

    def encode(self, selection: Selection, member: Member) -> bytes:
        """The selection of an object as JSON. Raises SelectionMismatch, AnswerTooLarge."""
        if member.informer is None:
            return selection.encode(bytes(member.body))
        if self._batch is not None:
            return self._batch.encode(member.informer, selection, member)
        return self._encoded.encode_object(member.informer, selection, member.stored)

    def health(self, member: Member) -> Health:
        """The health of an object; ``UNKNOWN`` if its JSON does not fit its kind."""
        try:
            encoded = self.encode(self._selection(member.served), member)
        except SelectionMismatch as error:
            return Health.unknown("UnexpectedValue", str(error))
        health = self._healths.get(encoded)
        if health is None:
            found = msgspec.json.decode(encoded, type=_WithHealth).health
            health = Health(found.status, found.reason, found.message)
            if len(self._healths) >= _MOST_HEALTHS:
                self._healths.clear()
            self._healths[encoded] = health
        return health

    def needs_only_metadata(self, served: ServedResource) -> bool:
        """Whether the health of objects of a kind needs no more than their metadata."""
        return self._selection(served).only_metadata

    def _selection(self, served: ServedResource) -> Selection:
        selection = self._selections.get(served.object)
        if selection is None:
            model, kind = self._model, served.resource.kind
            selection = health_selection(model.objects[served.object], kind, model.health_rules)
            self._selections[served.object] = selection
        return selection


def encode_node(node: Node, selection: TreeSelection, encode: Encode) -> bytes:
    """A node as JSON. Raises NotCompilable, SelectionMismatch, AnswerTooLarge."""

    def encode_object(of: MemberSelection) -> bytes:
        return encode(of.of(node.member.served), node.member)

    children = [partial(encode_node, child, encode=encode) for child in node.children]
    return selection.write(node, encode_object, children)


def decoded_nodes(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """The nodes for graphql-core to execute. Raises UpstreamProtocolError."""
    decoded = {id(node): {**_values(node), "object": decoded_object(node.member)} for node in nodes}
    for node in nodes:
        decoded[id(node)]["children"] = [decoded[id(child)] for child in node.children]
    return list(decoded.values())


def _values(node: Node) -> dict[str, Any]:
    health = node.health
    return {
        "depth": node.depth,
        "parentUid": node.parent_uid,
        "worst": node.worst.value,
        "health": {"status": health.status.value, "reason": health.reason, "message": health.message},
    }


def decoded_object(member: Member) -> DecodedObject:
    """The object with its kind, which items of a list lack."""
    kind = member.served.resource.kind
    return DecodedObject({**decode_object(member.body), "apiVersion": kind.api_version, "kind": kind.kind})
