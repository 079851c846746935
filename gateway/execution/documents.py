"""The cache of parsed and validated documents of one schema.

A large document is parsed and validated in a thread: validation is quadratic in repeated fields, and 4,000
take more than a second. The cache is bounded by characters, because a parsed document takes more than a
hundred bytes for each.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, parse

from gateway.lru import LRU
from gateway.memory import collection_paused

__all__ = ["Document", "Documents"]

_CACHED_CHARACTERS = 200_000
_LARGEST_CACHED_CHARACTERS = 50_000
_LARGE_CHARACTERS = 1000
"""Larger documents are parsed and validated in a thread."""
_threads = ThreadPoolExecutor(1, "documents")
"""One thread: several would leave the event loop too little of the interpreter."""

Rules = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its validation errors; ``parsed`` is None for one with a syntax error."""

    parsed: DocumentNode | None
    errors: list[GraphQLError]
    size: int


class Documents:
    """Parses documents, and validates them with ``validate``."""

    def __init__(self, validate: Callable[[DocumentNode, Rules], list[GraphQLError]]) -> None:
        self._validate = validate
        self._cache: LRU[str, Document] = LRU(_CACHED_CHARACTERS, weigh=lambda document: document.size)

    def __len__(self) -> int:
        """The number of cached documents."""
        return len(self._cache)

    async def prepare(self, text: str, options: Mapping[str, Any], rules: Rules) -> Document:
        """The document with that text; ``options`` are those of graphql-core's parser."""
        document = self._cache.get(text)
        if document is not None:
            return document
        if len(text) < _LARGE_CHARACTERS:
            document = self._prepare(text, options, rules)
        else:
            loop = asyncio.get_running_loop()
            document = await loop.run_in_executor(_threads, self._prepare_large, text, options, rules)
        if document.parsed is not None and document.size <= _LARGEST_CACHED_CHARACTERS:
            self._cache.put(text, document)
        return document

    def _prepare_large(self, text: str, options: Mapping[str, Any], rules: Rules) -> Document:
        # a collection in between visits the growing document again and again, and stops all threads
        with collection_paused():
            return self._prepare(text, options, rules)

    def _prepare(self, text: str, options: Mapping[str, Any], rules: Rules) -> Document:
        size = max(1, len(text))
        try:
            parsed = parse(text, **options)
        except GraphQLError as error:
            return Document(None, [error], size)
        except RecursionError as error:
            return Document(None, [GraphQLError(str(error), original_error=error)], size)
        _cut_tokens(parsed)
        return Document(parsed, self._validate(parsed, rules), size)


def _cut_tokens(document: DocumentNode) -> None:
    """Remove the links between tokens: with their cycles, only a long collection could free a document."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        following, token.prev, token.next = token.next, None, None
        token = following
