"""The printed schema."""

from graphql import build_schema

from schema.building import LazySchema, print_sdl
from tests.schema.building.test_lazy_schema import Resolvers, kubernetes


def test_the_printed_schema_refers_to_no_type_that_it_does_not_have() -> None:
    build_schema("".join(print_sdl(LazySchema(kubernetes(), Resolvers()))))
