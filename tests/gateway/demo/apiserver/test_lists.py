"""LIST: selection by labels and fields, pages of one snapshot, and reads of an exact version."""

import pytest

from tests.gateway.demo.demo_client import CORE, DemoCluster, config_map, fill, names


async def test_selectors_select(bare: DemoCluster) -> None:
    await fill(bare)
    odd = await bare.get("/api/v1/configmaps", labelSelector="parity=odd")
    assert names(odd) == ["map-1", "map-3"]
    one = await bare.get(
        "/api/v1/configmaps", fieldSelector="metadata.name!=map-1", labelSelector="parity=odd"
    )
    assert names(one) == ["map-3"]


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
