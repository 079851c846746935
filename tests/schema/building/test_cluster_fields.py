"""The root fields about the cluster: each has its own resolver, and ``can`` takes one access check."""

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLString, get_named_type

from schema.building.cluster_fields import ClusterResolvers, build_cluster_fields

INTERFACE = GraphQLInterfaceType("KubernetesObject", {"kind": GraphQLField(GraphQLString)})
RESOLVERS = ClusterResolvers(*[lambda _source, _info, name=name, **_arguments: name for name in "abcdef"])
FIELDS = build_cluster_fields(INTERFACE, RESOLVERS)


def test_each_field_has_its_own_resolver() -> None:
    assert {name: field.resolve for name, field in FIELDS.items()} == {
        "version": RESOLVERS.version,
        "resources": RESOLVERS.resources,
        "can": RESOLVERS.can,
        "canAll": RESOLVERS.can_all,
        "whoAmI": RESOLVERS.who_am_i,
        "object": RESOLVERS.object,
    }


def test_can_takes_the_fields_of_one_check_of_can_all() -> None:
    check = get_named_type(FIELDS["canAll"].args["checks"].type)
    assert isinstance(check, GraphQLInputObjectType)
    assert {name: argument.type for name, argument in FIELDS["can"].args.items()} == {
        name: field.type for name, field in check.fields.items()
    }


def test_an_object_of_any_kind_is_the_interface() -> None:
    assert FIELDS["object"].type is INTERFACE
