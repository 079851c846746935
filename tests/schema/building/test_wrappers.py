"""The types around an object: lists, watch events and the answers of writes.

Covers ``schema/building/rollouts.py``.
"""

from graphql import get_named_type

from schema.building.object_types import ObjectTypes
from schema.building.rollouts import POD_TEMPLATE
from schema.building.wrappers import SCALE, Wrappers
from schema.model import ObjectType, Property, Scalar
from tests.schema.models import served_gadget, small_model

MODEL = small_model()
SERVED = served_gadget()


def wrappers() -> Wrappers:
    return Wrappers(ObjectTypes(MODEL))


def test_a_list_and_an_event_hold_the_kind() -> None:
    made = wrappers()
    assert {name: str(field.type) for name, field in made.list_of(SERVED).fields.items()} == {
        "apiVersion": "String",
        "kind": "String",
        "metadata": "ListMeta!",
        "items": "[Gadget!]!",
    }
    assert {name: str(field.type) for name, field in made.event_of(SERVED).fields.items()} == {
        "type": "WatchEventType!",
        "object": "Gadget",
        "resourceVersion": "String!",
    }


def test_each_type_is_built_once() -> None:
    made = wrappers()
    assert made.list_of(SERVED) is made.list_of(served_gadget())
    assert made.deletion() is made.deletion()
    assert made.revision() is made.revision()


def test_a_scale_is_the_cluster_s_own_definition() -> None:
    assert wrappers().scale().name == MODEL.objects[SCALE].name


def test_a_pod_template_is_json_where_the_cluster_does_not_define_it() -> None:
    assert str(wrappers().revision().fields["template"].type) == "JSON"
    template = ObjectType(
        POD_TEMPLATE, "PodTemplateSpec", "PodTemplateSpecInput", (Property("spec", "spec", Scalar.JSON),)
    )
    model = type(MODEL)({**MODEL.objects, POD_TEMPLATE: template}, MODEL.resources)
    revision = Wrappers(ObjectTypes(model)).revision()
    assert get_named_type(revision.fields["template"].type).name == "PodTemplateSpec"
