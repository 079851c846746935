"""Discovery in its aggregated and its legacy form, and the index of the OpenAPI documents."""

from tests.gateway.demo.demo_client import DemoCluster


async def test_discovery_lists_the_served_resources_in_both_forms(bare: DemoCluster) -> None:
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = (await bare.get("/apis", accept=aggregated))["items"]
    legacy = (await bare.get("/apis"))["groups"]
    assert [item["metadata"]["name"] for item in groups] == [item["name"] for item in legacy]
    apps = next(item for item in groups if item["metadata"]["name"] == "apps")
    resources = (await bare.get("/apis/apps/v1"))["resources"]
    plain = [item["name"] for item in resources if "/" not in item["name"]]
    assert plain == [item["resource"] for item in apps["versions"][0]["resources"]]
    scale = next(item for item in resources if item["name"] == "deployments/scale")
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    core = (await bare.get("/api", accept=aggregated))["items"]
    assert [item["versions"][0]["version"] for item in core] == ["v1"]


async def test_openapi_documents_are_listed_with_their_hash(bare: DemoCluster) -> None:
    paths = (await bare.get("/openapi/v3"))["paths"]
    address = paths["apis/apps/v1"]["serverRelativeURL"]
    document = await bare.get(address)
    assert "io.k8s.api.apps.v1.Deployment" in document["components"]["schemas"]
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}" in document["paths"]
    etag = f'"{address.partition("hash=")[2]}"'
    assert (await bare.client.get(address, headers={"If-None-Match": etag})).status_code == 304
