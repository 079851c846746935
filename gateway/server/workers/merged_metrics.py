"""``/metrics`` with several workers: the worker that receives the scrape merges the metrics of all.

Each sample has the label ``worker``. A worker that does not answer has no samples, and its
``kube_graphql_worker_up`` is 0.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from starlette.requests import Request
from starlette.responses import Response

from gateway.server.metrics import Metrics
from gateway.server.workers.relay import is_relayed
from gateway.server.workers.siblings import SiblingGone, Siblings

__all__ = ["MergedMetrics"]

_SIBLING_TIMEOUT_SECONDS = 2.0
_HOST = ((b"host", b"localhost"),)


@dataclass(frozen=True, slots=True)
class MergedMetrics:
    """The metrics of one worker and of its siblings."""

    own: Metrics
    siblings: Siblings

    async def respond(self, request: Request) -> Response:
        """The current values of all workers; only this worker's in answer to a sibling."""
        if is_relayed(request):
            return await self.own.respond(request)
        fetched = await asyncio.gather(*map(self._fetch, self.siblings.others))
        found: dict[int, Iterable[Metric] | None] = dict(zip(self.siblings.others, fetched, strict=True))
        found[self.siblings.index] = self.own.registry.collect()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(_AllWorkers(found)), headers={"Content-Type": content_type})

    async def _fetch(self, worker: int) -> list[Metric] | None:
        try:
            async with (
                asyncio.timeout(_SIBLING_TIMEOUT_SECONDS),
                self.siblings.ask(worker, "GET", b"/metrics", _HOST) as answer,
            ):
                text = b"".join([piece async for piece in answer.body()])
                return list(text_string_to_metric_families(text.decode())) if answer.status == 200 else None
        except (SiblingGone, TimeoutError, ValueError):
            return None


@dataclass(frozen=True, slots=True, eq=False)
class _AllWorkers(Collector):
    """Merges the metric families by worker; None for a worker that did not answer."""

    found: Mapping[int, Iterable[Metric] | None]

    def collect(self) -> Iterator[Metric]:
        """Each family once, with the samples of all workers."""
        up = GaugeMetricFamily(
            "kube_graphql_worker_up", "Whether that worker answers its siblings.", labels=["worker"]
        )
        families: dict[str, Metric] = {}
        for worker, found in sorted(self.found.items()):
            up.add_metric([str(worker)], found is not None)
            for one in found or ():
                family = families.setdefault(
                    one.name, Metric(one.name, one.documentation, one.type, one.unit)
                )
                family.samples += _labelled(one, worker)
        yield up
        yield from families.values()


def _labelled(family: Metric, worker: int) -> Iterator[Sample]:
    for sample in family.samples:
        yield sample._replace(labels={"worker": str(worker), **sample.labels})
