"""The root fields of a built schema, their arguments and types."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import (
    GraphQLFieldResolver,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    graphql_sync,
    print_type,
    validate_schema,
)

from schema.building import (
    ClusterResolvers,
    DrainedResources,
    LazySchema,
    ManifestResolvers,
    RootField,
    StateResolvers,
)
from schema.model import Verb
from schema.relations import Relation
from schema.resources import Resource
from tests.schema.models import gadget_resource, served_gadget, small_model


class Recorder:
    """Records the arguments of every root field."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}
        self.cluster = ClusterResolvers(*[lambda _source, _info, **_: None] * 6)
        self.manifests = ManifestResolvers(*[lambda _source, _info, **_: None] * 3)
        self.state = StateResolvers(*[lambda _source, _info, **_: None] * 3)

    def resolver(self, root: RootField) -> GraphQLFieldResolver:
        def resolve(_source: object, _info: object, **arguments: Any) -> Any:
            self.asked = {"verb": root.verb, **arguments}
            return self.answer

        return resolve

    def subscriber(self, root: RootField) -> Callable[..., Any]:
        return self.resolver(root)

    def pod_log_subscriber(self, _pods: Resource) -> Callable[..., Any]:
        return lambda _source, _info, **_: None

    relation_rules = ()

    def relation(self, _relation: Relation) -> Any:
        return lambda _source, _info, **_arguments: None

    def node_drain_subscriber(self, _resources: DrainedResources) -> Callable[..., Any]:
        return lambda _source, _info, **_: None


def build(*resources: Any, answer: Any = None) -> tuple[GraphQLSchema, Recorder]:
    recorder = Recorder(answer)
    schema = LazySchema(small_model(*resources), recorder)
    assert validate_schema(schema) == []
    return schema, recorder


