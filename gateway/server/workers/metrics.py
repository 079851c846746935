"""``/metrics`` of an address that several workers serve: everybody's, by whichever of them was asked.

Each sample has the label ``worker``. A worker that does not answer is left out, and
``kube_graphql_worker_up`` says so.
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

__all__ = ["WorkerMetrics"]

PATIENCE = 2.0
"""Seconds that a sibling gets to answer."""
HOST = ((b"host", b"localhost"),)


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """One worker's metrics, and what its siblings say of theirs."""

    own: Metrics
    siblings: Siblings

    async def respond(self, request: Request) -> Response:
        """All workers' values of now; this one's alone where a sibling asks."""
        if is_relayed(request):
            return await self.own.respond(request)
        asked = await asyncio.gather(*map(self._fetch, self.siblings.others))
        found: dict[int, Iterable[Metric] | None] = dict(zip(self.siblings.others, asked, strict=True))
        found[self.siblings.index] = self.own.registry.collect()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(AllWorkers(found)), headers={"Content-Type": content_type})

    async def _fetch(self, worker: int) -> list[Metric] | None:
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self.siblings.ask(worker, "GET", b"/metrics", HOST) as answer,
            ):
                text = b"".join([piece async for piece in answer.body()])
                return list(text_string_to_metric_families(text.decode())) if answer.status == 200 else None
        except (SiblingGone, TimeoutError, ValueError):
            return None


@dataclass(frozen=True, slots=True, eq=False)
class AllWorkers(Collector):
    """The same families of several workers as one, None standing for a worker that did not answer."""

    found: Mapping[int, Iterable[Metric] | None]

    def collect(self) -> Iterator[Metric]:
        """Each family once, with everybody's samples."""
        up = GaugeMetricFamily(
            "kube_graphql_worker_up", "Whether that worker answers its siblings.", labels=["worker"]
        )
        families: dict[str, Metric] = {}
        for worker, found in sorted(self.found.items()):
            up.add_metric([str(worker)], found is not None)
            for each in found or ():
                family = families.setdefault(
                    each.name, Metric(each.name, each.documentation, each.type, each.unit)
                )
                family.samples += _labelled(each, worker)
        yield up
        yield from families.values()


def _labelled(family: Metric, worker: int) -> Iterator[Sample]:
    for each in family.samples:
        yield each._replace(labels={"worker": str(worker), **each.labels})
