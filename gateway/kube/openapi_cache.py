"""OpenAPI documents by their hash, in memory and on disk, so that only what changed is fetched again.

A cache may be lost at any time: one that is corrupt, or cannot be written, costs a request and nothing else.
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
    """Documents by server and key. Blocks on the disk: call it in a thread.

    ``directory`` None keeps them in memory only.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[tuple[str, DocumentKey], bytes] = {}

    def load(self, server: str, keys: Iterable[DocumentKey]) -> dict[DocumentKey, bytes]:
        """Those of the documents that are there and whole."""
        found = {}
        for key in keys:
            document = self._memory.get((server, key)) or self._read(server, key)
            if document is not None:
                found[key] = self._memory[server, key] = document
        return found

    def store(self, server: str, documents: Mapping[DocumentKey, bytes]) -> None:
        """Keep those documents; what an earlier hash of the same path had is removed."""
        paths = {key.path for key in documents}
        for known in [each for each in self._memory if each[0] == server and each[1].path in paths]:
            del self._memory[known]
        self._memory.update({(server, key): document for key, document in documents.items()})
        if self._directory is None or not documents:
            return
        try:
            self._write(self._folder(server), documents)
        except OSError as error:
            logger.debug("the OpenAPI cache %s cannot be written: %s", self._directory, error)

    def _folder(self, server: str) -> Path:
        assert self._directory is not None  # noqa: S101 (callers check)
        return self._directory / digest(server.encode())

    def _read(self, server: str, key: DocumentKey) -> bytes | None:
        if self._directory is None:
            return None
        try:
            content = (self._folder(server) / file_name(key)).read_bytes()
        except OSError:
            return None
        checksum, _, document = content.partition(b"\n")
        return document if checksum == digest(document).encode() else None

    def _write(self, folder: Path, documents: Mapping[DocumentKey, bytes]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, document in documents.items():
            write_atomically(folder / file_name(key), digest(document).encode() + b"\n" + document)
        current = {file_name(key) for key in documents}
        replaced = tuple(stem(key.path) for key in documents)
        for name in os.listdir(folder):  # noqa: PTH208 (names are all it takes)
            if name.startswith(replaced) and name not in current:
                (folder / name).unlink(missing_ok=True)


def stem(path: str) -> str:
    """The path as the beginning of a file's name; ``@`` never stands inside it, being quoted."""
    return quote(path, safe="") + "@"


def file_name(key: DocumentKey) -> str:
    return f"{stem(key.path)}{digest(key.hash.encode())}.json"


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Another process that reads meanwhile sees all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)  # noqa: PTH105 (one name is a string)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
