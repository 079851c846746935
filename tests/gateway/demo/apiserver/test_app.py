"""The routes of the API server: unknown paths and methods."""

import pytest

from tests.gateway.demo.demo_client import CORE, DemoCluster


async def test_an_unknown_path_is_plain_text(bare: DemoCluster) -> None:
    response = await bare.client.get("/nowhere")
    assert (response.status_code, response.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("POST", "/api/v1/pods", 405), ("PUT", f"{CORE}/pods", 405), ("DELETE", "/api/v1/pods", 405)],
)
async def test_a_method_that_a_path_does_not_have_is_refused(
    bare: DemoCluster, method: str, path: str, code: int
) -> None:
    response = await bare.client.request(method, path, json={})
    assert (response.status_code, response.json()["reason"]) == (code, "MethodNotAllowed")
