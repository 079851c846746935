"""The types of the fields that every kind has are part of the schema."""

import pytest

from schema.building import LazySchema
from tests.schema.building.test_lazy_schema import Resolvers, kubernetes


@pytest.mark.parametrize("name", ["FieldOwner", "Health", "HealthStatus"])
def test_the_type_of_a_computed_field_is_listed(name: str) -> None:
    assert name in LazySchema(kubernetes(), Resolvers()).type_map
