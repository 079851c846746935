"""The model as a GraphQL schema: the Query, Mutation and Subscription root fields (design section 4).

What a field *does* is not known here: :class:`RootResolvers` brings the functions that answer them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import (
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    specified_directives,
)

from schema import named_types
from schema.arguments import build_arguments
from schema.cluster_fields import ClusterResolvers, build_cluster_fields
from schema.descriptions import describe_root_field
from schema.model import Model, ServedResource, Verb
from schema.named_types import field_with_arguments
from schema.pod_logs import build_pod_logs
from schema.resources import Resource
from schema.types import ObjectTypes
from schema.wrappers import Wrappers

__all__ = ["RootField", "RootResolvers", "build_schema"]

QUERIES = (Verb.LIST, Verb.GET)
SUBSCRIPTIONS = (Verb.WATCH_LIST, Verb.WATCH_OBJECT)
MUTATIONS = tuple(verb for verb in Verb if verb not in QUERIES + SUBSCRIPTIONS)
WRITES_OBJECT = (Verb.CREATE, Verb.APPLY, Verb.PATCH, Verb.PATCH_STATUS)


@dataclass(frozen=True, slots=True)
class RootField:
    """What a root field stands for; it is ``field.extensions["root"]`` of the graphql-core field."""

    verb: Verb
    served: ServedResource


class RootResolvers(Protocol):
    """Who answers the root fields."""

    cluster: ClusterResolvers

    def resolver(self, root: RootField) -> GraphQLFieldResolver:
        """The function that answers a query or mutation field with plain JSON."""

    def subscriber(self, root: RootField) -> Callable[..., Any]:
        """The function that makes the source stream of a subscription field."""

    def pod_log_subscriber(self, pods: Resource) -> Callable[..., Any]:
        """The function that makes the source stream of ``podLogs``."""


def build_schema(model: Model, resolvers: RootResolvers) -> GraphQLSchema:
    """The whole schema; not yet validated (``graphql.validate_schema`` does that).

    ``extensions["types"]`` of it are its ObjectTypes.
    """
    builder = _RootBuilder(model, resolvers)
    return GraphQLSchema(
        query=builder.root(
            "Query", QUERIES, build_cluster_fields(builder.types.interface, resolvers.cluster)
        ),
        mutation=builder.root("Mutation", MUTATIONS),
        subscription=builder.root(
            "Subscription", SUBSCRIPTIONS, build_pod_logs(model, resolvers.pod_log_subscriber)
        ),
        types=[builder.types.output(served.object) for served in model.resources],
        directives=specified_directives,
        extensions={"types": builder.types},
    )


class _RootBuilder:
    def __init__(self, model: Model, resolvers: RootResolvers) -> None:
        self._model = model
        self._resolvers = resolvers
        self.types = ObjectTypes(model)
        self._wrappers = Wrappers(self.types)

    def root(
        self, name: str, verbs: tuple[Verb, ...], more: dict[str, GraphQLField] | None = None
    ) -> GraphQLObjectType | None:
        """The root type with that name; None where nothing served has one of the verbs."""
        fields = dict(more or {})
        for served in self._model.resources:
            fields.update(self._fields(served, verbs))
        return named_types.ObjectType(name, fields) if fields else None

    def _fields(self, served: ServedResource, verbs: tuple[Verb, ...]) -> Iterator[tuple[str, GraphQLField]]:
        for verb in verbs:
            if verb not in served.pinned:
                continue
            short = served.short.get(verb)
            if short:
                yield short, self._field(RootField(verb, served), None)
            yield served.pinned[verb], self._field(RootField(verb, served), short)

    def _field(self, root: RootField, short: str | None) -> GraphQLField:
        subscribes = root.verb in SUBSCRIPTIONS
        input_type = self.types.input(root.served.object) if root.verb in WRITES_OBJECT else None
        return field_with_arguments(
            self._answer(root),
            build_arguments(root.verb, input_type, root.served.resource.namespaced),
            resolve=_event if subscribes else self._resolvers.resolver(root),
            subscribe=self._resolvers.subscriber(root) if subscribes else None,
            description=describe_root_field(root.verb, root.served, short),
            extensions={"root": root},
        )

    def _answer(self, root: RootField) -> GraphQLOutputType:
        match root.verb:
            case Verb.LIST:
                return self._wrappers.list_of(root.served)
            case Verb.WATCH_LIST | Verb.WATCH_OBJECT:
                return self._wrappers.event_of(root.served)
            case Verb.SCALE:
                return self._wrappers.scale()
            case Verb.DELETE:
                return self._wrappers.deletion()
            case _:
                return self.types.output(root.served.object)


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    """A subscription's root field is answered by its source stream's event itself."""
    return source
