"""The temporary control plane of the tests: version, restarts and users."""

import json
import ssl
from typing import Any

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


def test_a_forgetful_api_server_keeps_its_objects_and_no_version(real_cluster: ControlPlane) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    with client(real_cluster) as api:
        versions = [
            api.post(path, json={"metadata": {"generateName": "forgotten-"}}).json()["metadata"]
            for _ in range(3)
        ]
        token = api.get(path, params={"limit": 1}).json()["metadata"]["continue"]
        real_cluster.forget()
        for version in (item["resourceVersion"] for item in versions):
            event = watched(api, path, version)
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
        assert api.get(path, params={"limit": 1, "continue": token}).status_code == 410
        names = {item["metadata"]["name"] for item in api.get(path).json()["items"]}
        assert {item["name"] for item in versions} <= names
        fresh = api.get(path).json()["metadata"]["resourceVersion"]
        api.post(path, json={"metadata": {"generateName": "later-"}})
        assert watched(api, path, fresh)["type"] == "ADDED"


def watched(api: httpx.Client, path: str, version: str) -> Any:
    """The first event of a watch."""
    query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "10"}
    with api.stream("GET", path, params=query) as answer:
        return json.loads(next(answer.iter_lines()))


def test_users_without_roles_may_not_list(real_cluster: ControlPlane) -> None:
    with client(real_cluster, "alice") as api:
        assert api.get("/api/v1/pods").status_code == 403
