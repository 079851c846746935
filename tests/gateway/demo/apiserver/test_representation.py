"""The forms of an object in a response."""

from tests.gateway.demo.demo_client import CORE, DemoCluster, fill

PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


async def test_metadata_alone_is_served_on_request(bare: DemoCluster) -> None:
    await fill(bare, 1)
    listed = await bare.get("/api/v1/configmaps", accept=f"{PARTIAL},application/json")
    assert listed["kind"] == "PartialObjectMetadataList"
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
    single = await bare.get(f"{CORE}/configmaps/map-0", accept=PARTIAL.replace("List", ""))
    assert (single["kind"], single["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")


async def test_other_media_types_are_not_acceptable(bare: DemoCluster) -> None:
    response = await bare.client.get("/api/v1/pods", headers={"Accept": "application/xml"})
    assert (response.status_code, response.json()["reason"]) == (406, "NotAcceptable")
