"""The types of a model's objects: built on first use, with the facts of a property in its description."""

import pytest
from graphql import GraphQLList, GraphQLNonNull

from schema.building.object_types import OBJECT_META, ObjectTypes, leaf_of, reachable_objects
from schema.model import Definition, ListOf, ObjectType, Property, Scalar
from schema.resources import GroupVersionKind
from tests.schema.models import GADGET, GADGET_KIND, META, small_model

TYPES = ObjectTypes(small_model())


def test_a_type_is_built_once() -> None:
    assert TYPES.output(GADGET) is TYPES.output(GADGET)
    assert TYPES.input(GADGET) is TYPES.input(GADGET)


def test_an_unknown_object_is_a_key_error() -> None:
    assert not TYPES.has("other")
    with pytest.raises(KeyError):
        TYPES.output("other")


def test_output_fields_are_nullable_and_inputs_optional() -> None:
    spec = TYPES.output(f"{GADGET}/spec")
    assert str(TYPES.output(GADGET).fields["spec"].type) == "GadgetSpec"
    assert str(spec.fields["grid"].type) == "[[Int]]"
    assert not any(isinstance(field.type, GraphQLNonNull) for field in TYPES.input(GADGET).fields.values())


def test_a_recursive_type_refers_to_itself() -> None:
    spec = TYPES.output(f"{GADGET}/spec")
    parts = spec.fields["parts"].type
    assert isinstance(parts, GraphQLList)
    assert parts.of_type is spec


def test_the_description_has_the_facts_of_the_property() -> None:
    output, written = TYPES.output(f"{GADGET}/spec").fields, TYPES.input(f"{GADGET}/spec").fields
    assert "$ref" in (output["_ref"].description or "")
    assert "gold" in (output["class"].description or "")
    assert "1" in (written["replicas"].description or "")
    assert output["old"].deprecation_reason == "Deprecated: use new."


def test_metadata_has_fields_for_one_label_and_one_annotation() -> None:
    assert META == OBJECT_META
    assert {"label", "annotation"} <= TYPES.output(META).fields.keys()
    assert not {"label", "annotation"} & TYPES.input(META).fields.keys()


def test_a_kind_has_a_name_and_an_unknown_one_the_name_of_other_objects() -> None:
    assert TYPES.name_of(GADGET_KIND) == "Gadget"
    assert TYPES.name_of(GroupVersionKind("", "v1", "Unknown")) == TYPES.other.name


def test_the_leaf_of_a_list_is_that_of_its_items() -> None:
    assert leaf_of(Scalar.INT) is Scalar.INT
    assert leaf_of(ListOf(ListOf(Definition("a")))) == Definition("a")


def test_reachable_objects_follow_references_and_end_at_cycles() -> None:
    def object_type(id_: str, *references: str) -> ObjectType:
        properties = tuple(Property(key, key, ListOf(Definition(key))) for key in references)
        return ObjectType(id_, id_, f"{id_}Input", properties)

    objects = {"a": object_type("a", "b"), "b": object_type("b", "a"), "c": object_type("c")}
    assert reachable_objects(objects, ["a"]).keys() == {"a", "b"}
