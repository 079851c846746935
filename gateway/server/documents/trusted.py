"""Trusted documents: the operations of an app, known before it runs.

Read from GraphQL files, or from the manifest that a client's build step writes:

- Apollo's, ``{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body"}]}``
- Relay's, ``{ID: text}``, which GraphQL Code Generator writes, too

A text is compared in a canonical form: without comments and layout, with sorted definitions, and without the
``__typename`` that Apollo Client and urql add to each selection set.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from gateway.errors import ConfigurationError
from gateway.lru import LRU

__all__ = ["TrustedDocuments", "load_trusted", "sha256"]

_GRAPHQL_SUFFIXES = (".graphql", ".gql")
_APOLLO_FORMAT = "apollo-persisted-query-manifest"
_ACCEPTED_CHARACTERS = 4 << 20
"""Total length of the texts that are known to be trusted."""
_LENGTH_FACTOR, _LENGTH_MARGIN = 4, 10_000
"""Longer texts are not parsed: a multiple of the longest trusted text, plus a margin in characters."""


class TrustedDocuments:
    """Documents by id, and the canonical forms of their operations."""

    def __init__(self, texts: Mapping[str, str], documents: Iterable[DocumentNode]) -> None:
        """``texts`` are the documents by id; ``documents`` are all documents."""
        self._texts = dict(texts)
        self._operations: set[str] = set()
        for document in documents:
            self._operations.update(_canonical_operations(document))
        longest = max(map(len, self._operations), default=0)
        self._most_characters = _LENGTH_FACTOR * longest + _LENGTH_MARGIN
        self._accepted: LRU[str, str] = LRU(_ACCEPTED_CHARACTERS, weigh=len)

    def __len__(self) -> int:
        return len(self._operations)

    def get(self, document_id: str) -> str | None:
        """The text of the document with the id; ``sha256:`` may precede a digest."""
        text = self._texts.get(document_id)
        return self._texts.get(document_id.removeprefix("sha256:")) if text is None else text

    def contains(self, text: str) -> bool:
        """Whether every operation of the text is trusted."""
        if text in self._accepted:
            return True
        if len(text) > self._most_characters:
            return False
        try:
            operations = set(_canonical_operations(parse(text, no_location=True)))
        except (GraphQLError, RecursionError):
            return False
        if not operations or not operations <= self._operations:
            return False
        self._accepted.put(text, text)
        return True


def sha256(text: str) -> str:
    """The digest of a document in lower-case hexadecimal, as clients compute it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def load_trusted(path: Path) -> TrustedDocuments:
    """The documents of a file, or of all GraphQL and JSON files below a folder, hidden ones aside.

    The id of an operation in a GraphQL file is the SHA-256 digest of its printed text with its fragments, and
    also that of the file if it has no other operation. Fragments may be in other files of the folder.
    Raises ConfigurationError for a missing, unreadable or malformed file, and when there is no operation.
    """
    texts: dict[str, str] = {}
    documents: list[DocumentNode] = []
    sources: list[tuple[str, DocumentNode]] = []
    for file in _files(path):
        try:
            content = file.read_text(encoding="utf-8")
            if file.suffix == ".json":
                manifest = dict(_manifest(json.loads(content)))
                documents += [parse(text, no_location=True) for text in manifest.values()]
                texts.update(manifest)
            else:
                sources.append((content, parse(content, no_location=True)))
        except (OSError, ValueError, GraphQLError, RecursionError) as error:
            raise ConfigurationError(f"--operations: {file}: {error}") from error
    fragments = _merged_fragments(source for _, source in sources)
    for content, source in sources:
        for operation in _operations(source):
            document = _with_fragments(operation, fragments | _fragments(source))
            documents.append(document)
            text = print_ast(document)
            texts |= {sha256(text): text}
            if len(_operations(source)) == 1:
                # the file's own digest names the complete document
                texts |= {sha256(content): text, sha256(content.strip()): text}
    trusted = TrustedDocuments(texts, documents)
    if not len(trusted):
        raise ConfigurationError(f"--operations: there is no operation in {path}")
    return trusted


def _files(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise ConfigurationError(f"--operations: there is no {path}")
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        # a mounted ConfigMap has its files a second time in a hidden folder
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if not hidden and file.suffix in (*_GRAPHQL_SUFFIXES, ".json") and file.is_file():
            yield file


def _manifest(content: Any) -> Iterator[tuple[str, str]]:
    """The ids and texts of a manifest; raises ValueError for another format."""
    if isinstance(content, dict) and "format" in content:
        if content["format"] != _APOLLO_FORMAT or content.get("version") != 1:
            raise ValueError(f"the manifest is not {_APOLLO_FORMAT}, version 1")
        entries = [(item["id"], item["body"]) for item in content.get("operations", ()) if _is_entry(item)]
        if len(entries) != len(content.get("operations", ())):
            raise ValueError("each operation of the manifest needs an id and a body")
        yield from entries
        return
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ValueError("the file is no manifest: neither Apollo's, nor an object of ids and documents")
    yield from content.items()


def _is_entry(item: Any) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(name), str) for name in ("id", "body"))


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
    }


def _merged_fragments(sources: Iterable[DocumentNode]) -> dict[str, FragmentDefinitionNode]:
    merged: dict[str, FragmentDefinitionNode] = {}
    for source in sources:
        merged |= _fragments(source)
    return merged


def _with_fragments(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> DocumentNode:
    """The operation with the fragments that it uses, directly or not; unknown fragments are left out."""
    used: dict[str, FragmentDefinitionNode] = {}
    pending = list(_spreads(operation))
    while pending:
        name = pending.pop()
        if name in fragments and name not in used:
            used[name] = fragments[name]
            pending += _spreads(fragments[name])
    return DocumentNode(definitions=(operation, *(used[name] for name in sorted(used))))


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


def _spreads(node: OperationDefinitionNode | FragmentDefinitionNode) -> list[str]:
    found = _Spreads()
    visit(node, found)
    return found.names


class _WithoutTypename(Visitor):
    """Removes plain ``__typename`` fields from selection sets that have others."""

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode | None:
        kept = tuple(item for item in node.selections if not _is_typename(item))
        if not kept or len(kept) == len(node.selections):
            return None
        return SelectionSetNode(selections=kept)


def _is_typename(node: Any) -> bool:
    return (
        isinstance(node, FieldNode)
        and node.name.value == "__typename"
        and node.alias is None
        and not node.directives
    )


def _canonical_operations(document: DocumentNode) -> Iterator[str]:
    """Each operation with its fragments as canonical text."""
    plain: DocumentNode = visit(document, _WithoutTypename())
    fragments = _fragments(plain)
    for operation in _operations(plain):
        yield print_ast(_with_fragments(operation, fragments))
