"""The root types of a model: Query, Mutation and Subscription.

Each root field is generated from its row in :data:`schema.verbs.VERBS`. :class:`RootResolvers` brings the
functions that answer the fields.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import (
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
)

from schema.building.arguments import build_arguments
from schema.building.cluster_fields import ClusterResolvers, build_cluster_fields
from schema.building.manifests import (
    ManifestResolvers,
    build_manifest_mutations,
    build_manifest_queries,
)
from schema.building.node_drain import DrainedResources, build_node_drain
from schema.building.object_tree import StateResolvers, build_tree_fields
from schema.building.object_types import ObjectTypes, TrustedObjectType
from schema.building.on_demand import OnDemand
from schema.building.pod_logs import build_pod_logs
from schema.building.problems import build_problems
from schema.building.relation_fields import build_relation_field
from schema.building.rollouts import REVISION
from schema.building.wrappers import Wrappers
from schema.model import Model, ObjectType, Scalar, ServedResource
from schema.relations import Relation, RelationRule
from schema.resources import Resource
from schema.scalars import SCALARS
from schema.verbs import Answer, FieldVerb, Operation, Verb, VerbSpec, spec_of

__all__ = ["RootField", "RootResolvers", "RootTypes"]


@dataclass(frozen=True, slots=True)
class RootField:
    """The verb and the resource of a root field: ``field.extensions["root"]`` of the graphql-core field."""

    verb: FieldVerb
    served: ServedResource


class RootResolvers(Protocol):
    """The functions that answer the root fields; a function depends on its root field alone."""

    cluster: ClusterResolvers
    manifests: ManifestResolvers
    state: StateResolvers

    @property
    def relation_rules(self) -> Sequence[RelationRule]:
        """The user's own relations."""

    def resolver(self, root: RootField) -> GraphQLFieldResolver:
        """The function that answers a query or mutation field with plain JSON."""

    def relation(self, relation: Relation) -> GraphQLFieldResolver:
        """The function that answers the field of a relation from plain JSON."""

    def subscriber(self, root: RootField) -> Callable[..., Any]:
        """The function that makes the source stream of a subscription field."""

    def pod_log_subscriber(self, pods: Resource) -> Callable[..., Any]:
        """The function that makes the source stream of ``podLogs``."""

    def node_drain_subscriber(self, resources: DrainedResources) -> Callable[..., Any]:
        """The function that makes the source stream of ``drainNode``."""


