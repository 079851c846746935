"""The arguments of root fields: their types, defaults and parameters."""

from graphql import GraphQLInputObjectType, GraphQLString

from schema.building.arguments import argument_types, build_argument, build_arguments
from schema.verbs import VERBS, Argument, Verb

POD_INPUT = GraphQLInputObjectType("PodInput", {})


def test_a_verb_that_writes_an_object_takes_the_input_type_of_the_kind() -> None:
    arguments = build_arguments(VERBS[Verb.CREATE], POD_INPUT, namespaced=True)
    assert arguments["object"].type is POD_INPUT
    assert arguments["object"].out_name == "written"


def test_a_kind_without_an_input_type_takes_json_alone() -> None:
    arguments = build_arguments(VERBS[Verb.CREATE], None, namespaced=True)
    assert "object" not in arguments
    assert str(arguments["objectJson"].type) == "JSON"


def test_a_cluster_scoped_resource_has_no_argument_of_namespaces() -> None:
    namespaced = build_arguments(VERBS[Verb.LIST], None, namespaced=True)
    cluster_scoped = build_arguments(VERBS[Verb.LIST], None, namespaced=False)
    assert namespaced.keys() - cluster_scoped.keys() == {"namespace", "partial"}


def test_fields_share_the_arguments_that_no_kind_changes() -> None:
    first, second = (build_arguments(VERBS[Verb.PATCH], item, namespaced=True) for item in (POD_INPUT, None))
    assert first["name"] is second["name"]


def test_a_reference_to_a_type_may_be_nested() -> None:
    argument = build_argument(Argument("names", "[String!]!", "Names."))
    assert str(argument.type) == "[String!]!"
    assert argument.default is None


def test_an_absent_default_differs_from_a_false_one() -> None:
    assert build_argument(Argument("a", "Boolean", "")).default is None
    default = build_argument(Argument("a", "Boolean", "", default=False)).default
    assert default is not None
    assert default.value is False


def test_the_types_of_a_verb_leave_out_the_input_of_the_kind() -> None:
    names = {type_.name for type_ in argument_types(VERBS[Verb.PATCH])}
    assert {"PatchType", "JSONPatchOperation", "JSON"} <= names
    assert GraphQLString in argument_types(VERBS[Verb.GET])
    assert "ObjectInput" not in names
