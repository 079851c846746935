"""Parsing, cached by the document's text."""

from collections.abc import Iterator
from contextlib import suppress

from graphql import GraphQLError
from strawberry.extensions import ParserCache

__all__ = ["ParsedDocuments"]


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
