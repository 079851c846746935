"""The root field ``tree``: an object with everything that it owns, and the selection of its nodes.

:func:`compile_tree` turns the selection set into a :class:`TreeSelection`, which writes nodes as JSON from
compiled selections of their objects. It returns None where graphql-core has to execute the selection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Protocol

import msgspec
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLString,
    get_named_type,
)
from graphql.execution.collect_fields import FieldDetails

from schema.building.health import HEALTH, HEALTH_STATUS
from schema.health import Health, HealthStatus
from schema.model import ServedResource
from schema.selection import NotCompilable, Selection, SelectionReader, compile_part, details_of

__all__ = [
    "TREE_NODE",
    "MemberSelection",
    "StateResolvers",
    "TreeField",
    "TreeSelection",
    "build_tree_fields",
    "build_tree_node",
    "compile_tree",
]

TREE_NODE = "TreeNode"
_TYPE_META = frozenset({"__typename", "apiVersion", "kind"})
_MAX_HEALTHS = 1000
"""Different healths whose JSON an operation keeps."""


@dataclass(frozen=True, slots=True)
class StateResolvers:
    """The functions of ``tree`` (that of the query, and the source stream's) and of ``problems``."""

    tree: GraphQLFieldResolver
    watch_tree: Callable[..., Any]
    problems: GraphQLFieldResolver


def build_tree_node(interface: GraphQLInterfaceType) -> GraphQLObjectType:
    """``TreeNode``; it refers to itself, so that its owner must free it."""
    node = GraphQLObjectType(
        TREE_NODE,
        lambda: {
            "depth": GraphQLField(
                GraphQLNonNull(GraphQLInt), description="The number of owners up to the root, which has 0."
            ),
            "parentUid": GraphQLField(
                GraphQLString, description="The UID of the owner in the tree; null for the root."
            ),
            "object": GraphQLField(interface, description="The object itself."),
            "health": GraphQLField(HEALTH, description="The health of the object alone."),
            "worst": GraphQLField(
                GraphQLNonNull(HEALTH_STATUS),
                description="The worst status of the object and of everything below it.",
            ),
            "children": GraphQLField(
                GraphQLNonNull(GraphQLList(GraphQLNonNull(node))),
                description="The objects that it owns, by kind, then by name.",
            ),
        },
        description="An object in a tree of owners.",
    )
    return node


def build_tree_fields(node: GraphQLObjectType, resolvers: StateResolvers) -> dict[str, GraphQLField]:
    """The field of queries, ``query``, and that of subscriptions, ``subscription``."""
    list_ = GraphQLList(GraphQLNonNull(node))
    return {
        "query": GraphQLField(
            list_,
            args=_arguments(),
            resolve=resolvers.tree,
            description="An object and everything that it owns, directly or not, by owner references: a flat"
            " list, each object before its children. Objects are read from the informers that run, else by"
            " one list per kind. `extensions.leftOut` names the kinds that could not be listed.",
        ),
        "subscription": GraphQLField(
            GraphQLNonNull(list_),
            args=_arguments(),
            resolve=_event,
            subscribe=resolvers.watch_tree,
            description="The tree of an object, at once and after every change of a selected field in it.",
        ),
    }


def _arguments() -> dict[str, GraphQLArgument]:
    return {
        "apiVersion": GraphQLArgument(
            GraphQLString,
            out_name="api_version",
            description="`v1`, `apps/v1`, … Default: the built-in kind, else the only one of that name.",
        ),
        "kind": GraphQLArgument(GraphQLNonNull(GraphQLString), description="`Deployment`, `Node`, …"),
        "name": GraphQLArgument(GraphQLNonNull(GraphQLString), description="The name of the root."),
        "namespace": GraphQLArgument(
            GraphQLString,
            description="The namespace of the root. Default: the namespace of the context, else `default`.",
        ),
        "depth": GraphQLArgument(
            GraphQLInt, description="The most levels below the root. Default, and at most: 50."
        ),
    }


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    return source


# the selection


class MemberSelection:
    """The selection of ``object``, compiled for each kind when its first object is written."""

    def __init__(
        self, reader: SelectionReader, info: GraphQLResolveInfo[Any], details: list[FieldDetails]
    ) -> None:
        self._reader = reader
        self._types = info.schema.extensions["types"]
        self._details = details
        self._compiled: dict[str, Selection] = {}

    def of(self, served: ServedResource) -> Selection:
        """The selection of objects of a kind. Raises NotCompilable."""
        selection = self._compiled.get(served.object)
        if selection is None:
            type_ = self._types.output(served.object)
            try:
                selection = compile_part(self._reader, type_, self._details, served.resource.kind)
            except (GraphQLError, RecursionError) as error:
                raise NotCompilable(str(error)) from error
            self._compiled[served.object] = selection
        return selection

    def names(self, served: ServedResource) -> set[str]:
        """The fields that are selected of objects of a kind. Raises NotCompilable."""
        collected = self._reader.collect(self._types.output(served.object), self._details)
        return {details[0].node.name.value for details in collected.values()}


class NodeValues(Protocol):
    """The values of a node that are not its object's own."""

    @property
    def depth(self) -> int:
        """The levels above the node."""

    @property
    def parent_uid(self) -> str | None:
        """The UID of the owner; None at the root."""

    @property
    def worst(self) -> HealthStatus:
        """The worst status of the node and of all nodes below."""

    @property
    def health(self) -> Health:
        """The health of the object."""


Write = Callable[[NodeValues], bytes]
"""Writes a value of a node as JSON."""


@dataclass(frozen=True, eq=False)
class TreeField:
    """One field of a node in the answer: its object, the nodes below, or a value that ``write`` writes."""

    response_name: str
    member: MemberSelection | None = None
    children: "TreeSelection | None" = None
    write: Write | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> bytes:
        """The response name as the key of a JSON object."""
        return b'"%s":' % self.response_name.encode()


@dataclass(frozen=True, slots=True, eq=False)
class TreeSelection:
    """The selected fields of a node, in the order of the answer."""

    fields: tuple[TreeField, ...]

    @property
    def members(self) -> list[MemberSelection]:
        """The selections of ``object``, at any level."""
        own = [field.member for field in self.fields if field.member is not None]
        below = [field.children for field in self.fields if field.children is not None]
        return own + [member for selection in below for member in selection.members]

    def needs_only_metadata(self, served: ServedResource, *, health: bool) -> bool:
        """Whether the objects of a kind need nothing but their metadata.

        ``health`` says that their health needs no more. Raises NotCompilable.
        """
        enough = {*_TYPE_META, "metadata", *(["health"] if health else [])}
        return health and all(member.names(served) <= enough for member in self.members)

    def write(
        self,
        values: NodeValues,
        encode: Callable[[MemberSelection], bytes],
        children: "Sequence[Callable[[TreeSelection], bytes]]",
    ) -> bytes:
        """A node as JSON.

        ``encode`` writes the object, and each of ``children`` is a function from its selection to its JSON.
        """
        parts = []
        for item in self.fields:
            if item.write is not None:
                value = item.write(values)
            elif item.member is not None:
                value = encode(item.member)
            elif item.children is not None:
                value = b"[" + b",".join([write(item.children) for write in children]) + b"]"
            else:
                value = _TYPE_NAME
            parts.append(item.key + value)
        return b"{" + b",".join(parts) + b"}"


_TYPE_NAME = msgspec.json.encode(TREE_NODE)
_VALUES: Mapping[str, Write] = {
    "depth": lambda node: b"%d" % node.depth,
    "parentUid": lambda node: msgspec.json.encode(node.parent_uid),
    "worst": lambda node: b'"%s"' % node.worst.encode(),
}


def _health_writer(fields: Sequence[tuple[str, str]]) -> Write:
    """Writes these fields of ``health``, as (response name, field); most nodes have equal values."""

    @lru_cache(_MAX_HEALTHS)
    def write(health: Health) -> bytes:
        return msgspec.json.encode({key: getattr(health, name, "Health") for key, name in fields})

    return lambda node: write(node.health)


def compile_tree(info: GraphQLResolveInfo[Any]) -> TreeSelection | None:
    """The selection of ``tree``; None if graphql-core has to execute it, or has an error to report.

    The selection of an object may still turn out not to be compilable for its kind.
    """
    type_ = get_named_type(info.return_type)
    if not isinstance(type_, GraphQLObjectType):
        return None
    try:
        return _selection(SelectionReader(info), info, type_, details_of(info))
    except (NotCompilable, GraphQLError, RecursionError):
        return None


def _selection(
    reader: SelectionReader,
    info: GraphQLResolveInfo[Any],
    type_: GraphQLObjectType,
    details: list[FieldDetails],
) -> TreeSelection:
    def compile_field(response_name: str, group: list[FieldDetails]) -> TreeField:
        match name := group[0].node.name.value:
            case "object":
                return TreeField(response_name, member=MemberSelection(reader, info, group))
            case "children":
                return TreeField(response_name, children=_selection(reader, info, type_, group))
            case "health":
                collected = reader.collect(HEALTH, group).items()
                fields = [(inner, item[0].node.name.value) for inner, item in collected]
                return TreeField(response_name, write=_health_writer(fields))
        return TreeField(response_name, write=_VALUES.get(name))

    collected = reader.collect(type_, details)
    return TreeSelection(tuple(compile_field(name, group) for name, group in collected.items()))
