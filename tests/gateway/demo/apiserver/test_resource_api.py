"""GET and LIST, and their refusals, as on the real API server."""

from typing import Any

import pytest

from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, config_map, deployment, pod

PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def names(listed: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


async def fill(cluster: DemoCluster, count: int = 5) -> None:
    for index in range(count):
        labels = {"parity": "odd" if index % 2 else "even"}
        await cluster.create(f"{CORE}/configmaps", config_map(f"map-{index}", labels=labels))


async def test_a_list_has_a_version_and_items_without_kind(bare: DemoCluster) -> None:
    await fill(bare)
    listed = await bare.get(f"{CORE}/configmaps")
    assert listed["kind"] == "ConfigMapList"
    assert listed["metadata"] == {"resourceVersion": str(bare.demo.storage.revision)}
    assert names(listed) == ["map-0", "map-1", "map-2", "map-3", "map-4"]
    assert "kind" not in listed["items"][0]


async def test_selectors_select(bare: DemoCluster) -> None:
    await fill(bare)
    odd = await bare.get("/api/v1/configmaps", labelSelector="parity=odd")
    assert names(odd) == ["map-1", "map-3"]
    one = await bare.get(
        "/api/v1/configmaps", fieldSelector="metadata.name!=map-1", labelSelector="parity=odd"
    )
    assert names(one) == ["map-3"]


async def test_pods_can_be_selected_by_node_and_phase(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("near", node="node-1"))
    await bare.create(f"{CORE}/pods", pod("far", node="node-2"))
    selected = await bare.get("/api/v1/pods", fieldSelector="spec.nodeName=node-1,status.phase=Pending")
    assert names(selected) == ["near"]


@pytest.mark.parametrize(
    ("query", "code", "reason", "said"),
    [
        ({"fieldSelector": "spec.nodeName=x"}, 400, "BadRequest", "field label not supported: spec.nodeName"),
        ({"fieldSelector": "x"}, 400, "BadRequest", "field selector"),
        ({"labelSelector": "a,,b"}, 400, "BadRequest", "label selector"),
        ({"limit": "x"}, 400, "BadRequest", "invalid syntax"),
        ({"resourceVersion": "x"}, 400, "BadRequest", "invalid resource version"),
        ({"resourceVersionMatch": "Exact"}, 422, "Invalid", "forbidden unless resourceVersion is provided"),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422, "Invalid", 'resourceVersion "0"'),
        ({"resourceVersion": "1", "resourceVersionMatch": "Near"}, 422, "Invalid", "Unsupported value"),
        ({"sendInitialEvents": "true"}, 422, "Invalid", "forbidden for list"),
        ({"continue": "x"}, 400, "BadRequest", "continue"),
        ({"resourceVersion": "9999"}, 504, "Timeout", "Too large resource version: 9999"),
    ],
)
async def test_a_malformed_list_is_refused(
    bare: DemoCluster, query: dict[str, str], code: int, reason: str, said: str
) -> None:
    response = await bare.client.get(f"{CORE}/configmaps", params=query)
    status = response.json()
    assert (response.status_code, status["code"], status["reason"]) == (code, code, reason)
    assert status["kind"] == "Status"
    assert said in status["message"]


async def test_pages_are_one_consistent_snapshot(bare: DemoCluster) -> None:
    await fill(bare)
    first = await bare.get("/api/v1/configmaps", limit=2)
    assert first["metadata"]["remainingItemCount"] == 3
    await bare.delete(f"{CORE}/configmaps/map-3")
    await bare.create(f"{CORE}/configmaps", config_map("map-2b"))
    rest = await bare.get("/api/v1/configmaps", **{"limit": 9, "continue": first["metadata"]["continue"]})
    assert names(first) + names(rest) == ["map-0", "map-1", "map-2", "map-3", "map-4"]
    assert rest["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_an_expired_page_offers_to_go_on_at_the_latest_version(bare: DemoCluster) -> None:
    await fill(bare)
    first = await bare.get("/api/v1/configmaps", limit=2)
    await bare.delete(f"{CORE}/configmaps/map-3")
    bare.demo.compact()
    query = {"limit": "9", "continue": first["metadata"]["continue"]}
    refused = await bare.client.get("/api/v1/configmaps", params=query)
    assert (refused.status_code, refused.json()["reason"]) == (410, "Expired")
    fresh = {"limit": 9, "continue": refused.json()["metadata"]["continue"]}
    rest = await bare.get("/api/v1/configmaps", **fresh)
    assert names(rest) == ["map-2", "map-4"]


async def test_an_exact_version_is_read_from_history_until_that_is_gone(bare: DemoCluster) -> None:
    await fill(bare, 2)
    then = str(bare.demo.storage.revision)
    await bare.delete(f"{CORE}/configmaps/map-0")
    query = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    assert names(await bare.get("/api/v1/configmaps", **query)) == ["map-0", "map-1"]
    assert names(await bare.get("/api/v1/configmaps", resourceVersion=then)) == ["map-1"]
    bare.demo.compact()
    assert (await bare.client.get("/api/v1/configmaps", params=query)).status_code == 410


async def test_metadata_alone_is_served_on_request(bare: DemoCluster) -> None:
    await fill(bare, 1)
    listed = await bare.get("/api/v1/configmaps", accept=f"{PARTIAL},application/json")
    assert listed["kind"] == "PartialObjectMetadataList"
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
    single = await bare.get(f"{CORE}/configmaps/map-0", accept=PARTIAL.replace("List", ""))
    assert (single["kind"], single["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")


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


async def test_an_unknown_path_is_plain_text(bare: DemoCluster) -> None:
    response = await bare.client.get("/nowhere")
    assert (response.status_code, response.text) == (404, "404 page not found\n")


async def test_other_media_types_are_not_acceptable(bare: DemoCluster) -> None:
    response = await bare.client.get("/api/v1/pods", headers={"Accept": "application/xml"})
    assert (response.status_code, response.json()["reason"]) == (406, "NotAcceptable")


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


async def test_the_scale_of_a_deployment_is_an_object_of_its_own(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    scale = await bare.get(f"{APPS}/deployments/web/scale")
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}


async def test_autoscalers_and_events_are_served_in_both_of_their_shapes(still: DemoCluster) -> None:
    path = "namespaces/shop/horizontalpodautoscalers/checkout"
    first, second = (
        await still.get(f"/apis/autoscaling/v1/{path}"),
        await still.get(f"/apis/autoscaling/v2/{path}"),
    )
    assert first["spec"]["targetCPUUtilizationPercentage"] == 70
    assert second["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
    old = (await still.get("/api/v1/events", limit=1))["items"][0]
    new = (await still.get("/apis/events.k8s.io/v1/events", limit=1))["items"][0]
    assert (old["message"], old["involvedObject"]) == (new["note"], new["regarding"])
