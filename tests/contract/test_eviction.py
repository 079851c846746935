"""``evictPod``: a PodDisruptionBudget that allows no disruption refuses it.

Covers ``gateway/resolvers/delete.py``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

NAMESPACE = "evictions"
BUDGETS = grouped("policy/v1", "poddisruptionbudgets", NAMESPACE)


@pytest.fixture(scope="module")
def api(backend: Backend) -> API:
    return backend.api()


@pytest.fixture(scope="module")
def evicting(
    api: API, backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway, and a namespace with a running pod and a budget."""
    api.create(core("namespaces"), {"metadata": {"name": NAMESPACE}})
    labels = {"app": "guarded"}
    created = {
        "metadata": {"name": "one", "labels": labels},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    api.create(core("pods", NAMESPACE), created)
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    api.merge(core("pods", NAMESPACE, "one", "status"), {"status": running})
    api.create(
        BUDGETS,
        {"metadata": {"name": "all"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}}},
    )
    allow(api, 0)
    path: Path = tmp_path_factory.mktemp("evicting")
    with start_gateway(path, "--kubeconfig", str(backend.kubeconfig)) as gateway:
        yield gateway
    api.delete(core("namespaces", None, NAMESPACE))


def allow(api: API, disruptions: int) -> None:
    """Write the budget's status, as the disruption controller does."""
    status = {
        "observedGeneration": api.get(f"{BUDGETS}/all")["metadata"]["generation"],
        "disruptionsAllowed": disruptions,
        "currentHealthy": 1,
        "desiredHealthy": 1 - disruptions,
        "expectedPods": 1,
    }
    api.merge(f"{BUDGETS}/all/status", {"status": status})


async def test_a_budget_refuses_an_eviction_until_it_allows_one(evicting: GatewayProcess, api: API) -> None:
    evict = (
        f'mutation {{ evictPod(name: "one", namespace: "{NAMESPACE}", gracePeriodSeconds: 0) {{ status }} }}'
    )

    refused = await evicting.error(evict)
    assert refused["extensions"]["code"] == "TOO_MANY_REQUESTS"
    assert "disruption budget" in refused["message"]
    (cause,) = refused["extensions"]["causes"]
    assert cause == {
        "message": "The disruption budget all needs 1 healthy pods and has 1 currently",
        "field": None,
        "reason": "DisruptionBudget",
        "inputPath": None,
    }
    assert api.get(core("pods", NAMESPACE, "one"))

    unprocessed = api.merge(f"{BUDGETS}/all", {"spec": {"minAvailable": 0}})
    assert unprocessed["metadata"]["generation"] == 2
    waiting = await evicting.error(evict)
    assert waiting["extensions"]["kubernetes"]["retryAfterSeconds"] == 10
    assert "still being processed" in waiting["extensions"]["causes"][0]["message"]

    allow(api, 1)
    dry = evict.replace("gracePeriodSeconds", "dryRun: true, gracePeriodSeconds")
    assert await evicting.data(dry) == {"evictPod": {"status": "Success"}}
    assert api.get(core("pods", NAMESPACE, "one"))
    assert await evicting.data(evict) == {"evictPod": {"status": "Success"}}
    assert api.request("GET", core("pods", NAMESPACE, "one")).status_code == 404


async def test_a_pod_with_two_budgets_cannot_be_evicted(evicting: GatewayProcess, api: API) -> None:
    labels = {"app": "twice"}
    created = {
        "metadata": {"name": "two", "labels": labels},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    api.create(core("pods", NAMESPACE), created)
    api.merge(core("pods", NAMESPACE, "two", "status"), {"status": {"phase": "Running"}})
    for name in ("first", "second"):
        spec = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
        api.create(BUDGETS, {"metadata": {"name": name}, "spec": spec})

    error = await evicting.error(
        f'mutation {{ evictPod(name: "two", namespace: "{NAMESPACE}") {{ status }} }}'
    )

    assert "more than one PodDisruptionBudget" in error["message"]
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_a_pod_that_does_not_run_needs_no_budget(evicting: GatewayProcess, api: API) -> None:
    created = {
        "metadata": {"name": "pending", "labels": {"app": "guarded"}},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    api.create(core("pods", NAMESPACE), created)
    evict = f'mutation {{ evictPod(name: "pending", namespace: "{NAMESPACE}") {{ status }} }}'
    assert await evicting.data(evict) == {"evictPod": {"status": "Success"}}
    assert api.request("GET", core("pods", NAMESPACE, "pending")).status_code == 404
    assert api.request("GET", core("pods", NAMESPACE, "one", "eviction")).status_code == 405
