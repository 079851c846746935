"""The message, causes and warnings of an admission webhook reach the client of a mutation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.webhook import WEBHOOK, admission_webhook

REASON = "configuration needs an owner"
PATCH = """mutation($n: String, $a: StringMap) {
  answer: patchConfigMap(name: "hooked", namespace: $n, patch: {metadata: {annotations: $a}}) { kind } }"""
WRITES = {
    "create": """mutation($n: String, $a: StringMap) { answer: createConfigMap(namespace: $n,
      object: {metadata: {name: "new", annotations: $a}}) { kind } }""",
    "apply": """mutation($n: String, $a: StringMap) { answer: applyConfigMap(namespace: $n,
      object: {metadata: {name: "new", annotations: $a}}) { kind } }""",
    "diff": """query($n: String, $a: StringMap) { answer: diffConfigMap(namespace: $n,
      object: {metadata: {name: "new", annotations: $a}}) { unified } }""",
    "patch": PATCH,
    "dry run": PATCH.replace("patch:", "dryRun: true, patch:"),
}


@pytest.fixture
def hooked(backend: Backend, namespace: str) -> Iterator[str]:
    """A namespace whose ConfigMaps a webhook admits; it has the ConfigMap ``hooked``."""
    if not backend.is_real:
        pytest.skip("the demo calls no webhooks")
    api = backend.api()
    api.create(core("configmaps", namespace), {"metadata": {"name": "hooked"}})
    with admission_webhook(api, namespace):
        yield namespace


def variables(namespace: str, **answer: Any) -> dict[str, Any]:
    """Variables that ask the webhook for that answer."""
    return {"n": namespace, "a": {"answer": json.dumps(answer)}}


@pytest.mark.parametrize("mutation", WRITES)
async def test_a_refusal_has_the_message_of_the_webhook_and_changes_nothing(
    gateway: GatewayProcess, backend: Backend, hooked: str, mutation: str
) -> None:
    refusal = variables(hooked, allowed=False, status={"message": REASON})
    error = await gateway.error(WRITES[mutation], refusal)
    assert error["message"] == f'admission webhook "{WEBHOOK}" denied the request: {REASON}'
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["extensions"]["kubernetes"]["message"] == error["message"]
    items = backend.api().get(core("configmaps", hooked))["items"]
    assert {item["metadata"]["name"]: item["metadata"].get("annotations") for item in items} == {
        "hooked": None
    }


async def test_the_causes_of_a_webhook_have_their_places(gateway: GatewayProcess, hooked: str) -> None:
    cause = {"reason": "FieldValueInvalid", "message": REASON, "field": "metadata.annotations"}
    status = {"code": 422, "reason": "Invalid", "message": "invalid", "details": {"causes": [cause]}}
    error = await gateway.error(WRITES["create"], variables(hooked, allowed=False, status=status))
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["causes"] == [
        {**cause, "inputPath": ["object", "metadata", "annotations"]},
    ]


@pytest.mark.parametrize("mutation", WRITES)
async def test_warnings_of_a_webhook_are_in_the_extensions(
    gateway: GatewayProcess, hooked: str, mutation: str
) -> None:
    told = ["the key old is deprecated", 'quoted "words", commas, and \\']
    answer = await gateway.execute(WRITES[mutation], variables(hooked, warnings=told))
    assert answer["data"]["answer"]
    assert answer["extensions"]["warnings"] == [{"message": text, "path": ["answer"]} for text in told]


@pytest.mark.parametrize("mutation", WRITES)
async def test_a_refusal_keeps_its_warnings(gateway: GatewayProcess, hooked: str, mutation: str) -> None:
    refusal = variables(hooked, allowed=False, warnings=["read the guide"])
    answer = await gateway.execute(WRITES[mutation], refusal)
    assert WEBHOOK in answer["errors"][0]["message"]
    assert answer["extensions"]["warnings"] == [{"message": "read the guide", "path": ["answer"]}]


async def test_each_object_of_a_manifest_has_its_refusal_or_warning(
    gateway: GatewayProcess, hooked: str
) -> None:
    def config_map(name: str, **answer: Any) -> str:
        metadata = {"name": name, "annotations": {"answer": json.dumps(answer)}}
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    manifest = config_map("a", warnings=["beware"]) + config_map("b", allowed=False, warnings=["told"])
    query = """mutation($m: String!, $n: String) { applyManifest(manifest: $m, namespace: $n) {
      documents { outcome error { code message } } } }"""
    answer = await gateway.execute(query, {"m": manifest, "n": hooked})
    created, refused = answer["data"]["applyManifest"]["documents"]
    assert created == {"outcome": "CREATED", "error": None}
    assert (refused["outcome"], refused["error"]["code"]) == ("FAILED", "BAD_REQUEST")
    assert WEBHOOK in refused["error"]["message"]
    assert answer["extensions"]["warnings"] == [
        {"message": "beware", "path": ["applyManifest", "documents", 0]},
        {"message": "told", "path": ["applyManifest", "documents", 1]},
    ]