def root(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    type_ = schema.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return type_


def test_every_verb_has_a_short_and_a_pinned_field() -> None:
    schema, _ = build()

    assert {"gadgets", "gadget", "example_io_v1_gadgets"} <= root(schema, "Query").fields.keys()
    assert {"patchGadget", "example_io_v1_patchGadget", "deleteGadget"} <= root(
        schema, "Mutation"
    ).fields.keys()
    assert {"gadgets", "example_io_v1_gadget"} <= root(schema, "Subscription").fields.keys()
    assert "Also: `gadgets`." in str(root(schema, "Query").fields["example_io_v1_gadgets"].description)


def test_a_resource_that_only_lists_has_no_mutations_and_no_subscriptions() -> None:
    schema, _ = build(served_gadget(verbs=(Verb.LIST,)))

    assert "gadgets" in root(schema, "Query").fields
    assert "gadget" not in root(schema, "Query").fields
    assert schema.mutation_type is None
    assert schema.subscription_type is None


def test_cluster_scoped_fields_have_no_namespace() -> None:
    schema, _ = build(served_gadget(gadget_resource(namespaced=False)))

    for name in ("Query", "Mutation", "Subscription"):
        for field_name, field in root(schema, name).fields.items():
            if "adget" in field_name:
                assert "namespace" not in field.args, field_name


def test_list_and_event_types_have_the_shape_of_the_contract() -> None:
    schema, _ = build()

    assert "items: [Gadget!]!" in print_type(schema.type_map["GadgetList"])
    assert "metadata: ListMeta!" in print_type(schema.type_map["GadgetList"])
    event = print_type(schema.type_map["GadgetEvent"])
    assert "type: WatchEventType!" in event
    assert "resourceVersion: String!" in event
    assert "object: Gadget\n" in event
    assert "type Gadget implements KubernetesObject" in print_type(schema.type_map["Gadget"])


def test_arguments_reach_the_resolver_under_python_names() -> None:
    schema, recorder = build(answer={"items": [], "metadata": {}})

    query = (
        '{ gadgets(namespace: "n", labelSelector: "a=b", limit: 2, continue: "t") { metadata { continue } } }'
    )
    result = graphql_sync(schema, query)

    assert result.errors is None
    assert recorder.asked == {
        "verb": Verb.LIST,
        "namespace": "n",
        "label_selector": "a=b",
        "limit": 2,
        "continue_token": "t",
        "all_pages": False,
        "partial": False,
    }


def test_a_patch_has_original_keys_and_nulls_and_no_omitted_argument() -> None:
    schema, recorder = build()

    mutation = 'mutation { patchGadget(name: "a", patch: {spec: {_ref: "x", replicas: null}}) { kind } }'
    result = graphql_sync(schema, mutation)

    assert result.errors is None
    assert recorder.asked["patch"] == {"spec": {"$ref": "x", "replicas": None}}
    assert recorder.asked["dry_run"] is False
    assert "patch_type" not in recorder.asked


def test_json_patch_operations_are_passed_as_rfc_6902_writes_them() -> None:
    schema, recorder = build()

    mutation = """mutation { patchGadget(name: "a", operations: [
        {op: "replace", path: "/spec/replicas", value: 3}, {op: "move", from: "/a", path: "/b"},
        {op: "add", path: "/spec/old", value: null}]) { kind } }"""
    result = graphql_sync(schema, mutation)

    assert result.errors is None
    assert recorder.asked["operations"] == [
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "move", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/spec/old", "value": None},
    ]


def test_reads_find_renamed_properties_recursive_types_and_nested_lists() -> None:
    spec = {"$ref": "r", "class": "gold", "grid": [[1], [2, 3]], "parts": [{"replicas": 2}]}
    schema, _ = build(answer={"apiVersion": "example.io/v1", "kind": "Gadget", "spec": spec})

    result = graphql_sync(schema, '{ gadget(name: "a") { spec { _ref class grid parts { replicas } } } }')

    assert result.errors is None
    assert result.data == {
        "gadget": {"spec": {"_ref": "r", "class": "gold", "grid": [[1], [2, 3]], "parts": [{"replicas": 2}]}}
    }


def test_single_labels_and_annotations_are_selectable() -> None:
    metadata = {"labels": {"app.kubernetes.io/name": "web"}}
    schema, _ = build(answer={"metadata": metadata})

    query = (
        '{ gadget(name: "a") { metadata { label(key: "app.kubernetes.io/name") annotation(key: "none") } } }'
    )

    assert graphql_sync(schema, query).data == {"gadget": {"metadata": {"label": "web", "annotation": None}}}


def test_json_and_yaml_are_the_whole_object_unknown_properties_included() -> None:
    whole = {"kind": "Gadget", "metadata": {"name": "a"}, "extra": [1, {"b": None}]}
    schema, _ = build(answer=whole)

    result = graphql_sync(schema, '{ gadget(name: "a") { json yaml } }')

    assert result.data == {
        "gadget": {"json": whole, "yaml": "kind: Gadget\nmetadata:\n  name: a\nextra:\n- 1\n- b: null\n"}
    }


def test_data_of_another_type_is_an_error_at_its_path_and_its_siblings_stay() -> None:
    schema, _ = build(answer={"kind": "Gadget", "spec": {"replicas": "many", "parts": ["no object"]}})

    result = graphql_sync(schema, '{ gadget(name: "a") { kind spec { replicas parts { old } } } }')

    assert result.data == {"gadget": {"kind": "Gadget", "spec": {"replicas": None, "parts": [None]}}}
    assert sorted(str(error.path) for error in result.errors or ()) == [
        "['gadget', 'spec', 'parts', 0]",
        "['gadget', 'spec', 'replicas']",
    ]


def test_descriptions_add_the_facts_that_types_cannot_express() -> None:
    schema, _ = build()
    spec_input = schema.type_map["GadgetSpecInput"]
    assert isinstance(spec_input, GraphQLInputObjectType)
    fields = spec_input.fields

    assert fields["_ref"].description == "A reference.\n\nIn Kubernetes: `$ref`."
    assert fields["replicas"].description == "How many.\n\nDefault: `1`."
    assert fields["class"].description == "One of: `gold`, `iron`."
    assert fields["old"].deprecation_reason == "Deprecated: use new."
    gadget_input = schema.type_map["GadgetInput"]
    assert isinstance(gadget_input, GraphQLInputObjectType)
    assert gadget_input.fields["spec"].description == "What it should be.\n\nRequired by the API."


@pytest.mark.parametrize("name", ["Query", "Mutation", "Subscription"])
def test_every_root_field_and_argument_is_described(name: str) -> None:
    schema, _ = build()

    for field_name, field in root(schema, name).fields.items():
        assert field.description, field_name
        for argument_name, argument in field.args.items():
            assert argument.description, f"{field_name}({argument_name})"
