"""``evictPod``: a PodDisruptionBudget that allows no disruption refuses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import API, core, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

pytestmark = pytest.mark.cluster

NAMESPACE = "evictions"
BUDGETS = grouped("policy/v1", "poddisruptionbudgets", NAMESPACE)


@pytest.fixture(scope="module")
def api(seeded_cluster: Backend) -> API:
    return seeded_cluster.api()


@pytest.fixture(scope="module")
def evicting(
    api: API, seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
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
    with start_gateway(path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway:
        yield gateway
    api.delete(core("namespaces", None, NAMESPACE))


def allow(api: API, disruptions: int) -> None:
    """Write the budget's status, as the disruption controller does."""
    status = {
        "observedGeneration": 1,
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
    assert api.get(core("pods", NAMESPACE, "one"))

    allow(api, 1)
    dry = evict.replace("gracePeriodSeconds", "dryRun: true, gracePeriodSeconds")
    assert await evicting.data(dry) == {"evictPod": {"status": "Success"}}
    assert api.get(core("pods", NAMESPACE, "one"))
    assert await evicting.data(evict) == {"evictPod": {"status": "Success"}}
    assert api.request("GET", core("pods", NAMESPACE, "one")).status_code == 404
