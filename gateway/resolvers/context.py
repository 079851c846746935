"""What a resolver knows of the request that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLResolveInfo

from gateway.errors import Status, Unauthenticated
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient

__all__ = ["RequestContext", "client_of", "context_of"]


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


def context_of(info: GraphQLResolveInfo) -> RequestContext:
    """The request's context."""
    context: RequestContext = info.context
    return context


def client_of(info: GraphQLResolveInfo) -> KubeClient:
    """The API server as the caller sees it; Unauthenticated where nobody has said who that is."""
    client = context_of(info).client
    if client is None:
        raise Unauthenticated(Status(401, "Unauthorized", "no bearer token came with this request"))
    return client
