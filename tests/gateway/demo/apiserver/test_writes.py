"""Create, replace and delete, and the rules that they hold objects to."""

from tests.gateway.demo.demo_client import CORE, DemoCluster, config_map, pod


async def test_a_name_is_taken_once(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/configmaps", config_map("one"))
    response = await bare.client.post(f"{CORE}/configmaps", json=config_map("one"))
    assert (response.status_code, response.json()["reason"]) == (409, "AlreadyExists")


async def test_a_namespace_has_to_be_there(bare: DemoCluster) -> None:
    response = await bare.client.post("/api/v1/namespaces/nowhere/configmaps", json=config_map("one"))
    assert (response.status_code, response.json()["message"]) == (404, 'namespaces "nowhere" not found')


async def test_a_dry_run_changes_nothing(bare: DemoCluster) -> None:
    before = bare.demo.storage.revision
    created = await bare.create(f"{CORE}/configmaps", config_map("one"), dryRun="All")
    assert created["metadata"]["uid"]
    assert bare.demo.storage.revision == before
    assert (await bare.client.get(f"{CORE}/configmaps/one")).status_code == 404


async def test_an_object_of_another_version_is_not_replaced(bare: DemoCluster) -> None:
    created = await bare.create(f"{CORE}/configmaps", config_map("one"))
    replaced = await bare.client.put(f"{CORE}/configmaps/one", json={**created, "data": {"a": "b"}})
    assert replaced.json()["data"] == {"a": "b"}
    stale = await bare.client.put(f"{CORE}/configmaps/one", json=created)
    assert (stale.status_code, stale.json()["reason"]) == (409, "Conflict")
    assert stale.json()["details"] == {"name": "one", "kind": "configmaps"}


async def test_the_status_is_written_through_its_subresource_alone(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("one"))
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Running"}}
    through_main = await bare.patched(f"{CORE}/pods/one", "merge", patch)
    assert (through_main["status"]["phase"], through_main["metadata"]["labels"]) == ("Pending", {"a": "b"})
    through_status = await bare.patched(f"{CORE}/pods/one/status", "merge", {**patch, "spec": {}})
    assert through_status["status"]["phase"] == "Running"


async def test_other_media_types_are_unsupported(bare: DemoCluster) -> None:
    response = await bare.client.post(f"{CORE}/pods", content="x", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")
    patched = await bare.client.patch(
        f"{CORE}/pods/x", content="{}", headers={"Content-Type": "application/json"}
    )
    assert patched.status_code == 415
