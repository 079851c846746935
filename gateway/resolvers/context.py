"""What a resolver knows of the request that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient

__all__ = ["RequestContext"]


@dataclass(slots=True)
class RequestContext:
    """One HTTP request, or one websocket connection with all its operations.

    ``client`` acts upstream as the caller. It is None between a websocket's handshake and its
    ``connection_init``, whose payload is put into ``connection_params``; no operation runs before.
    """

    client: KubeClient | None
    informers: InformerRegistry
    default_namespace: str = "default"
    connection_params: Mapping[str, Any] | None = field(default=None)
