"""The fields that the API server sets when it creates or updates an object."""

from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, config_map, deployment


async def test_a_new_object_gets_its_metadata_and_defaults(bare: DemoCluster) -> None:
    created = await bare.create(f"{APPS}/deployments", deployment("web"), fieldManager="me")
    metadata, spec = created["metadata"], created["spec"]
    assert (metadata["generation"], metadata["namespace"]) == (1, "default")
    assert metadata["resourceVersion"] == str(bare.demo.storage.revision)
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    owned = metadata["managedFields"][0]
    assert (owned["manager"], owned["operation"]) == ("me", "Update")
    assert "f:replicas" in owned["fieldsV1"]["f:spec"]
    assert await bare.get(f"{APPS}/deployments/web") == created


async def test_a_name_is_made_up_on_request(bare: DemoCluster) -> None:
    value = config_map("", generateName="made-")
    del value["metadata"]["name"]
    created = await bare.create(f"{CORE}/configmaps", value)
    assert created["metadata"]["name"].startswith("made-")
    assert len(created["metadata"]["name"]) == len("made-") + 5


async def test_a_write_that_changes_nothing_makes_no_version(bare: DemoCluster) -> None:
    created = await bare.create(f"{APPS}/deployments", deployment("web"))
    same = await bare.client.put(f"{APPS}/deployments/web", json=created)
    assert same.json() == created


async def test_only_a_change_of_the_spec_makes_a_generation(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    labelled = await bare.patched(f"{APPS}/deployments/web", "merge", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    scaled = await bare.patched(f"{APPS}/deployments/web", "merge", {"spec": {"replicas": 3}})
    assert scaled["metadata"]["generation"] == 2


async def test_secrets_take_plain_strings(bare: DemoCluster) -> None:
    value = {"metadata": {"name": "one"}, "stringData": {"password": "secret"}}
    created = await bare.create(f"{CORE}/secrets", value)
    assert created["data"] == {"password": "c2VjcmV0"}
    assert created["type"] == "Opaque"
    assert "stringData" not in created
