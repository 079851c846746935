"""The model: properties by name, and the object of a verb."""

from dataclasses import replace

import pytest

from schema.model import Verb
from schema.verbs import SubresourceVerb
from tests.schema.models import GADGET, META, served_gadget, small_model


def test_a_property_is_found_by_its_graphql_name() -> None:
    spec = small_model().objects[f"{GADGET}/spec"]
    assert spec.property("_ref").key == "$ref"
    with pytest.raises(KeyError):
        spec.property("$ref")


def test_a_verb_of_a_subresource_has_the_object_of_the_subresource() -> None:
    served = replace(served_gadget(), subresources={"eviction": META})
    assert served.object_of(Verb.PATCH) == GADGET
    assert served.object_of(SubresourceVerb("create", "eviction")) == META
    assert served.object_of(SubresourceVerb("create", "token")) is None
