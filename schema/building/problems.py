"""The root field ``problems``: the current problems of a cluster or of a namespace."""

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from schema.building.object_tree import StateResolvers
from schema.model import Scalar
from schema.scalars import SCALARS

__all__ = ["build_problems"]


def build_problems(interface: GraphQLInterfaceType, resolvers: StateResolvers) -> dict[str, GraphQLField]:
    """The field by its name."""
    problem = GraphQLObjectType(
        "Problem",
        lambda: {
            "object": GraphQLField(
                interface,
                description="The object with the problem. Of an object that is only known from an Event: its"
                " kind, name, namespace and UID.",
            ),
            "reason": GraphQLField(
                GraphQLNonNull(GraphQLString), description="`CrashLoopBackOff`, `MissingSecret`, …"
            ),
            "message": GraphQLField(GraphQLString, description="The reason in one sentence."),
            "since": GraphQLField(
                SCALARS[Scalar.DATE_TIME], description="When it began, as far as the object tells."
            ),
        },
        description="Something that is wrong with an object.",
    )
    field = GraphQLField(
        GraphQLList(GraphQLNonNull(problem)),
        args={
            "namespace": GraphQLArgument(
                GraphQLString, description="One namespace. Default: all, and the objects outside of them."
            ),
            "kinds": GraphQLArgument(
                GraphQLList(GraphQLNonNull(GraphQLString)),
                description="`Pod`, `Deployment.apps`, `apps/v1/Deployment`: only their objects. Default: all"
                " kinds.",
            ),
        },
        resolve=resolvers.problems,
        description="What is wrong now: objects whose health is `FAILED` or `UNKNOWN`, references to objects"
        " that do not exist, and the warnings of the last hour. `extensions.leftOut` names the kinds that"
        " could not be listed.",
    )
    return {"problems": field}
