"""What a resolver knows of the request that it answers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import GraphQLResolveInfo

from gateway.errors import Status, Unauthenticated
from gateway.identity.access import AccessReviews
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.single_flight import SingleFlight
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Limits, Slots
from gateway.resolvers.list_fragments import ListFragments
from gateway.resolvers.log_counters import LogCounters

__all__ = ["Info", "RequestContext", "Shared", "client_of", "expect_discovery", "upstream_of"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What reads share with other requests, each of it only within one identity."""

    flights: SingleFlight = field(default_factory=SingleFlight)
    reviews: AccessReviews = field(default_factory=AccessReviews)
    fragments: ListFragments = field(default_factory=ListFragments)
    large_lists: LargeLists = field(default_factory=LargeLists)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many operations are over, by type and outcome: for metrics."""
    logs: LogCounters = field(default_factory=LogCounters)
    limits: Limits = field(default_factory=Limits)
    slots: Slots = field(default_factory=Slots)


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
    shared: Shared = field(default_factory=Shared)
    budget: Budget | None = None
    """The limits of one operation; None outside of operations."""

    def for_operation(self) -> "RequestContext":
        """A copy with a budget of its own, for one of the operations of a connection."""
        identity = self.client.identity if self.client else ""
        limits = self.shared.limits
        slots = self.shared.slots.of(identity, limits.in_flight_per_identity)
        return replace(self, budget=Budget(limits, slots))


Info = GraphQLResolveInfo[RequestContext]


def client_of(info: Info) -> KubeClient:
    """The API server as the caller sees it; Unauthenticated where nobody has said who that is."""
    return _client(info.context)


def upstream_of(info: Info) -> KubeClient:
    """Like :func:`client_of`; each request counts against the operation's limits, streams do not."""
    client, budget = client_of(info), info.context.budget
    return client if budget is None else client.limited(budget.slot)


async def expect_discovery(context: RequestContext) -> None:
    """Return where the caller may know what the cluster serves; raises a GatewayError else.

    For what is answered with no request as the caller. Who acts as the gateway itself knows what it knows.
    """
    client = _client(context)
    if client.is_callers:
        await context.shared.reviews.expect_discovery(client)


def _client(context: RequestContext) -> KubeClient:
    if context.client is None:
        raise Unauthenticated(Status(401, "Unauthorized", "no bearer token came with this request"))
    return context.client
