"""The document of a request: its own text, a trusted document by id, or an automatic persisted query.

Automatic persisted queries (Apollo's protocol, also urql's): a request names its document by SHA-256 in
``extensions.persistedQuery``. For an unknown digest it gets ``PersistedQueryNotFound``, and sends digest and
text once. Where persisted queries are off it gets ``PersistedQueryNotSupported``, and the client sends the
text from then on.

A trusted document is also found by ``documentId`` (GraphQL over HTTP, appendix "Persisted Documents"; urql),
``doc_id`` or ``id`` (Relay).
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors import (
    BadArgument,
    DocumentNotTrusted,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
)
from gateway.lru import LRU
from gateway.server.documents.trusted import TrustedDocuments, sha256

__all__ = ["Documents", "names_document"]

_IDS = ("documentId", "doc_id", "id")
_ENTRY_BYTES = 300
"""Memory of an entry beside its text."""


def names_document(parameters: Mapping[str, Any]) -> bool:
    """Whether a request without ``query`` names its document."""
    return _persisted(parameters) is not None or any(isinstance(parameters.get(name), str) for name in _IDS)


class Documents:
    """The documents that this gateway runs; ``only_trusted`` refuses all others.

    Automatic persisted queries take at most ``persisted_bytes`` of memory; the least recently used ones are
    evicted. 0 switches them off, and so does ``only_trusted``. All callers share them, because a digest names
    one text.
    """

    def __init__(
        self,
        trusted: TrustedDocuments | None = None,
        *,
        only_trusted: bool = False,
        persisted_bytes: int = 16 << 20,
    ) -> None:
        self._trusted = trusted or TrustedDocuments({}, ())
        self._only_trusted = only_trusted
        self._persists = persisted_bytes > 0 and not only_trusted
        self._persisted: LRU[str, str] = LRU(
            persisted_bytes, weigh=lambda text: len(text.encode(errors="surrogatepass")) + _ENTRY_BYTES
        )

    def resolve(self, parameters: Mapping[str, Any]) -> str:
        """The text of the request's document.

        Raises BadArgument, PersistedQueryNotFound, PersistedQueryNotSupported or DocumentNotTrusted.
        """
        query = parameters.get("query")
        if query is not None and not isinstance(query, str):
            raise BadArgument("query has to be a string or null")
        return self._sent(query, parameters) if query else self._named(parameters)

    def _sent(self, query: str, parameters: Mapping[str, Any]) -> str:
        digest = _digest(parameters)
        if digest is not None and self._trusted.get(digest) is None and sha256(query) != digest:
            raise BadArgument("provided sha does not match query")
        if self._only_trusted and not self._trusted.contains(query):
            raise DocumentNotTrusted(
                "this gateway runs trusted documents only (--only-trusted), and this is none of them"
            )
        if digest is not None and self._persists and self._trusted.get(digest) is None:
            self._persisted.put(digest, query)
        return query

    def _named(self, parameters: Mapping[str, Any]) -> str:
        digest = _digest(parameters)
        names = [digest, *(parameters.get(name) for name in _IDS)]
        ids = [name for name in names if isinstance(name, str)]
        if not ids:
            raise BadArgument("the request has no query")
        for document_id in ids:
            text = self._trusted.get(document_id)
            if text is not None:
                return text
        if digest is None:
            raise PersistedQueryNotFound
        if not self._persists:
            raise PersistedQueryNotSupported
        persisted = self._persisted.get(digest)
        if persisted is None:
            raise PersistedQueryNotFound
        return persisted


def _persisted(parameters: Mapping[str, Any]) -> Any:
    extensions = parameters.get("extensions")
    return extensions.get("persistedQuery") if isinstance(extensions, dict) else None


def _digest(parameters: Mapping[str, Any]) -> str | None:
    """The digest that the request names; None without one. Raises BadArgument."""
    persisted = _persisted(parameters)
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadArgument("Unsupported persisted query version")
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str) or not digest:
        raise BadArgument("extensions.persistedQuery.sha256Hash has to be a string")
    return digest
