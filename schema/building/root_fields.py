"""The model as a GraphQL schema: the Query, Mutation and Subscription root types (design section 4).

Each root field is generated from its row in :data:`schema.verbs.VERBS`. :class:`RootResolvers` brings the
functions that answer the fields.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import (
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    specified_directives,
)

from schema.building.arguments import build_arguments
from schema.building.cluster_fields import ClusterResolvers, build_cluster_fields
from schema.building.object_types import ObjectTypes, TrustedObjectType
from schema.building.pod_logs import build_pod_logs
from schema.building.wrappers import Wrapper, Wrappers
from schema.model import Model, ServedResource
from schema.resources import GroupVersionResource, Resource
from schema.verbs import VERBS, Answer, Operation, Verb, VerbSpec

__all__ = ["RootField", "RootResolvers", "build_schema"]


@dataclass(frozen=True, slots=True)
class RootField:
    """The verb and the resource of a root field: ``field.extensions["root"]`` of the graphql-core field."""

    verb: Verb
    served: ServedResource


class RootResolvers(Protocol):
    """The functions that answer the root fields; a function depends on its root field alone."""

    cluster: ClusterResolvers

    def resolver(self, root: RootField) -> GraphQLFieldResolver:
        """The function that answers a query or mutation field with plain JSON."""

    def subscriber(self, root: RootField) -> Callable[..., Any]:
        """The function that makes the source stream of a subscription field."""

    def pod_log_subscriber(self, pods: Resource) -> Callable[..., Any]:
        """The function that makes the source stream of ``podLogs``."""


def build_schema(
    model: Model, resolvers: RootResolvers, before: GraphQLSchema | None = None
) -> GraphQLSchema:
    """Build the whole schema; ``graphql.validate_schema`` has to validate it.

    ``extensions["types"]`` are its ObjectTypes. Parts of the schema ``before`` are reused if they are equal
    together with everything that they lead to. ``before`` only saves time: the schema is equal without it.
    """
    builder = _RootBuilder(model, resolvers, before.extensions["parts"] if before else None)
    parts = builder.parts
    return GraphQLSchema(
        query=builder.root(Operation.QUERY, build_cluster_fields(parts.types.interface, resolvers.cluster)),
        mutation=builder.root(Operation.MUTATION),
        subscription=builder.root(
            Operation.SUBSCRIPTION, build_pod_logs(model, resolvers.pod_log_subscriber)
        ),
        types=[parts.types.output(served.object) for served in model.resources],
        directives=specified_directives,
        extensions={"types": parts.types, "parts": parts},
    )


@dataclass(frozen=True, slots=True)
class _ResourceFields:
    """The root fields of one resource by verb, and the types of the fields and their arguments."""

    served: ServedResource
    types: tuple[GraphQLNamedType | None, ...]
    fields: Mapping[Verb, Mapping[str, GraphQLField]]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a schema that a later schema can reuse."""

    types: ObjectTypes
    wrappers: Mapping[str, Wrapper]
    fields: Mapping[GroupVersionResource, _ResourceFields]


class _RootBuilder:
    def __init__(self, model: Model, resolvers: RootResolvers, before: _Parts | None) -> None:
        self._resolvers = resolvers
        self._types = ObjectTypes(model, before.types if before else None)
        self._wrappers = Wrappers(self._types, before.wrappers if before else {})
        reusable = before.fields if before else {}
        self._resources = [
            self._resource_fields(served, reusable.get(served.resource.gvr)) for served in model.resources
        ]
        fields = {resource.served.resource.gvr: resource for resource in self._resources}
        self.parts = _Parts(self._types, self._wrappers.built, fields)

    def root(
        self, operation: Operation, more: dict[str, GraphQLField] | None = None
    ) -> GraphQLObjectType | None:
        """The root type of the operation; None if it has no field."""
        fields = dict(more or {})
        for resource in self._resources:
            for verb, fields_of_verb in resource.fields.items():
                if VERBS[verb].operation is operation:
                    fields.update(fields_of_verb)
        return TrustedObjectType(operation.value, fields) if fields else None

    def _resource_fields(self, served: ServedResource, reusable: _ResourceFields | None) -> _ResourceFields:
        types = tuple(
            type_
            for verb in served.pinned
            for type_ in (self._answer(VERBS[verb], served), self._input(VERBS[verb], served))
        )
        if reusable is not None and reusable.types == types and reusable.served == served:
            return reusable
        fields = {verb: dict(self._fields(verb, served)) for verb in served.pinned}
        return _ResourceFields(served, types, fields)

    def _fields(self, verb: Verb, served: ServedResource) -> Iterator[tuple[str, GraphQLField]]:
        short = served.short.get(verb)
        if short:
            yield short, self._field(RootField(verb, served), None)
        yield served.pinned[verb], self._field(RootField(verb, served), short)

    def _field(self, root: RootField, short: str | None) -> GraphQLField:
        spec, served = VERBS[root.verb], root.served
        subscribes = spec.operation is Operation.SUBSCRIPTION
        answer = self._answer(spec, served)
        field = GraphQLField(
            # nullable outside of subscriptions: an error of one field must not take its neighbours with it
            GraphQLNonNull(answer) if spec.answer is Answer.EVENT else answer,
            resolve=_event if subscribes else self._resolvers.resolver(root),
            subscribe=self._resolvers.subscriber(root) if subscribes else None,
            description=_describe(spec, served, short),
            extensions={"root": root},
        )
        # set afterwards: GraphQLField would check the names of the arguments again
        field.args = build_arguments(spec, self._input(spec, served), served.resource.namespaced)
        return field

    def _answer(self, spec: VerbSpec, served: ServedResource) -> GraphQLObjectType:
        match spec.answer:
            case Answer.LIST:
                return self._wrappers.list_of(served)
            case Answer.EVENT:
                return self._wrappers.event_of(served)
            case Answer.SCALE:
                return self._wrappers.scale()
            case Answer.DELETION:
                return self._wrappers.deletion()
            case Answer.OBJECT:
                return self._types.output(served.object)

    def _input(self, spec: VerbSpec, served: ServedResource) -> GraphQLInputObjectType | None:
        return self._types.input(served.object) if spec.writes_object else None


def _describe(spec: VerbSpec, served: ServedResource, short: str | None) -> str:
    """The description of a root field; ``short`` is the short name that a pinned field also has."""
    kind = served.resource.kind
    description = spec.description.format(kind=f"{kind.kind} ({kind.api_version})")
    return f"{description}\n\nAlso: `{short}`." if short else description


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    """The value of a subscription's root field is the event of its source stream."""
    return source
