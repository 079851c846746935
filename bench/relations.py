"""Relations and trees, alternating with the raw requests that they replace."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx

from bench.cluster import Cluster
from bench.tables import Aim, Column, Measure, Table
from bench.variants import (
    AIMED,
    Connections,
    ReadSamples,
    Variant,
    connected,
    fetch,
    fetch_thin,
    measure_in_turns,
    table_of_the_process,
    table_of_times,
)
from tests.fixtures.api import core, deployment, grouped, pod
from tests.kube.seed import seed

__all__ = ["create_tree", "measure_relations", "namespaced_resources"]

_LIVE, _CACHING = "live", "caching"
"""The gateways: one caches nothing; the other pods and nodes, or for trees everything in namespaces."""
_NODES, _PODS, _DEPLOYMENTS = "/api/v1/nodes", "/api/v1/pods", "/apis/apps/v1/deployments"
_TREE: Column = 1000
"""The number of objects of the tree that has an aim."""
_NAMESPACE, _ROOT, _REPLICA_SETS = "tree", "root", 9

_LIST = "{ pods { items { metadata { name } } } }"
_RELATED = "{ pods { items { metadata { name } node { metadata { labels } } } } }"
_CACHED_RELATED = _RELATED.replace("pods", 'pods(resourceVersion: "0")')
_SELECTED = """{ deployments { items {
  metadata { name } pods { items { metadata { name } status { phase } } }
} } }"""
_TREE_QUERY = f"""{{ tree(kind: "Deployment", name: "{_ROOT}", namespace: "{_NAMESPACE}") {{
  depth parentUid worst health {{ status reason message }} object {{ kind metadata {{ name uid }} }}
}} }}"""
_RAW_NODES, _RAW_DEPLOYMENTS = "raw LISTs of pods and nodes", "raw LISTs of deployments and pods"
_RAW_TREE = "raw LISTs of deployments, replica sets and pods"


def _variants() -> list[Variant]:
    raw = partial(Variant, least=1000)
    live, cached = partial(Variant, gateway=_LIVE), partial(Variant, gateway=_CACHING)
    return [
        raw(_RAW_NODES, partial(_fetch_all, (_PODS, _NODES))),
        raw(_RAW_DEPLOYMENTS, partial(_fetch_all, (_DEPLOYMENTS, _PODS))),
        live("live list of pods", partial(fetch, _LIST, _LIVE), _RAW_NODES, least=30),
        live(
            "live list with nodes",
            partial(fetch, _RELATED, _LIVE),
            _RAW_NODES,
            [Aim(AIMED, Measure.RATIO, 1.4)],
        ),
        cached(
            "cached list with cached nodes",
            partial(fetch, _CACHED_RELATED, _CACHING),
            _RAW_NODES,
            [Aim(AIMED, Measure.MEDIAN, 30)],
            times=5,
        ),
        live("deployments with pods", partial(fetch, _SELECTED, _LIVE), _RAW_DEPLOYMENTS),
        cached("deployments with cached pods", partial(fetch, _SELECTED, _CACHING), _RAW_DEPLOYMENTS),
    ]


def _tree_variants() -> list[Variant]:
    inside = f"namespaces/{_NAMESPACE}"
    paths = (
        f"/apis/apps/v1/{inside}/deployments",
        f"/apis/apps/v1/{inside}/replicasets",
        f"/api/v1/{inside}/pods",
    )
    aims = [Aim(_TREE, Measure.MEDIAN, 50)]
    tree = partial(fetch, _TREE_QUERY)
    return [
        Variant(_RAW_TREE, partial(_fetch_all, paths), times=5),
        Variant("tree, live", partial(tree, _LIVE), _RAW_TREE, times=5, gateway=_LIVE),
        Variant("tree, cached", partial(tree, _CACHING), _RAW_TREE, aims, times=5, gateway=_CACHING),
    ]


async def _fetch_all(paths: Sequence[str], connections: Connections) -> int:
    return sum([await fetch_thin(path, connections) for path in paths])


async def measure_relations(
    cluster: Cluster, sizes: Sequence[Column], rounds: int, tree: Column = _TREE
) -> list[Table]:
    """Measure relations at each number of pods, and a tree of ``tree`` objects."""
    samples, known, columns = ReadSamples(), _variants(), sorted(sizes)
    tree_samples, trees = ReadSamples(), _tree_variants()
    async with cluster.client() as raw:
        await create_tree(raw, tree)
        everything = ",".join(await namespaced_resources(raw))
    async with connected(cluster, tree, {_LIVE: "", _CACHING: everything}) as connections:
        await measure_in_turns(trees, connections, tree, rounds, tree_samples)
    seeded = 0
    for size in columns:
        await seed(cluster.kubeconfig, size, first=seeded)
        seeded = size
        async with connected(cluster, size, {_LIVE: "", _CACHING: "pods,nodes"}) as connections:
            await measure_in_turns(known, connections, size, rounds, samples)
    return [
        table_of_times("Relations: time to the complete response", "pods", known, columns, samples),
        table_of_times("Trees: time to the complete response", "objects", trees, [tree], tree_samples),
        table_of_the_process("Relations: the gateway's process", "pods", known, columns, samples),
        table_of_the_process("Trees: the gateway's process", "objects", trees, [tree], tree_samples),
    ]


async def create_tree(raw: httpx.AsyncClient, objects: int) -> None:
    """A deployment that owns replica sets, which own pods, in a namespace of their own."""
    namespace = await raw.post(f"/{core('namespaces')}", json={"metadata": {"name": _NAMESPACE}})
    namespace.raise_for_status()
    root = await _create(raw, grouped("apps/v1", "deployments", _NAMESPACE), deployment(_ROOT), None)
    owners = []
    for number in range(_REPLICA_SETS):
        name = f"{_ROOT}-{number}"
        spec = {key: value for key, value in deployment(name)["spec"].items() if key != "strategy"}
        body = {"metadata": {"name": name}, "spec": spec}
        owners.append(await _create(raw, grouped("apps/v1", "replicasets", _NAMESPACE), body, root))
    slots = asyncio.Semaphore(16)

    async def create_pod(number: int) -> None:
        async with slots:
            body = pod(f"{_ROOT}-{number}", labels={"app": _ROOT})
            await _create(raw, core("pods", _NAMESPACE), body, owners[number % _REPLICA_SETS])

    await asyncio.gather(*(create_pod(number) for number in range(objects - 1 - _REPLICA_SETS)))


async def _create(
    raw: httpx.AsyncClient, path: str, body: dict[str, Any], owner: dict[str, Any] | None
) -> dict[str, Any]:
    """The created object as an owner reference."""
    metadata = {**body["metadata"], **({"ownerReferences": [owner]} if owner else {})}
    response = await raw.post(f"/{path}", json={**body, "metadata": metadata})
    response.raise_for_status()
    created = response.json()
    known = {key: created[key] for key in ("apiVersion", "kind")}
    return {**known, "name": created["metadata"]["name"], "uid": created["metadata"]["uid"]}


async def namespaced_resources(raw: httpx.AsyncClient) -> list[str]:
    """All resources in namespaces that can be listed and watched, as ``--cache`` names them; no events."""
    groups = (await raw.get("/apis")).raise_for_status().json()["groups"]
    paths = {"": "/api/v1"} | {
        group["name"]: f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups
    }
    found = []
    for group, path in paths.items():
        for resource in (await raw.get(path)).raise_for_status().json()["resources"]:
            name = resource["name"]
            if resource["namespaced"] and {"list", "watch"} <= {*resource["verbs"]} and name != "events":
                found.append(f"{name}.{group}" if group else name)
    return found
