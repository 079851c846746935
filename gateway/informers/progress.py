"""How far an informer is, and those who wait for it to be somewhere."""

import asyncio

from gateway.errors import GatewayError
from gateway.informers.store import version_number

__all__ = ["Progress"]


class Progress:
    """Where an informer is, and how it ended."""

    def __init__(self) -> None:
        self.resource_version = ""
        self.metadata_only = False
        self.error: GatewayError | None = None
        self.ended = False
        self._refusal: GatewayError | None = None
        self._settled = False
        self._moved = asyncio.Event()

    @property
    def synced(self) -> bool:
        """Whether the store is the whole set as of ``resource_version``."""
        return self._settled and not self.ended

    async def reached(self, number: int) -> bool:
        """Wait until the store is a whole set, not older than that resource version; False if it will not be.

        The caller bounds the time: nobody can know when the API server tells of something again.
        """
        while not self.ended and (own := version_number(self.resource_version)) is not None:
            if self.synced and own >= number:
                return True
            await self._moved.wait()
        return False

    async def finished(self) -> None:
        """Wait until it has ended; raises what it ended with."""
        while not self.ended:
            await self._moved.wait()
        if self.error is not None:
            raise self.error.with_traceback(None)

    async def settled(self, *, metadata_only: bool = False) -> None:
        """Wait until the store is a whole set, or the informer has ended; raises what it ended with.

        Of complete objects, unless ``metadata_only`` will do; raises what those were refused with.
        """
        while not self.ended and not (self._settled and (metadata_only or not self.metadata_only)):
            if self._refusal is not None and not metadata_only:
                raise self._refusal.with_traceback(None)
            await self._moved.wait()
        if self.error is not None:
            raise self.error.with_traceback(None)

    def refuse(self, error: GatewayError | None) -> None:
        """Let those who wait for complete objects of a ``metadata_only`` informer fail; None: wait again."""
        self._refusal = error
        self._wake()

    def _wake(self) -> None:
        """Let those look who wait for a resource version."""
        self._moved.set()
        self._moved = asyncio.Event()
