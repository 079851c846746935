"""A file that may be replaced while the gateway runs: certificates, authorities, secrets."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from gateway.errors import ConfigurationError

__all__ = ["WatchedFile"]

logger = logging.getLogger(__name__)

_CHECK_INTERVAL_SECONDS = 1.0

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """The parsed content of a file, parsed again after the file has changed.

    ``parse`` raises ConfigurationError for unusable content. The first content has to be usable; afterwards
    an unusable or missing file is logged once, and the previous content stays.
    """

    def __init__(
        self, path: str | Path, parse: Callable[[bytes], T], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path)
        self._parse = parse
        self._now = now
        self._checked_at = now()
        self._version = self._stat()
        self._value = self._read()

    @property
    def value(self) -> T:
        """The content; looks at the file at most once a second."""
        if self._now() - self._checked_at >= _CHECK_INTERVAL_SECONDS:
            self._checked_at = self._now()
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        version = self._stat()
        if version == self._version:
            return
        self._version = version
        try:
            self._value = self._read()
        except ConfigurationError as error:
            logger.warning("%s; the previous content stays in use", error)
        else:
            logger.info("%s has changed and is in use", self.path)

    def _stat(self) -> tuple[int, int, int] | None:
        """A value that changes with the content; a mounted Secret changes its inode."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 (follows the links of a mounted Secret)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> T:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"cannot read {self.path}: {error.strerror or error}") from error
        try:
            return self._parse(content)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.path}: {error}") from error
