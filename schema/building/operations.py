"""The model as a GraphQL schema: the Query, Mutation and Subscription root fields (design section 4).

What a field *does* is not known here: :class:`RootResolvers` brings the functions that answer them.
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

from schema.building import named_types
from schema.building.arguments import build_arguments
from schema.building.cluster_fields import ClusterResolvers, build_cluster_fields
from schema.building.descriptions import describe_root_field
from schema.building.named_types import field_with_arguments
from schema.building.pod_logs import build_pod_logs
from schema.building.types import ObjectTypes
from schema.building.wrappers import Wrapper, Wrappers
from schema.model import Model, ServedResource, Verb
from schema.resources import GroupVersionResource, Resource
from schema.verbs import VERBS, Answer, Operation

__all__ = ["RootField", "RootResolvers", "build_schema"]


@dataclass(frozen=True, slots=True)
class RootField:
    """What a root field stands for; it is ``field.extensions["root"]`` of the graphql-core field."""

    verb: Verb
    served: ServedResource


class RootResolvers(Protocol):
    """Who answers the root fields; what a function does is a matter of its root field alone."""

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
    """The whole schema; not yet validated (``graphql.validate_schema`` does that).

    ``extensions["types"]`` of it are its ObjectTypes. What is the same in the schema ``before``, with all
    that it leads to, is the same object in this one: with it as without it, equal models give equal schemas.
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
    """The root fields of one resource by what they do, and the types that they have and take."""

    served: ServedResource
    types: tuple[GraphQLNamedType | None, ...]
    fields: Mapping[Verb, Mapping[str, GraphQLField]]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a later schema may have in common with this one."""

    types: ObjectTypes
    wrappers: Mapping[str, Wrapper]
    fields: Mapping[GroupVersionResource, _ResourceFields]


class _RootBuilder:
    def __init__(self, model: Model, resolvers: RootResolvers, before: _Parts | None) -> None:
        self._resolvers = resolvers
        self._types = ObjectTypes(model, before.types if before else None)
        self._wrappers = Wrappers(self._types, before.wrappers if before else {})
        known = before.fields if before else {}
        self._resources = [
            self._resource_fields(served, known.get(served.resource.gvr)) for served in model.resources
        ]
        fields = {each.served.resource.gvr: each for each in self._resources}
        self.parts = _Parts(self._types, self._wrappers.made, fields)

    def root(
        self, operation: Operation, more: dict[str, GraphQLField] | None = None
    ) -> GraphQLObjectType | None:
        """The root type of the operation; None if it has no field."""
        fields = dict(more or {})
        for resource_fields in self._resources:
            for verb, fields_of_verb in resource_fields.fields.items():
                if VERBS[verb].operation is operation:
                    fields.update(fields_of_verb)
        return named_types.ObjectType(operation.value, fields) if fields else None

    def _resource_fields(self, served: ServedResource, known: _ResourceFields | None) -> _ResourceFields:
        types = tuple(
            type_
            for verb in served.pinned
            for type_ in (self._answer(verb, served), self._input(verb, served))
        )
        if known is not None and known.types == types and known.served == served:
            return known
        return _ResourceFields(
            served, types, {verb: dict(self._fields(verb, served)) for verb in served.pinned}
        )

    def _fields(self, verb: Verb, served: ServedResource) -> Iterator[tuple[str, GraphQLField]]:
        short = served.short.get(verb)
        if short:
            yield short, self._field(RootField(verb, served), None)
        yield served.pinned[verb], self._field(RootField(verb, served), short)

    def _field(self, root: RootField, short: str | None) -> GraphQLField:
        spec = VERBS[root.verb]
        subscribes = spec.operation is Operation.SUBSCRIPTION
        answer = self._answer(root.verb, root.served)
        return field_with_arguments(
            GraphQLNonNull(answer) if spec.answer in (Answer.LIST, Answer.EVENT) else answer,
            build_arguments(spec, self._input(root.verb, root.served), root.served.resource.namespaced),
            resolve=_event if subscribes else self._resolvers.resolver(root),
            subscribe=self._resolvers.subscriber(root) if subscribes else None,
            description=describe_root_field(spec, root.served, short),
            extensions={"root": root},
        )

    def _answer(self, verb: Verb, served: ServedResource) -> GraphQLObjectType:
        match VERBS[verb].answer:
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

    def _input(self, verb: Verb, served: ServedResource) -> GraphQLInputObjectType | None:
        return self._types.input(served.object) if VERBS[verb].writes_object else None


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    """A subscription's root field is answered by its source stream's event itself."""
    return source
