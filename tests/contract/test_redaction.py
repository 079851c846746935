"""``--redact``: no answer has the values of a Secret."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

CANARY = "canary-5d20"
ENCODED = base64.b64encode(CANARY.encode()).decode()
MASK = base64.b64encode(b"REDACTED").decode()
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLIED = f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}"
"""The JSON Pointer of the annotation."""
WHERE = 'name: "canary", namespace: "{}"'
FIELDS = """
  data json yaml type
  metadata { name annotations annotation(key: "kubectl.kubernetes.io/last-applied-configuration") }
"""


@pytest.fixture
def redacting(backend: Backend, tmp_path: Path) -> Iterator[GatewayProcess]:
    options = ("--kubeconfig", str(backend.kubeconfig), "--redact", "--cache", "secrets")
    with start_gateway(tmp_path, *options) as gateway:
        yield gateway
        assert CANARY not in gateway.process.output()
        assert ENCODED not in gateway.process.output()


def expect_masked(answer: object) -> None:
    text = json.dumps(answer)
    assert MASK in text or "REDACTED" in text, text
    assert CANARY not in text
    assert ENCODED not in text


async def test_no_answer_has_the_values_of_a_secret(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    annotations = {LAST_APPLIED: json.dumps({"data": {"a": ENCODED}})}
    metadata = {"name": "canary", "annotations": annotations}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": ENCODED}}
    created = backend.api().create(core("secrets", namespace), secret)
    version = created["metadata"]["resourceVersion"]
    reader = pod("reader", labels={})
    reader["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "canary"}}]
    backend.api().create(core("pods", namespace), reader)
    reads = f'pod(name: "reader", namespace: "{namespace}")'
    where = WHERE.format(namespace)
    for query in (
        f"{{ secret({where}) {{ {FIELDS} }} }}",
        f'{{ secrets(namespace: "{namespace}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", resourceVersion: "{version}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", allPages: true) {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}") {{ items {{ metadata {{ annotations }} }} }} }}',
        f'mutation {{ patchSecret({where}, patch: {{stringData: {{more: "{CANARY}"}}}}) {{ {FIELDS} }} }}',
        f'{{ object(apiVersion: "v1", kind: "Secret", {where}) {{ json yaml }} }}',
        f'{{ tree(kind: "Secret", {where}) {{ object {{ json yaml }} }} }}',
        f"{{ {reads} {{ secrets {{ items {{ {FIELDS} }} }} }} }}",
        f"{{ {reads} {{ spec {{ volumes {{ secret {{ secret {{ data json }} }} }} }} }} }}",
    ):
        expect_masked(await redacting.data(query))
    assert (
        CANARY
        in base64.b64decode(backend.api().get(core("secrets", namespace, "canary"))["data"]["more"]).decode()
    )


async def test_a_diff_does_not_show_the_copy_that_kubectl_apply_keeps(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    metadata = {"name": "canary", "annotations": {LAST_APPLIED: CANARY}}
    backend.api().create(core("configmaps", namespace), {"metadata": metadata, "data": {"key": "before"}})
    changed = 'object: {metadata: {name: "canary"}, data: {key: "after"}}, force: true'
    query = (
        f'{{ diffConfigMap(namespace: "{namespace}", {changed}) {{ unified changes {{ before after }} }} }}'
    )
    data = await redacting.data(query)
    assert CANARY not in json.dumps(data)
    assert data["diffConfigMap"]["changes"] == [{"before": "before", "after": "after"}]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("Secret", '{op: "copy", from: "/data/key", path: "/metadata/annotations/copy"}'),
        ("Secret", '{op: "copy", from: "/data/key", path: "/metadata/generateName"}'),
        ("Secret", '{op: "move", from: "/data", path: "/metadata/annotations"}'),
        ("Secret", '{op: "copy", from: "/data/key", path: "/type"}'),
        ("Secret", '{op: "copy", from: "", path: "/metadata/annotations/copy"}'),
        ("ConfigMap", f'{{op: "copy", from: "{APPLIED}", path: "/data/copy"}}'),
    ],
)
async def test_a_json_patch_copies_no_masked_value_to_another_place(
    backend: Backend, redacting: GatewayProcess, namespace: str, kind: str, operation: str
) -> None:
    metadata = {"name": "canary", "annotations": {LAST_APPLIED: CANARY}}
    stored = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"key": ENCODED}}
    resource = core(f"{kind.lower()}s", namespace)
    backend.api().create(resource, stored)
    where = WHERE.format(namespace)
    query = f"mutation {{ patch{kind}({where}, operations: [{operation}]) {{ json }} }}"
    error = await redacting.error(query)
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "--redact" in error["message"]
    rename = '{op: "move", from: "/data/key", path: "/data/renamed"}'
    data = await redacting.data(
        f"mutation {{ patch{kind}({where}, operations: [{rename}]) {{ data json }} }}"
    )
    assert "renamed" in data[f"patch{kind}"]["data"]
    if kind == "Secret":
        expect_masked(data)


async def test_a_subscription_has_masked_values(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    query = f'subscription {{ secrets(namespace: "{namespace}") {{ type object {{ {FIELDS} }} }} }}'
    async with redacting.subscribe(query) as stream:
        await stream.synced()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}}
        backend.api().create(core("secrets", namespace), {**secret, "stringData": {"key": CANARY}})
        expect_masked(await stream.event())


async def test_no_answer_has_the_copy_that_kubectl_apply_keeps_of_an_object(
    backend: Backend, redacting: GatewayProcess, namespace: str
) -> None:
    annotations = {LAST_APPLIED: json.dumps({"data": {"a": CANARY}})}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "plain"}}
    metadata = {"name": "canary", "annotations": annotations}
    where = WHERE.format(namespace)
    watch = f'subscription {{ configMaps(namespace: "{namespace}") {{ type object {{ json yaml }} }} }}'
    async with redacting.subscribe(watch) as stream:
        await stream.synced()
        created = backend.api().create(core("configmaps", namespace), {**config_map, "metadata": metadata})
        expect_masked(await stream.event())
        cached = f'resourceVersion: "{created["metadata"]["resourceVersion"]}"'
        for query in (
            f"{{ configMap({where}) {{ json yaml metadata {{ annotations }} }} }}",
            f'{{ configMaps(namespace: "{namespace}") {{ items {{ json yaml }} }} }}',
            f'{{ configMaps(namespace: "{namespace}", {cached}) {{ items {{ json }} }} }}',
            f'{{ configMaps(namespace: "{namespace}") {{ items {{ metadata {{ annotations }} }} }} }}',
            f"mutation {{ patchConfigMap({where}, patch: {{immutable: false}}) {{ json yaml }} }}",
        ):
            expect_masked(await redacting.data(query))
