"""The query ``tree``: from the informers that run, else by one LIST per kind."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.concurrency import LoopYielder
from gateway.kube.received import ObjectHeader, decode
from gateway.resolvers.caller_informers import find_view
from gateway.resolvers.context import Info, budget_of, limited_client_of
from gateway.resolvers.object_tree.answer import Encoder, decoded_nodes, encode_node
from gateway.resolvers.object_tree.kinds import KindFinder
from gateway.resolvers.object_tree.members import Member, OnlyMetadata, read_members
from gateway.resolvers.object_tree.request import TreeRequest, parse_request
from gateway.resolvers.object_tree.tree import Node, arrange
from schema.building import TreeSelection, compile_tree
from schema.model import ServedResource
from schema.selection import AnswerTooLarge, Compiled, NotCompilable, SelectionMismatch

__all__ = ["only_metadata_of", "read_tree"]

_BYTES_PER_YIELD = 1 << 20


async def read_tree(finder: KindFinder, info: Info, **arguments: Any) -> Any:
    """Answer ``tree(…)``. Raises NotFound if the root does not exist, and BadArgument."""
    request = await parse_request(finder, info, **arguments)
    encoder, selection = Encoder(info, finder.model), compile_tree(info)
    root = await _read_root(info, request)
    kinds = request.kinds
    members = (
        await read_members(info, kinds, request.scope.namespace, only_metadata_of(encoder, selection))
        if kinds
        else []
    )
    with encoder.batch():
        nodes = arrange(root, members, encoder.health, request.depth)
        if selection is not None:
            try:
                return Compiled(await _encode(info, nodes, selection, encoder))
            except (NotCompilable, SelectionMismatch):
                pass
            except AnswerTooLarge:
                raise budget_of(info).exceed() from None
    return decoded_nodes(nodes)


def only_metadata_of(encoder: Encoder, selection: TreeSelection | None) -> OnlyMetadata:
    """Which kinds need nothing but their metadata; none if graphql-core executes the selection."""

    def decide(served: ServedResource) -> bool:
        if selection is None:
            return False
        try:
            return selection.needs_only_metadata(served, health=encoder.needs_only_metadata(served))
        except NotCompilable:
            return False

    return decide


async def _read_root(info: Info, request: TreeRequest) -> Member:
    view = await find_view(info, "get", request.root.resource, request.scope)
    stored = view.informer.get(request.scope.key) if view is not None else None
    if view is not None and stored is not None:
        return Member(request.root, stored.object, stored.header, view.informer)
    response = await info.context.shared.flights.get(
        limited_client_of(info), request.path, {}, operation=budget_of(info)
    )
    return Member(request.root, response.body, decode(response.body, ObjectHeader, "an object"))


async def _encode(
    info: Info, nodes: Sequence[Node], selection: TreeSelection, encoder: Encoder
) -> msgspec.Raw:
    yielder, parts = LoopYielder(_BYTES_PER_YIELD), list[bytes]()
    with budget_of(info).provisional() as counted:
        for node in nodes:
            parts.append(encode_node(node, selection, encoder.encode))
            counted.expect_response(len(parts[-1]))
            await yielder.after(len(parts[-1]))
    return msgspec.Raw(b"[%s]" % b",".join(parts))
