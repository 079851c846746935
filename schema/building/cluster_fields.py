"""The root fields about the cluster, equal on every cluster: version, resources, can, object."""

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
    """The functions that answer the fields; each gets the arguments of its field by name."""

    version: GraphQLFieldResolver
    resources: GraphQLFieldResolver
    can: GraphQLFieldResolver
    object: GraphQLFieldResolver


def build_cluster_fields(
    interface: GraphQLInterfaceType, resolvers: ClusterResolvers
) -> dict[str, GraphQLField]:
    """The fields by name."""
    return {
        "version": GraphQLField(_VERSION, resolve=resolvers.version, description="The API server's version."),
        "resources": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(_API_RESOURCE))),
            resolve=resolvers.resources,
            description="The resources that the cluster serves, with their root fields.",
        ),
        "can": GraphQLField(
            _ACCESS_REVIEW,
            args={
                "verb": _text(
                    "`get`, `list`, `watch`, `create`, `patch`, `delete`, …, or `*`.", required=True
                ),
                "group": _text("The API group. Default: the core group."),
                "resource": _text("The resource: plural, lower case.", required=True),
                "namespace": _text("One namespace. Default: all namespaces."),
                "name": _text("One object. Default: any object."),
                "subresource": _text("`status`, `scale`, `log`, …"),
            },
            resolve=resolvers.can,
            description="Whether the caller may do this, by the API server's access review.",
        ),
        "object": GraphQLField(
            interface,
            args={
                "apiVersion": _text("`v1`, `apps/v1`, …", required=True),
                "kind": _text("`Pod`, `Deployment`, …", required=True),
                "name": _text("The name of the object.", required=True),
                "namespace": _text(
                    "The namespace of the object. Default: the namespace of the context, else `default`."
                ),
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


_VERSION = GraphQLObjectType(
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
    description="The version of the API server, as it reports it.",
)

_ACCESS_REVIEW = GraphQLObjectType(
    "AccessReview",
    {
        "allowed": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
        "denied": GraphQLField(
            GraphQLBoolean, description="Refused outright; other authorizers cannot allow it."
        ),
        "reason": GraphQLField(GraphQLString),
        "evaluationError": GraphQLField(GraphQLString),
    },
    description="The result of an access review.",
)

_NAMES = GraphQLList(GraphQLNonNull(GraphQLString))

_API_RESOURCE = GraphQLObjectType(
    "APIResource",
    {
        **_fields(GraphQLNonNull(GraphQLString), "group", "version", "kind", "name", "singularName"),
        **_fields(GraphQLNonNull(GraphQLBoolean), "namespaced", "preferred"),
        **_fields(_NAMES, "verbs", "shortNames", "categories", "subresources"),
        "fields": GraphQLField(_NAMES, description="The root fields of the resource, short names first."),
    },
    description="A resource that the cluster serves.",
)
