"""A cache of OpenAPI documents by content hash, in memory and on disk.

The cache may be lost at any time: a corrupt or unwritable cache costs a request, nothing else.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

__all__ = ["DocumentKey", "OpenAPICache", "default_directory"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentKey:
    """One document of one server: its path in the index and the hash of its content."""

    path: str
    hash: str


def default_directory() -> Path:
    """``$XDG_CACHE_HOME/kube-graphql/openapi``."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 (never raises)
    return Path(home, "kube-graphql", "openapi")


class OpenAPICache:
    """Documents by server and key. Does blocking disk I/O: call it in a thread.

    ``directory`` None means in memory only.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[tuple[str, DocumentKey], bytes] = {}

    def load(self, server: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, bytes]:
        """The cached documents among ``keys``; one with a wrong checksum, or without content, is absent."""
        found = {}
        for key in keys:
            document = self._memory.get((server, key)) or self._read(server, key)
            if document:
                found[key] = self._memory[server, key] = document
        return found

    def store(self, server: str, documents: Mapping[DocumentKey, bytes]) -> None:
        """Add ``documents``; documents of the same paths with an earlier hash are removed."""
        paths = {key.path for key in documents}
        for outdated in [entry for entry in self._memory if entry[0] == server and entry[1].path in paths]:
            del self._memory[outdated]
        self._memory.update({(server, key): document for key, document in documents.items()})
        if self._directory is None or not documents:
            return
        try:
            self._write(self._folder(server), documents)
        except OSError as error:
            logger.debug("the OpenAPI cache %s cannot be written: %s", self._directory, error)

    def _folder(self, server: str) -> Path:
        assert self._directory is not None  # noqa: S101 (callers check)
        return self._directory / _digest(server.encode())

    def _read(self, server: str, key: DocumentKey) -> bytes | None:
        if self._directory is None:
            return None
        try:
            content = (self._folder(server) / _file_name(key)).read_bytes()
        except OSError:
            return None
        checksum, _, document = content.partition(b"\n")
        return document if checksum == _digest(document).encode() else None

    def _write(self, folder: Path, documents: Mapping[DocumentKey, bytes]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, document in documents.items():
            _write_atomically(folder / _file_name(key), _digest(document).encode() + b"\n" + document)
        current = {_file_name(key) for key in documents}
        replaced = tuple(_stem(key.path) for key in documents)
        for name in os.listdir(folder):  # noqa: PTH208 (names suffice)
            if name.startswith(replaced) and name not in current:
                (folder / name).unlink(missing_ok=True)


def _stem(path: str) -> str:
    """The prefix of a document's file name: the quoted path and ``@``, which quoting escapes."""
    return quote(path, safe="") + "@"


def _file_name(key: DocumentKey) -> str:
    return f"{_stem(key.path)}{_digest(key.hash.encode())}.json"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file and rename it: a concurrent reader sees the old or the new content."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)  # noqa: PTH105 (one name is a string)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
