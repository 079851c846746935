"""The fields of relations: their types and arguments.

A relation to one kind answers with that kind or its List, a relation to mixed kinds with the interface of all
kinds or a list of it.
"""

from collections.abc import Callable

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from schema.building.arguments import build_argument
from schema.building.object_types import ObjectTypes
from schema.model import ServedResource
from schema.relations import RELATION, Relation
from schema.verbs.arguments import LABEL_SELECTOR

__all__ = ["build_relation_field"]

_LIST_ARGUMENTS = {
    "labelSelector": build_argument(LABEL_SELECTOR),
    "limit": GraphQLArgument(GraphQLInt, description="At most so many objects. Default: all of them."),
}
_KINDS = {
    "kinds": GraphQLArgument(
        GraphQLList(GraphQLNonNull(GraphQLString)),
        description="Only these kinds: `Pod`, `Deployment.apps`, `apps/v1/Deployment`.",
    )
}


def build_relation_field(
    relation: Relation,
    types: ObjectTypes,
    list_of: Callable[[ServedResource], GraphQLObjectType],
    resolve: GraphQLFieldResolver,
) -> GraphQLField:
    """The field; ``list_of`` builds the List type of a resource."""
    field = GraphQLField(
        _type(relation, types, list_of),
        resolve=resolve,
        description=relation.description,
        extensions={RELATION: relation},
    )
    # set afterwards: GraphQLField would check the names of the arguments again
    if relation.to_many:
        field.args = {**(_KINDS if relation.takes_kinds else {}), **_LIST_ARGUMENTS}
    return field


def _type(
    relation: Relation, types: ObjectTypes, list_of: Callable[[ServedResource], GraphQLObjectType]
) -> GraphQLOutputType:
    if relation.target is None:
        return types.mixed_list if relation.to_many else types.interface
    return list_of(relation.target) if relation.to_many else types.output(relation.target.object)
