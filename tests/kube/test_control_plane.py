"""The temporary control plane of the tests: version, restarts and users."""

import ssl

import httpx
import pytest

from tests.fixtures.control_plane import ControlPlane

pytestmark = pytest.mark.cluster


def client(cluster: ControlPlane, user: str = "admin") -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(cluster.certificate_authority))
    return httpx.Client(
        base_url=cluster.server, headers={"Authorization": f"Bearer {user}-token"}, verify=trust, timeout=30
    )


def test_it_serves_the_version_that_go_mod_pins(real_cluster: ControlPlane) -> None:
    with client(real_cluster) as api:
        assert api.get("/version").json()["gitVersion"] == "v1.36.3"


def test_a_restarted_api_server_keeps_its_objects(real_cluster: ControlPlane) -> None:
    with client(real_cluster) as api:
        created = api.post("/api/v1/namespaces", json={"metadata": {"name": "survivor"}})
        assert created.status_code == 201
    real_cluster.kill_apiserver()
    with client(real_cluster) as api, pytest.raises(httpx.ConnectError):
        api.get("/readyz")
    real_cluster.start_apiserver()
    with client(real_cluster) as api:
        assert api.get("/api/v1/namespaces/survivor").json()["metadata"]["name"] == "survivor"


def test_users_without_roles_may_not_list(real_cluster: ControlPlane) -> None:
    with client(real_cluster, "alice") as api:
        assert api.get("/api/v1/pods").status_code == 403
