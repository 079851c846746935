"""Create, replace and delete, and the rules that they hold objects to."""

from typing import Any

import pytest

from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, config_map, deployment, pod


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


def broken(**spec: Any) -> dict[str, Any]:
    return deployment("web", **spec)


@pytest.mark.parametrize(
    ("value", "code", "reason", "said"),
    [
        (broken(replicas=-1), 422, "Invalid", "spec.replicas: Invalid value: -1"),
        (broken(replicas="x"), 400, "BadRequest", "cannot unmarshal string"),
        (broken(selector={"matchLabels": {"app": "other"}}), 422, "Invalid", "`selector` does not match"),
        (
            {"metadata": {"name": "web"}, "spec": {}},
            422,
            "Invalid",
            "spec.template.spec.containers: Required",
        ),
        ({"metadata": {"name": "web"}, "spec": {}}, 422, "Invalid", "spec.selector: Required value"),
        ({**broken(), "kind": "Pod"}, 400, "BadRequest", "cannot be handled as a Deployment"),
        ({**broken(), "metadata": {"name": "A_b"}}, 422, "Invalid", "metadata.name"),
        ({**broken(), "metadata": {}}, 422, "Invalid", "name or generateName is required"),
        ({**broken(), "metadata": {"name": "web", "namespace": "x"}}, 400, "BadRequest", "does not match"),
        ({**broken(), "metadata": {"name": "web", "labels": {"a": "-"}}}, 422, "Invalid", "metadata.labels"),
        ({**broken(), "metadata": {"name": "web", "resourceVersion": "1"}}, 500, None, "should not be set"),
    ],
)
async def test_an_object_that_breaks_a_rule_is_refused(
    bare: DemoCluster, value: dict[str, Any], code: int, reason: str | None, said: str
) -> None:
    response = await bare.client.post(f"{APPS}/deployments", json=value)
    status = response.json()
    assert (response.status_code, status.get("reason")) == (code, reason)
    assert said in status["message"]
    if code == 422:
        assert status["details"]["causes"]
    assert (await bare.get(f"{APPS}/deployments"))["items"] == []


async def test_a_name_is_taken_once(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/configmaps", config_map("one"))
    response = await bare.client.post(f"{CORE}/configmaps", json=config_map("one"))
    assert (response.status_code, response.json()["reason"]) == (409, "AlreadyExists")


async def test_a_namespace_has_to_be_there(bare: DemoCluster) -> None:
    response = await bare.client.post("/api/v1/namespaces/nowhere/configmaps", json=config_map("one"))
    assert (response.status_code, response.json()["message"]) == (404, 'namespaces "nowhere" not found')


async def test_unknown_fields_are_dropped_with_a_warning_or_refused(bare: DemoCluster) -> None:
    value = {**config_map("one"), "colour": "red"}
    response = await bare.client.post(f"{CORE}/configmaps", json=value)
    assert response.headers["Warning"] == '299 - "unknown field \\"colour\\""'
    assert "colour" not in response.json()
    strict = await bare.client.post(
        f"{CORE}/configmaps",
        json={**value, "metadata": {"name": "two"}},
        params={"fieldValidation": "Strict"},
    )
    assert (strict.status_code, strict.json()["reason"]) == (400, "BadRequest")


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


async def test_the_status_is_written_through_its_subresource_alone(bare: DemoCluster) -> None:
    await bare.create(f"{CORE}/pods", pod("one"))
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Running"}}
    through_main = await bare.patched(f"{CORE}/pods/one", "merge", patch)
    assert (through_main["status"]["phase"], through_main["metadata"]["labels"]) == ("Pending", {"a": "b"})
    through_status = await bare.patched(f"{CORE}/pods/one/status", "merge", {**patch, "spec": {}})
    assert through_status["status"]["phase"] == "Running"


async def test_scaling_writes_the_replicas(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    path = f"{APPS}/deployments/web/scale"
    scale = await bare.patched(path, "merge", {"spec": {"replicas": 5}})
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 5)
    assert (await bare.get(f"{APPS}/deployments/web"))["spec"]["replicas"] == 5
    refused = await bare.patch(path, "merge", {"spec": {"replicas": -1}})
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid")
    stale = {**scale, "metadata": {**scale["metadata"], "resourceVersion": "1"}}
    assert (await bare.client.put(path, json=stale)).status_code == 409


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


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("POST", "/api/v1/pods", 405), ("PUT", f"{CORE}/pods", 405), ("DELETE", "/api/v1/pods", 405)],
)
async def test_a_method_that_a_path_does_not_have_is_refused(
    bare: DemoCluster, method: str, path: str, code: int
) -> None:
    response = await bare.client.request(method, path, json={})
    assert (response.status_code, response.json()["reason"]) == (code, "MethodNotAllowed")


async def test_other_media_types_are_unsupported(bare: DemoCluster) -> None:
    response = await bare.client.post(f"{CORE}/pods", content="x", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")
    patched = await bare.client.patch(
        f"{CORE}/pods/x", content="{}", headers={"Content-Type": "application/json"}
    )
    assert patched.status_code == 415


async def test_secrets_take_plain_strings(bare: DemoCluster) -> None:
    value = {"metadata": {"name": "one"}, "stringData": {"password": "secret"}}
    created = await bare.create(f"{CORE}/secrets", value)
    assert created["data"] == {"password": "c2VjcmV0"}
    assert created["type"] == "Opaque"
    assert "stringData" not in created


async def test_immutable_fields_cannot_change(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    labels = {"metadata": {"labels": {"app": "other"}}}
    patch = {"spec": {"selector": {"matchLabels": {"app": "other"}}, "template": labels}}
    response = await bare.patch(f"{APPS}/deployments/web", "merge", patch)
    assert response.status_code == 422
    assert "field is immutable" in response.json()["message"]
    await bare.create(f"{CORE}/pods", pod("one"))
    moved = await bare.patch(f"{CORE}/pods/one", "merge", {"spec": {"nodeName": "node-2"}})
    assert "pod updates may not change fields" in moved.json()["message"]
