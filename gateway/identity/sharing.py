"""Sharing: informers of the gateway's own identity serve all callers that the API server allows to read."""

import logging
import time
from collections.abc import Callable, Hashable

from gateway.errors import GatewayError
from gateway.identity.leases import Leases
from gateway.kube.client import KubeClient
from gateway.lru import LRU

__all__ = ["Sharing"]

logger = logging.getLogger(__name__)

_REFUSED_SECONDS = 30.0
_MAX_REFUSED = 1024


class Sharing:
    """The gateway's own client for informers, the leases of the callers, and the gateway's missing rights.

    Where the gateway itself may not list and watch, each caller has an informer of its own; the gateway tries
    again after half a minute.
    """

    def __init__(self, client: KubeClient, leases: Leases, now: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.leases = leases
        self._now = now
        self._refused_at: LRU[Hashable, float] = LRU(_MAX_REFUSED)

    def serves(self, caller: KubeClient) -> bool:
        """Whether the caller is another identity than the gateway."""
        return caller.identity != self.client.identity

    def is_refused(self, source: Hashable) -> bool:
        """Whether the API server has refused this source to the gateway a short time ago."""
        refused_at = self._refused_at.get(source)
        return refused_at is not None and self._now() - refused_at < _REFUSED_SECONDS

    def refuse(self, source: Hashable, error: GatewayError) -> None:
        """Note that the API server refuses this source to the gateway."""
        self._refused_at.put(source, self._now())
        logger.info("each caller gets an informer of its own: %s", error.message)
