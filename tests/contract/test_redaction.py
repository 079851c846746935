"""``--redact``: no answer has the values of a Secret."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

CANARY = "canary-5d20"
ENCODED = base64.b64encode(CANARY.encode()).decode()
MASK = base64.b64encode(b"REDACTED").decode()
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
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"a": ENCODED}})}
    metadata = {"name": "canary", "annotations": annotations}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": ENCODED}}
    created = backend.api().create(core("secrets", namespace), secret)
    version = created["metadata"]["resourceVersion"]
    where = WHERE.format(namespace)
    for query in (
        f"{{ secret({where}) {{ {FIELDS} }} }}",
        f'{{ secrets(namespace: "{namespace}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", resourceVersion: "{version}") {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}", allPages: true) {{ items {{ {FIELDS} }} }} }}',
        f'{{ secrets(namespace: "{namespace}") {{ items {{ metadata {{ annotations }} }} }} }}',
        f'mutation {{ patchSecret({where}, patch: {{stringData: {{more: "{CANARY}"}}}}) {{ {FIELDS} }} }}',
    ):
        expect_masked(await redacting.data(query))
    assert (
        CANARY
        in base64.b64decode(backend.api().get(core("secrets", namespace, "canary"))["data"]["more"]).decode()
    )


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
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"a": CANARY}})}
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
