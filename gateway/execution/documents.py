"""The cache of parsed and validated documents of one schema.

A document over a limit is neither parsed nor cached. A large one is parsed and validated in a thread. The
cache is bounded by characters, because a parsed document takes more than a hundred bytes for each.
"""

import asyncio
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, Source, SourceLocation, parse

from gateway.errors import QueryTooComplex
from gateway.execution.document_limits import check_document, check_text
from gateway.execution.prepared_operation import PreparedOperation, prepare_operation
from gateway.lru import LRU
from gateway.memory import collection_paused
from gateway.resolvers.limits import Limits

__all__ = ["Document", "Documents"]

_CACHED_CHARACTERS = 200_000
_LARGEST_CACHED_CHARACTERS = 50_000
_LARGE_CHARACTERS = 1000
"""Larger documents are parsed and validated in a thread."""
_threads = ThreadPoolExecutor(1, "documents")
"""One thread: several would leave the event loop too little of the interpreter."""

_LINE_TERMINATOR = re.compile(r"\r\n|[\n\r]")

Rules = tuple[Any, ...]


class _IndexedSource(Source):
    """A text that finds the line of a position by bisection.

    graphql-core scans the text for each error, and again for each copy of an error: 100 errors at the end of
    60 kB take 0.2 s.
    """

    @cached_property
    def _line_ends(self) -> tuple[list[int], list[int]]:
        """The positions before and after each line terminator (GraphQL, 2.1.2)."""
        ends = [match.span() for match in _LINE_TERMINATOR.finditer(self.body)]
        return [start for start, _ in ends], [end for _, end in ends]

    def get_location(self, position: int) -> SourceLocation:
        """The line and the column, from 1."""
        before, after = self._line_ends
        lines = bisect_left(before, position)
        return SourceLocation(lines + 1, position + 1 - (after[lines - 1] if lines else 0))


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its validation errors; ``parsed`` is None for one with a syntax error.

    ``prepared`` has operations by their requested name, once they were asked for.
    """

    parsed: DocumentNode | None
    errors: list[GraphQLError]
    size: int
    prepared: dict[str | None, PreparedOperation | None] = field(default_factory=dict, repr=False)

    def operation(self, schema: GraphQLSchema, name: str | None) -> PreparedOperation | None:
        """The operation of a valid document; None if graphql-core has to execute it."""
        if name in self.prepared or self.parsed is None:
            return self.prepared.get(name)
        prepared = prepare_operation(schema, self.parsed, name)
        if prepared is not None or name is None:
            # not for unknown names: a client can make up any number of them
            self.prepared[name] = prepared
        return prepared


class Documents:
    """Parses documents, and validates them with ``validate``."""

    def __init__(self, validate: Callable[[DocumentNode, Rules], list[GraphQLError]]) -> None:
        self._validate = validate
        self._cache: LRU[str, Document] = LRU(_CACHED_CHARACTERS, weigh=lambda document: document.size)

    def __len__(self) -> int:
        """The number of cached documents."""
        return len(self._cache)

    async def prepare(self, text: str, options: Mapping[str, Any], rules: Rules, limits: Limits) -> Document:
        """The document with that text; ``options`` are the options of graphql-core's parser."""
        document = self._cache.get(text)
        if document is not None:
            return document
        try:
            check_text(text, limits)
        except QueryTooComplex as error:
            return Document(None, [GraphQLError(error.message, original_error=error)], 0)
        if len(text) < _LARGE_CHARACTERS:
            document = self._prepare(text, options, rules, limits)
        else:
            loop = asyncio.get_running_loop()
            document = await loop.run_in_executor(_threads, self._prepare_large, text, options, rules, limits)
        if document.parsed is not None and document.size <= _LARGEST_CACHED_CHARACTERS:
            self._cache.put(text, document)
        return document

    def _prepare_large(self, text: str, options: Mapping[str, Any], rules: Rules, limits: Limits) -> Document:
        # a collection in between visits the growing document again and again, and stops all threads
        with collection_paused():
            return self._prepare(text, options, rules, limits)

    def _prepare(self, text: str, options: Mapping[str, Any], rules: Rules, limits: Limits) -> Document:
        size = max(1, len(text))
        try:
            parsed = parse(_IndexedSource(text), **options)
        except GraphQLError as error:
            return Document(None, [error], size)
        except RecursionError as error:
            return Document(None, [GraphQLError(str(error), original_error=error)], size)
        _cut_tokens(parsed)
        return Document(parsed, check_document(parsed, limits) or self._validate(parsed, rules), size)


def _cut_tokens(document: DocumentNode) -> None:
    """Remove the links between tokens: with their cycles, only a long collection could free a document."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        following, token.prev, token.next = token.next, None, None
        token = following
