"""``/metrics``: the gateway's counters in Prometheus' text format. No label holds data of a cluster."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from gateway.identity import REVIEW_RESULTS
from gateway.informers import LAG_BOUNDS, InformerRegistry, Lag
from gateway.kube.client import KubeClient
from gateway.resolvers.context import Shared

__all__ = ["Metrics"]


@dataclass(frozen=True, slots=True, eq=False)
class Metrics(Collector):
    """Collects the counters of the other modules on each scrape.

    ``shared`` holds the counters of operations, access reviews and pod logs; ``open_websockets`` returns a
    number.
    """

    informers: InformerRegistry
    shared: Shared
    client: KubeClient
    open_websockets: Callable[[], int]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    async def respond(self, request: Request) -> Response:
        """The current values, as text or OpenMetrics by the ``Accept`` header."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), headers={"Content-Type": content_type})

    def collect(self) -> Iterator[Metric]:
        """All families except the process's own."""
        yield from self._gauges()
        yield from self._counters()
        yield _lag(self.informers.counters.lag)

    def _gauges(self) -> Iterator[Metric]:
        informers = self.informers
        for name, help_, value in (
            ("informers", "Shared watches that run.", len(informers.informers)),
            ("subscribers", "Subscriptions to objects that are open.", informers.subscribers),
            ("waiting_events", "Events in the queues of all subscribers.", informers.waiting),
            ("websockets", "Websocket connections that are open.", self.open_websockets()),
            ("log_subscriptions", "Subscriptions to podLogs that are open.", self.shared.logs.subscriptions),
            ("log_streams", "Containers' logs that are read from the API server.", self.shared.logs.streams),
            (
                "upstream_requests_in_flight",
                "Requests to the API server in progress, those of watches, discovery and reviews included.",
                self.client.in_flight,
            ),
        ):
            yield GaugeMetricFamily(f"kube_graphql_{name}", help_, value)

    def _counters(self) -> Iterator[Metric]:
        counters = self.informers.counters
        for name, help_, value in (
            ("events", "Changes of objects that informers have learned of.", counters.events),
            ("relists", "Times that an informer had to list again what it knew.", counters.relists),
            ("subscribers_too_slow", "Subscriptions ended with SUBSCRIBER_TOO_SLOW.", counters.too_slow),
            ("log_lines", "Lines that subscriptions to podLogs were given.", self.shared.logs.lines),
        ):
            yield CounterMetricFamily(f"kube_graphql_{name}", help_, value)
        operations = CounterMetricFamily(
            "kube_graphql_operations",
            "GraphQL operations that are over; outcome is OK or the code of the first error.",
            labels=("type", "outcome"),
        )
        for labels, count in sorted(self.shared.operations.items()):
            operations.add_metric(labels, count)
        yield operations
        reviews = CounterMetricFamily(
            "kube_graphql_access_reviews",
            "Access reviews as a caller; a cached one needed no request to the API server.",
            labels=("result",),
        )
        for result in REVIEW_RESULTS:
            reviews.add_metric((result,), self.shared.reviews.results[result])
        yield reviews


def _lag(lag: Lag) -> Metric:
    bounds = (*map(str, LAG_BOUNDS), "+Inf")
    return HistogramMetricFamily(
        "kube_graphql_event_lag_seconds",
        "Seconds from a change's arrival at the gateway until it was handed to a subscriber's connection.",
        buckets=list(zip(bounds, accumulate(lag.buckets), strict=True)),
        sum_value=lag.total,
    )
