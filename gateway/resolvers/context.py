"""The context of a request: the caller's client, the informers, and the state that requests share."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from graphql import GraphQLResolveInfo

from gateway.concurrency import Turnstile
from gateway.errors import Status, Unauthenticated
from gateway.identity import AccessReviews, Leases, Sharing, VisibleNamespaces
from gateway.informers import InformerRegistry
from gateway.kube.client import Exchange, KubeClient
from gateway.kube.single_flight import SingleFlight
from gateway.lru import LRU
from gateway.resolvers.concurrency_limits import InProgress, Place
from gateway.resolvers.encoded_selections import EncodedSelections
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Limits, Slots
from gateway.settings import SchemaAccess
from schema.filters import Filters

__all__ = [
    "Info",
    "LogCounters",
    "OperationLogs",
    "RequestContext",
    "Shared",
    "budget_of",
    "client_of",
    "expect_authenticated",
    "expect_discovery",
    "limited_client_of",
    "note_in_audit_log",
    "timestamp",
    "upstream_of",
]


@dataclass(slots=True)
class LogCounters:
    """Metrics of ``podLogs``: open subscriptions, open requests for logs, and lines delivered in total."""

    subscriptions: int = 0
    streams: int = 0
    lines: int = 0

    @contextmanager
    def subscription(self) -> Iterator[None]:
        """Count one subscription while the block runs."""
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count one request for a log while the block runs."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1


WriteLine = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class OperationLogs:
    """The writers of the access and the audit log; ``callers`` are known users by the client's identity."""

    access: WriteLine | None = None
    audit: WriteLine | None = None
    callers: LRU[str, Mapping[str, Any]] = field(default_factory=lambda: LRU(10_000))


@dataclass(frozen=True, slots=True)
class Shared:
    """Caches and counters that all requests to one gateway share.

    ``flights`` and ``reviews`` share results within one identity only. With ``sharing`` the informers of the
    gateway's identity serve other callers. ``leases`` are the rights on which subscriptions rely, those to
    shared informers and to logs. ``encoded`` and ``large_lists`` are
    functions of bytes that the API server has already sent to the caller. ``operations`` counts finished
    operations by type and outcome. ``schema_access`` decides on introspection.
    """

    flights: SingleFlight = field(default_factory=SingleFlight)
    reviews: AccessReviews = field(default_factory=AccessReviews)
    sharing: Sharing | None = None
    encoded: EncodedSelections = field(default_factory=EncodedSelections)
    large_lists: LargeLists = field(default_factory=LargeLists)
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    logs: LogCounters = field(default_factory=LogCounters)
    limits: Limits = field(default_factory=Limits)
    slots: Slots = field(default_factory=Slots)
    in_progress: InProgress = field(default_factory=InProgress)
    schema_access: SchemaAccess = SchemaAccess.AUTHENTICATED
    operation_logs: OperationLogs | None = None
    leases: Leases = field(init=False)
    namespaces: VisibleNamespaces = field(init=False)

    def __post_init__(self) -> None:
        gateway = self.sharing.client if self.sharing is not None else None
        leases = self.sharing.leases if self.sharing is not None else Leases(self.reviews)
        object.__setattr__(self, "leases", leases)
        object.__setattr__(self, "namespaces", VisibleNamespaces(self.reviews, gateway))

    @property
    def turns(self) -> Turnstile:
        """Bounds the heavy steps of all operations per turn of the event loop."""
        return self.large_lists.turns

    async def aclose(self) -> None:
        """Cancel the background work."""
        await self.leases.aclose()
        await self.large_lists.aclose()


