"""Server-side apply: ownership, conflicts, and removal of fields that are no longer applied."""

from typing import Any

import pytest

from tests.gateway.demo.cluster.workloads import WEB
from tests.gateway.demo.demo_client import APPS, DemoCluster, deployment


def intent(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def owners(value: dict[str, Any]) -> dict[str, Any]:
    return {item["manager"]: item["fieldsV1"] for item in value["metadata"]["managedFields"]}


async def test_apply_creates_the_object_and_owns_its_fields(bare: DemoCluster) -> None:
    response = await bare.patch(WEB, "apply", intent(**deployment("web")["spec"]), fieldManager="one")
    assert response.status_code == 201
    owned = owners(response.json())["one"]["f:spec"]
    assert owned["f:replicas"] == {}
    assert owned["f:template"]["f:spec"]["f:containers"] == {
        'k:{"name":"main"}': {".": {}, "f:image": {}, "f:name": {}}
    }
    before = bare.demo.storage.revision
    again = await bare.patch(WEB, "apply", intent(**deployment("web")["spec"]), fieldManager="one")
    assert (again.status_code, bare.demo.storage.revision) == (200, before)


async def test_apply_conflicts_with_other_owners_unless_it_is_forced(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"), fieldManager="one")
    refused = await bare.patch(WEB, "apply", intent(replicas=5), fieldManager="two")
    status = refused.json()
    assert (refused.status_code, status["reason"]) == (409, "Conflict")
    assert status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "one" using apps/v1',
            "field": ".spec.replicas",
        }
    ]
    forced = await bare.patched(WEB, "apply", intent(replicas=5), fieldManager="two", force="true")
    assert forced["spec"]["replicas"] == 5
    assert owners(forced)["two"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners(forced)["one"]["f:spec"]


async def test_fields_missing_from_the_next_apply_are_removed(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"), fieldManager="one")
    labels = {"metadata": {"name": "web", "labels": {"a": "1", "b": "2"}}}
    await bare.patched(WEB, "apply", {**intent(), **labels}, fieldManager="two")
    labels["metadata"]["labels"] = {"a": "1"}
    applied = await bare.patched(WEB, "apply", {**intent(), **labels}, fieldManager="two")
    assert applied["metadata"]["labels"] == {"a": "1"}
    assert applied["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("value", "query", "code", "said"),
    [
        (intent(), {}, 422, "fieldManager: Required value"),
        ({"metadata": {"name": "web"}}, {"fieldManager": "x"}, 400, "invalid object type"),
        ({**intent(), "metadata": {"name": "y"}}, {"fieldManager": "x"}, 400, "does not match the name"),
        (intent(colour="red"), {"fieldManager": "x"}, 500, ".spec.colour: field not declared in schema"),
    ],
)
async def test_a_malformed_apply_is_refused(
    bare: DemoCluster, value: dict[str, Any], query: dict[str, str], code: int, said: str
) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    response = await bare.patch(WEB, "apply", value, **query)
    assert response.status_code == code
    assert said in response.json()["message"]


async def test_force_is_for_apply_alone(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    response = await bare.patch(WEB, "merge", {}, force="true")
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
