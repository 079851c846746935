"""GET and LIST, and their refusals, as on the real API server."""

import pytest

from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, fill, names


async def test_a_list_has_a_version_and_items_without_kind(bare: DemoCluster) -> None:
    await fill(bare)
    listed = await bare.get(f"{CORE}/configmaps")
    assert listed["kind"] == "ConfigMapList"
    assert listed["metadata"] == {"resourceVersion": str(bare.demo.storage.revision)}
    assert names(listed) == ["map-0", "map-1", "map-2", "map-3", "map-4"]
    assert "kind" not in listed["items"][0]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        (f"{CORE}/pods/none", 404, 'pods "none" not found'),
        (f"{APPS}/deployments/none", 404, 'deployments.apps "none" not found'),
        ("/api/v1/nothings", 404, "the server could not find the requested resource"),
        ("/apis/apps/v9/deployments", 404, "the server could not find the requested resource"),
        (f"{CORE}/pods/none/scale", 404, "the server could not find the requested resource"),
        ("/api/v1/pods/none", 404, "the server could not find the requested resource"),
    ],
)
async def test_a_missing_object_is_not_found(bare: DemoCluster, path: str, code: int, message: str) -> None:
    response = await bare.client.get(path)
    assert (response.status_code, response.json()["message"]) == (code, message)
