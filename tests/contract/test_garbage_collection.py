"""``propagationPolicy`` with the real garbage collector: the objects that a deleted object owns."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, deployment, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.cluster

NUMBERS = itertools.count()
DEPLOYMENTS = grouped("apps/v1", "deployments", "default")
REPLICA_SETS = grouped("apps/v1", "replicasets", "default")


@pytest.fixture(scope="module")
def api(controlled_cluster: Backend) -> API:
    return controlled_cluster.api()


@pytest.fixture(scope="module")
def collecting(
    controlled_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    directory: Path = tmp_path_factory.mktemp("collecting")
    with start_gateway(directory, "--kubeconfig", str(controlled_cluster.kubeconfig)) as gateway:
        yield gateway


@pytest.fixture
def owner(api: API) -> str:
    """The name of a deployment that has a ReplicaSet."""
    name = f"owner-{next(NUMBERS)}"
    api.create(DEPLOYMENTS, deployment(name))
    wait_until(lambda: owned(api, name), f"the ReplicaSet of {name}")
    return name


def owned(api: API, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(REPLICA_SETS, params={"labelSelector": f"app={name}"})["items"]
    return found


def is_gone(api: API, name: str) -> bool:
    return api.request("GET", f"{DEPLOYMENTS}/{name}").status_code == 404


async def delete(gateway: GatewayProcess, name: str, policy: str) -> str:
    mutation = f'mutation {{ deleteDeployment(name: "{name}", propagationPolicy: {policy}) {{ status }} }}'
    return str((await gateway.data(mutation))["deleteDeployment"]["status"])


async def test_background_collects_the_owned_objects_later(
    collecting: GatewayProcess, api: API, owner: str
) -> None:
    assert await delete(collecting, owner, "BACKGROUND") == "Success"
    assert is_gone(api, owner)
    wait_until(lambda: not owned(api, owner), "the ReplicaSet to be collected")


async def test_foreground_deletes_the_owned_objects_first(
    collecting: GatewayProcess, api: API, owner: str
) -> None:
    assert await delete(collecting, owner, "FOREGROUND") == "Terminating"
    wait_until(lambda: is_gone(api, owner), "the deployment to be deleted")
    assert not owned(api, owner)


async def test_orphan_leaves_the_owned_objects_without_an_owner(
    collecting: GatewayProcess, api: API, owner: str
) -> None:
    await delete(collecting, owner, "ORPHAN")
    wait_until(lambda: is_gone(api, owner), "the deployment to be deleted")
    (replica_set,) = owned(api, owner)
    assert "ownerReferences" not in replica_set["metadata"]
    api.delete(f"{REPLICA_SETS}/{replica_set['metadata']['name']}")
