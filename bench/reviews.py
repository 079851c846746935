"""Access reviews: their share of a cached get, measured inside one process."""

import time
from contextlib import aclosing
from dataclasses import replace

from bench.cluster import Cluster
from bench.tables import Aim, Column, Measure, Row, Samples, Table, Unit
from gateway.execution import GraphQLAPI
from gateway.identity import Access, AccessReviews, Verdict
from gateway.informers import Scope
from gateway.kube.client import KubeClient
from gateway.kube.config.loading import load_config
from gateway.resolvers.context import RequestContext, Shared
from schema.model import Verb
from tests.kube.seed import seed

__all__ = ["measure_reviews"]

_PODS: Column = 100
_GETS = 50
_BATCHES = 20
"""Per round; short ones that alternate, so that other load affects all variants alike."""
_REPEATS = 10_000
_FRESH_REVIEWS = 50
_GET = """{ pod(name: "app-0-00000", namespace: "team-0", resourceVersion: "0") {
    metadata { name } status { phase }
} }"""
_WITHOUT, _WITH = "CPU, cached get, no review", "CPU, cached get, cached review"
_ALONE, _FRESH = "CPU, cached review alone", "review by the API server"


class _NoReviews(AccessReviews):
    async def review(self, client: KubeClient, access: Access, *, max_age: float = 0.0) -> Verdict:
        del client, access, max_age
        return _ALLOWED


_ALLOWED = Verdict(True, 0.0, {})


async def measure_reviews(cluster: Cluster, rounds: int) -> list[Table]:
    """Alternate cached gets with and without a cached access review; return one table."""
    await seed(cluster.kubeconfig, _PODS)
    client = KubeClient.connect(load_config(str(cluster.kubeconfig), None))
    samples = Samples()
    async with aclosing(client), aclosing(await GraphQLAPI.start(client)) as api:
        pods = next(item.resource for item in api.model.resources if item.short.get(Verb.LIST) == "pods")
        async with api.informers.hold(client, pods, Scope()):
            context = api.context(client)
            without = replace(context, shared=Shared(reviews=_NoReviews()))
            for turn in range(rounds * _BATCHES + 1):
                for name, chosen in ((_WITHOUT, without), (_WITH, context)):
                    microseconds = await _time_gets(api, chosen)
                    if turn:
                        samples.add(name, _PODS, microseconds)
        reviews, access = AccessReviews(), Access.to("get", pods, "team-0", "app-0-00000")
        for _ in range(rounds):
            samples.add(_ALONE, _PODS, await _time_reviews(reviews, client, access))
        for _ in range(_FRESH_REVIEWS):
            began = time.perf_counter()
            await reviews.review(client, access, max_age=0.0)
            samples.add(_FRESH, _PODS, (time.perf_counter() - began) * 1e6)
    return [_table(samples)]


async def _time_gets(api: GraphQLAPI, context: RequestContext) -> float:
    """Microseconds of CPU per cached get. Raises RuntimeError for an answer with errors."""
    began = time.process_time()
    for _ in range(_GETS):
        result = await api.schema.execute(_GET, context_value=context)
        if result.errors:
            raise RuntimeError(str(result.errors))
    return (time.process_time() - began) * 1e6 / _GETS


async def _time_reviews(reviews: AccessReviews, client: KubeClient, access: Access) -> float:
    """Microseconds of CPU per cached review."""
    await reviews.allows(client, access)
    began = time.process_time()
    for _ in range(_REPEATS):
        await reviews.allows(client, access)
    return (time.process_time() - began) * 1e6 / _REPEATS


def _table(samples: Samples) -> Table:
    found, aim = samples.found, Aim(_PODS, Measure.DIFFERENCE, 50)
    rows = [
        Row(_WITHOUT, Unit.MICROSECONDS, found[_WITHOUT]),
        Row(_WITH, Unit.MICROSECONDS, found[_WITH], against=_WITHOUT, aims=[aim]),
        Row(_ALONE, Unit.MICROSECONDS, found[_ALONE]),
        Row(_FRESH, Unit.MICROSECONDS, found[_FRESH]),
    ]
    note = "Execution without a transport; the aim is about the difference of the first two rows."
    return Table("Access reviews", "pods", [_PODS], rows, (note,))