@dataclass(slots=True)
class RequestContext:
    """One HTTP request, or one websocket connection with all its operations.

    ``client`` acts upstream as the caller. It is None between a websocket's handshake and its
    ``connection_init``, whose payload becomes ``connection_params``; no operation runs before that.
    """

    client: KubeClient | None
    informers: InformerRegistry
    default_namespace: str = "default"
    connection_params: Mapping[str, Any] | None = field(default=None, repr=False)
    shared: Shared = field(default_factory=Shared)
    filters: Filters = field(default_factory=Filters)
    """The filters of the gateway, for kinds that the schema does not have yet."""
    budget: Budget | None = None
    """The limits of one operation; None outside of operations."""
    place: Place | None = None
    """The operation's place among the operations in progress; None outside of operations."""
    reads_only: bool = False
    """Whether the request is a GET, which must not change anything (RFC 9110, section 9.2.1)."""
    on_valid: Callable[[], None] | None = None
    """Called once an operation is valid and has its place, before it runs."""
    extensions: dict[str, Any] = field(default_factory=dict)
    """``extensions`` of the operation's next result; a mapping is by the response names of root fields."""
    audited: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Lines for the audit log by the response name of a root field that writes several objects."""

    trace: list[dict[str, Any]] | None = None
    """The requests upstream since the operation's last result, if the client asked for them."""

    def for_operation(self) -> "RequestContext":
        """A copy with a budget of its own, for one of the operations of a connection."""
        # as dataclasses.replace, which takes five times as long
        return RequestContext(
            self.client,
            self.informers,
            self.default_namespace,
            self.connection_params,
            self.shared,
            self.filters,
            self.new_budget(),
            self.shared.in_progress.place(self.client.identity if self.client else ""),
            self.reads_only,
            self.on_valid,
            trace=self.trace,
        )

    def new_budget(self) -> Budget:
        """An unused budget, with the slots of the caller's identity."""
        identity = self.client.identity if self.client else ""
        limits = self.shared.limits
        return Budget(limits, self.shared.slots.of(identity, limits.in_flight_per_identity))

    def note_exchange(self, exchange: Exchange) -> None:
        """Add a request to the trace."""
        query = f"?{urlencode(exchange.params)}" if exchange.params else ""
        self.note_upstream(
            exchange.method,
            f"{exchange.path}{query}",
            exchange.status,
            milliseconds=round(exchange.seconds * 1000, 2),
            size=exchange.size,
        )

    def note_upstream(
        self,
        verb: str,
        path: str,
        status: int | None = None,
        *,
        milliseconds: float = 0.0,
        size: int = 0,
        cached: bool = False,
    ) -> None:
        """Add to the trace, if there is one; ``cached`` says that an informer answered instead."""
        if self.trace is not None:
            self.trace.append(
                {
                    "verb": verb,
                    "path": f"/{path}",
                    "status": status,
                    "milliseconds": milliseconds,
                    "bytes": size,
                    "cached": cached,
                }
            )

    def copy_extensions(self, source: str, target: str) -> None:
        """Repeat the extensions of a root field, by its response name, for an identical one."""
        for noted in self.extensions.values():
            if source in noted:
                noted[target] = noted[source]


Info = GraphQLResolveInfo[RequestContext]


def client_of(info: Info) -> KubeClient:
    """The client that acts as the caller. Raises Unauthenticated if the caller has not authenticated."""
    return _client(info.context)


def upstream_of(info: Info) -> KubeClient:
    """Like :func:`client_of`, for one request, which counts against the operation's limits.

    Raises QueryTooComplex beyond them.
    """
    budget_of(info).expect_request()
    return limited_client_of(info)


def limited_client_of(info: Info) -> KubeClient:
    """Like :func:`client_of`, with few requests in flight at once."""
    client = client_of(info).limited(budget_of(info).request_slot)
    return client if info.context.trace is None else client.recorded(info.context.note_exchange)


def budget_of(info: Info) -> Budget:
    """The limits of the operation."""
    return info.context.budget or info.context.new_budget()


def note_in_audit_log(info: Info, **line: Any) -> dict[str, Any]:
    """Add a line about one of the objects that a root field writes; it names the object and the outcome.

    The line has the current ``time``. It is returned, and may change until the operation ends.
    """
    noted = {"time": timestamp(), **line}
    info.context.audited.setdefault(str(info.path.key), []).append(noted)
    return noted


def timestamp() -> str:
    """The current time for a line of a log: RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def expect_discovery(context: RequestContext) -> None:
    """Check that the caller may read discovery; raises a GatewayError otherwise.

    For answers that need no request as the caller. A caller that acts with the gateway's own identity may
    see everything that the gateway has read.
    """
    client = _client(context)
    if client.is_callers:
        await context.shared.reviews.expect_discovery(client)


async def expect_authenticated(context: RequestContext) -> None:
    """Check that the API server accepts the caller's token; raises a GatewayError otherwise.

    Precedes all work for a request: a made-up token must not cost the validation of a document. Only tokens
    are checked; the gateway itself has authenticated a caller that it impersonates.
    """
    client = _client(context)
    if client.sends_callers_token:
        await context.shared.reviews.expect_authenticated(client)


def _client(context: RequestContext) -> KubeClient:
    if context.client is None:
        raise Unauthenticated(Status(401, "Unauthorized", "no bearer token came with this request"))
    return context.client
