"""DELETE: preconditions, grace periods, finalizers, collections."""

import pytest

from tests.gateway.demo.demo_client import CORE, DemoCluster, config_map, pod


async def test_a_deletion_is_confirmed_with_a_status(bare: DemoCluster) -> None:
    created = await bare.create(f"{CORE}/configmaps", config_map("one"))
    answer = (await bare.delete(f"{CORE}/configmaps/one")).json()
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "one", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert (await bare.delete(f"{CORE}/configmaps/one")).status_code == 404


@pytest.mark.parametrize("preconditions", [{"uid": "other"}, {"resourceVersion": "1"}])
async def test_a_deletion_holds_to_its_preconditions(
    bare: DemoCluster, preconditions: dict[str, str]
) -> None:
    await bare.create(f"{CORE}/configmaps", config_map("one"))
    response = await bare.client.request(
        "DELETE", f"{CORE}/configmaps/one", json={"preconditions": preconditions}
    )
    assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
    assert (await bare.client.get(f"{CORE}/configmaps/one")).is_success


async def test_a_pod_on_a_node_is_given_its_grace_period(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("one", node="node-1"))
    leaving = (await bare.delete(f"{CORE}/pods/one")).json()
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 30
    assert (await bare.get(f"{CORE}/pods/one"))["metadata"]["deletionTimestamp"]
    await bare.delete(f"{CORE}/pods/one", gracePeriodSeconds=0)
    assert (await bare.client.get(f"{CORE}/pods/one")).status_code == 404


async def test_finalizers_hold_an_object_until_they_are_done(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/configmaps", config_map("one", finalizers=["example.com/hold"]))
    assert (await bare.delete(f"{CORE}/configmaps/one")).json()["metadata"]["deletionTimestamp"]
    await bare.patched(f"{CORE}/configmaps/one", "merge", {"metadata": {"finalizers": None}})
    assert (await bare.client.get(f"{CORE}/configmaps/one")).status_code == 404


async def test_a_collection_is_deleted_by_selector(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/configmaps", config_map("one", labels={"go": "yes"}))
    await bare.create(f"{CORE}/configmaps", config_map("two"))
    await bare.delete(f"{CORE}/configmaps", labelSelector="go=yes")
    assert [item["metadata"]["name"] for item in (await bare.get(f"{CORE}/configmaps"))["items"]] == ["two"]