class RootTypes:
    """Builds the root types of a model, their fields and all types below them, each on first use.

    ``cluster_fields`` are the root fields that belong to no resource.
    """

    def __init__(self, model: Model, resolvers: RootResolvers) -> None:
        self.model = model
        self._resolvers = resolvers
        self.types = ObjectTypes(model, self._relation_field, resolvers.relation_rules)
        self.wrappers = Wrappers(self.types)
        verbs = {verb for served in model.resources for verb in served.pinned}
        tree = build_tree_fields(self.types.tree_node, resolvers.state)
        self.cluster_fields: Mapping[Operation, Mapping[str, GraphQLField]] = {
            Operation.QUERY: {
                **({"tree": tree["query"]} if Verb.GET in verbs else {}),
                **(build_problems(self.types.interface, resolvers.state) if Verb.LIST in verbs else {}),
                **build_cluster_fields(self.types.interface, resolvers.cluster),
                **build_manifest_queries(model, resolvers.manifests),
            },
            Operation.MUTATION: build_manifest_mutations(model, self.types.interface, resolvers.manifests),
            Operation.SUBSCRIPTION: {
                **({"tree": tree["subscription"]} if Verb.WATCH_OBJECT in verbs else {}),
                **build_pod_logs(model, resolvers.pod_log_subscriber),
                **build_node_drain(model, resolvers.node_drain_subscriber),
            },
        }
        sources = {operation: dict[str, _Source](fields) for operation, fields in self.cluster_fields.items()}
        for served in model.resources:
            for verb, pinned in served.pinned.items():
                fields, root = sources[spec_of(verb).operation], RootField(verb, served)
                if served.short.get(verb):
                    fields[served.short[verb]] = root
                fields[pinned] = root
        self._sources = sources

    def root_type(self, operation: Operation) -> GraphQLObjectType | None:
        """A new root type of the operation; None if it has no field."""
        fields: Any = OnDemand(self._sources[operation], self._field)
        return TrustedObjectType(operation.value, fields) if fields else None

    def named_type(self, name: str, source: ObjectType | ServedResource) -> GraphQLNamedType:
        """The output or input type of an object, or a type around a resource's objects, by its name."""
        match source:
            case ObjectType(id=id_, name=output):
                return self.types.output(id_) if name == output else self.types.input(id_)
            case ServedResource(list_name=list_name):
                if name == REVISION:
                    return self.wrappers.revision()
                is_list = name == list_name
                return self.wrappers.list_of(source) if is_list else self.wrappers.event_of(source)

    def _relation_field(self, types: ObjectTypes, relation: Relation) -> GraphQLField:
        return build_relation_field(
            relation, types, self.wrappers.list_of, self._resolvers.relation(relation)
        )

    def _field(self, name: str, source: "_Source") -> GraphQLField:
        if isinstance(source, GraphQLField):
            return source
        short = source.served.short.get(source.verb)
        return self._root_field(source, None if name == short else short)

    def _root_field(self, root: RootField, short: str | None) -> GraphQLField:
        spec, served = spec_of(root.verb), root.served
        subscribes = spec.operation is Operation.SUBSCRIPTION
        answer = self._answer(root)
        field = GraphQLField(
            # others are nullable: an error of one field must not take its neighbours with it
            GraphQLNonNull(answer) if subscribes or spec.answer is Answer.DELETED_COLLECTION else answer,
            resolve=_event if subscribes else self._resolvers.resolver(root),
            subscribe=self._resolvers.subscriber(root) if subscribes else None,
            description=_describe(spec, served, short),
            extensions={"root": root},
        )
        # set afterwards: GraphQLField would check the names of the arguments again
        field.args = build_arguments(spec, self._input(root), served.resource.namespaced)
        return field

    def _answer(
        self, root: RootField
    ) -> GraphQLObjectType | GraphQLScalarType | GraphQLList[GraphQLNonNull[GraphQLObjectType]]:
        served = root.served
        match spec_of(root.verb).answer:
            case Answer.LIST:
                return self.wrappers.list_of(served)
            case Answer.EVENT:
                return self.wrappers.event_of(served)
            case Answer.SCALE:
                return self.wrappers.scale()
            case Answer.DELETION:
                return self.wrappers.deletion()
            case Answer.DIFF:
                return self.wrappers.difference()
            case Answer.HISTORY:
                return GraphQLList(GraphQLNonNull(self.wrappers.revision()))
            case Answer.ROLLOUT:
                return self.wrappers.rollout_status()
            case Answer.DELETED_COLLECTION:
                return self.wrappers.deleted_collection()
            case Answer.OBJECT | Answer.SUBRESOURCE:
                id_ = served.object_of(root.verb)
                return SCALARS[Scalar.JSON] if id_ is None else self.types.output(id_)

    def _input(self, root: RootField) -> GraphQLInputObjectType | None:
        id_ = root.served.object_of(root.verb)
        return self.types.input(id_) if id_ is not None and spec_of(root.verb).writes_object else None


_Source = GraphQLField | RootField


def _describe(spec: VerbSpec, served: ServedResource, short: str | None) -> str:
    """The description of a root field; ``short`` is the short name that a pinned field also has."""
    kind = served.resource.kind
    description = spec.description.format(kind=f"{kind.kind} ({kind.api_version})")
    return f"{description}\n\nAlso: `{short}`." if short else description


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    """The value of a subscription's root field is the event of its source stream."""
    return source
