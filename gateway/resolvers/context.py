"""What a resolver knows of the request that it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLResolveInfo

from gateway.errors import Status, Unauthenticated
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient

__all__ = ["Info", "RequestContext", "client_of"]


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


Info = GraphQLResolveInfo[RequestContext]


def client_of(info: Info) -> KubeClient:
    """The API server as the caller sees it; Unauthenticated where nobody has said who that is."""
    client = info.context.client
    if client is None:
        raise Unauthenticated(Status(401, "Unauthorized", "no bearer token came with this request"))
    return client
