"""The transport that :mod:`gateway.kube.exchange` needs: a request, its answer, and the sending."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Answer", "Request", "Transport"]


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request; ``target`` is path and query as sent, timeouts are in seconds."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes | None = field(repr=False)
    connect_timeout: float
    read_timeout: float
    write_timeout: float


class Answer(Protocol):
    """A response, its body unread; header names are in lower case."""

    status_code: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Repeated headers are joined with commas."""

    def arrived(self) -> bytes | None:
        """The whole body, still encoded, if all of it has arrived; then nothing is left to iterate."""

    def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body, still encoded: as it arrives, or in chunks of about ``chunk_size`` bytes.

        Raises httpx's exceptions.
        """

    async def aclose(self) -> None:
        """Release the connection; close it unless the body was read to its end."""


class Transport(Protocol):
    """Sends requests to one server, each on a connection of its own or an idle one."""

    async def send(self, request: Request) -> Answer:
        """The response, its body unread. Raises httpx's exceptions."""

    async def aclose(self) -> None:
        """Close every connection, including connections in use."""
