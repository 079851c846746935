"""The caller of a request."""

from dataclasses import dataclass

from gateway.kube.client import KubeClient

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: the client that acts as it upstream, and the end of its credentials.

    ``expires_at`` is in seconds since the epoch; None if the credentials do not tell.
    """

    client: KubeClient
    expires_at: float | None = None
