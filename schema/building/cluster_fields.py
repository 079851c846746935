"""The root fields about the cluster and the caller, equal on every cluster."""

from dataclasses import dataclass

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from schema.model import Scalar
from schema.scalars import SCALARS

__all__ = ["ClusterResolvers", "build_cluster_fields"]


@dataclass(frozen=True, slots=True)
class ClusterResolvers:
    """The functions that answer the fields; each gets the arguments of its field by name."""

    version: GraphQLFieldResolver
    resources: GraphQLFieldResolver
    can: GraphQLFieldResolver
    can_all: GraphQLFieldResolver
    who_am_i: GraphQLFieldResolver
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
                name: GraphQLArgument(field.type, description=field.description)
                for name, field in _ACCESS_CHECK.fields.items()
            },
            resolve=resolvers.can,
            description="Whether the caller may do this, by the API server's access review.",
        ),
        "canAll": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLBoolean))),
            args={
                "checks": GraphQLArgument(
                    GraphQLNonNull(GraphQLList(GraphQLNonNull(_ACCESS_CHECK))),
                    description="The accesses to check.",
                )
            },
            resolve=resolvers.can_all,
            description="Whether the caller may do each of these, in their order. A true may be 10 s old.",
        ),
        "whoAmI": GraphQLField(
            _CALLER,
            resolve=resolvers.who_am_i,
            description="The caller, as the API server knows it.",
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


def _check(description: str, *, required: bool = False) -> GraphQLInputField:
    return GraphQLInputField(
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

_ACCESS_CHECK = GraphQLInputObjectType(
    "AccessCheck",
    {
        "verb": _check("`get`, `list`, `watch`, `create`, `patch`, `delete`, …, or `*`.", required=True),
        "group": _check("The API group. Default: the core group."),
        "resource": _check("The resource: plural, lower case.", required=True),
        "namespace": _check("One namespace. Default: all namespaces."),
        "name": _check("One object. Default: any object."),
        "subresource": _check("`status`, `scale`, `log`, …"),
    },
    description="An access to a resource, as in RBAC.",
)

_CALLER = GraphQLObjectType(
    "Caller",
    {
        **_fields(GraphQLString, "username", "uid"),
        "groups": GraphQLField(GraphQLList(GraphQLNonNull(GraphQLString))),
        "extra": GraphQLField(
            SCALARS[Scalar.JSON], description="What the authenticator adds: lists of texts by key."
        ),
    },
    description="A user, as the API server has authenticated it.",
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
