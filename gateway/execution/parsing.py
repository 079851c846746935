"""Parsing and validating documents, each cached by the document."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from graphql import DocumentNode, GraphQLError
from strawberry.extensions import ParserCache, SchemaExtension

__all__ = ["ParsedDocuments", "ValidatedDocuments"]

Validate = Callable[[DocumentNode, tuple[object, ...]], list[GraphQLError]]


class ParsedDocuments(ParserCache):
    """Strawberry's cache of parsed documents, with syntax errors that other extensions get to see.

    An error out of ``on_parse`` ends the operation outside the reach of every other hook; what cannot be
    parsed is left alone here, for Strawberry to parse, and to report, once more.
    """

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        with suppress(GraphQLError, RecursionError):
            context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


class ValidatedDocuments(SchemaExtension):
    """A cache that belongs to one schema and goes with it; Strawberry's keeps every schema it ever saw."""

    def __init__(self, validate: Validate) -> None:
        self._validate = validate

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if context.graphql_document is not None:
            errors = self._validate(context.graphql_document, context.validation_rules)
            context.pre_execution_errors = errors
        yield
