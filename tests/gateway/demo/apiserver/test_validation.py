"""Objects that break a rule are refused with the field."""

from typing import Any

import pytest

from tests.gateway.demo.demo_client import APPS, CORE, DemoCluster, deployment, pod


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
