"""The root fields about the cluster itself, the same on every cluster: version, resources, can, object."""

from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

__all__ = ["ClusterResolvers", "build_cluster_fields"]


@dataclass(frozen=True, slots=True)
class ClusterResolvers:
    """Who answers them; each gets the arguments of its field by name."""

    version: GraphQLFieldResolver
    resources: GraphQLFieldResolver
    can: GraphQLFieldResolver
    object: GraphQLFieldResolver


def build_cluster_fields(
    interface: GraphQLInterfaceType, resolvers: ClusterResolvers
) -> dict[str, GraphQLField]:
    """The fields by name."""
    return {
        "version": GraphQLField(VERSION, resolve=resolvers.version, description="The API server's version."),
        "resources": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(API_RESOURCE))),
            resolve=resolvers.resources,
            description="What the cluster serves, and under which root fields.",
        ),
        "can": GraphQLField(
            ACCESS_REVIEW,
            args={
                "verb": _text(
                    "`get`, `list`, `watch`, `create`, `patch`, `delete`, …, or `*`.", required=True
                ),
                "group": _text("The API group; the core group where it is not given."),
                "resource": _text("The resource: plural, lower case.", required=True),
                "namespace": _text("One namespace; all of them where it is not given."),
                "name": _text("One object; any where it is not given."),
                "subresource": _text("`status`, `scale`, `log`, …"),
            },
            resolve=resolvers.can,
            description="Whether the caller may do this, as the API server's access review says.",
        ),
        "object": GraphQLField(
            interface,
            args={
                "apiVersion": _text("`v1`, `apps/v1`, …", required=True),
                "kind": _text("`Pod`, `Deployment`, …", required=True),
                "name": _text("The object's name.", required=True),
                "namespace": _text("Its namespace; the context's, else `default`, where it is not given."),
            },
            resolve=resolvers.object,
            description="One object of any kind.",
        ),
    }


def _text(description: str, *, required: bool = False) -> GraphQLArgument:
    return GraphQLArgument(
        GraphQLNonNull(GraphQLString) if required else GraphQLString, description=description
    )


def _fields(type_: GraphQLOutputType, *names: str) -> dict[str, GraphQLField]:
    return {name: GraphQLField(type_) for name in names}


VERSION = GraphQLObjectType(
    "VersionInfo",
    _fields(
        GraphQLString,
        "major",
        "minor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    ),
    description="What the API server says of its own version.",
)

ACCESS_REVIEW = GraphQLObjectType(
    "AccessReview",
    {
        "allowed": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
        "denied": GraphQLField(
            GraphQLBoolean, description="Refused outright, whatever other authorizers say."
        ),
        "reason": GraphQLField(GraphQLString),
        "evaluationError": GraphQLField(GraphQLString),
    },
    description="The answer of an access review.",
)

NAMES = GraphQLList(GraphQLNonNull(GraphQLString))

API_RESOURCE = GraphQLObjectType(
    "APIResource",
    {
        **_fields(GraphQLNonNull(GraphQLString), "group", "version", "kind", "name", "singularName"),
        **_fields(GraphQLNonNull(GraphQLBoolean), "namespaced", "preferred"),
        **_fields(NAMES, "verbs", "shortNames", "categories", "subresources"),
        "fields": GraphQLField(NAMES, description="The root fields that reach it, short names first."),
    },
    description="One resource that the cluster serves.",
)
