"""The types of the fields that every kind has are part of the schema."""

import pytest
from graphql import build_schema

from schema.building import LazySchema, print_sdl
from tests.schema.building.test_lazy_schema import Resolvers, kubernetes


@pytest.mark.parametrize("name", ["FieldOwner", "Health", "HealthStatus"])
def test_the_type_of_a_computed_field_is_listed(name: str) -> None:
    assert name in LazySchema(kubernetes(), Resolvers()).type_map


def test_the_printed_schema_refers_to_no_type_that_it_does_not_have() -> None:
    build_schema("".join(print_sdl(LazySchema(kubernetes(), Resolvers()))))
