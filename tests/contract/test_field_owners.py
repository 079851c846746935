"""``fieldOwners``: the managers of an object's fields, with the paths that conflicts name."""

from typing import Any

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

OWNERS = "fieldOwners { manager operation subresource time paths }"
QUERY = f"query($n: String) {{ deployment(namespace: $n, name: %s) {{ {OWNERS} }} }}"
APP = 'spec.template.spec.containers[name="app"]'


def applied(name: str, image: str) -> dict[str, Any]:
    """A deployment with a list that has keys, a set and labels with punctuation."""
    labels = {"app": name, "app.kubernetes.io/name": name}
    ports = [{"containerPort": 8080, "protocol": "TCP", "name": "http"}]
    return {
        "metadata": {"name": name, "labels": labels, "finalizers": ["example.com/keep"]},
        "spec": {
            "replicas": len(image),
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image, "ports": ports}]},
            },
        },
    }


async def apply(gateway: GatewayProcess, namespace: str, written: Any, manager: str) -> dict[str, Any]:
    mutation = (
        "mutation($n: String, $o: JSON, $m: String)"
        f" {{ applyDeployment(namespace: $n, objectJson: $o, fieldManager: $m) {{ {OWNERS} }} }}"
    )
    return await gateway.execute(mutation, {"n": namespace, "o": written, "m": manager})


async def test_a_manager_owns_the_fields_that_its_apply_has(gateway: GatewayProcess, namespace: str) -> None:
    answer = await apply(gateway, namespace, applied("owned", "i:1"), "first")

    (owner,) = answer["data"]["applyDeployment"]["fieldOwners"]
    assert (owner["manager"], owner["operation"], owner["subresource"]) == ("first", "Apply", None)
    assert owner["time"].endswith("Z")
    assert {
        "metadata.labels.app",
        "metadata.labels.app.kubernetes.io/name",
        'metadata.finalizers[="example.com/keep"]',
        "spec.replicas",
        APP,
        f"{APP}.image",
        f'{APP}.ports[containerPort=8080,protocol="TCP"].name',
    } <= set(owner["paths"])


async def test_paths_equal_the_paths_of_a_conflict(gateway: GatewayProcess, namespace: str) -> None:
    (owner,) = (await apply(gateway, namespace, applied("owned", "i:1"), "first"))["data"]["applyDeployment"][
        "fieldOwners"
    ]
    other = applied("owned", "image:22")
    other["metadata"]["labels"]["app.kubernetes.io/name"] = "x"
    other["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "other"

    (error,) = (await apply(gateway, namespace, other, "second"))["errors"]

    conflicts = {cause["field"] for cause in error["extensions"]["kubernetes"]["details"]["causes"]}
    assert {f".{APP}.image", ".spec.replicas", ".metadata.labels.app.kubernetes.io/name"} <= conflicts
    assert f'.{APP}.ports[containerPort=8080,protocol="TCP"].name' in conflicts
    assert {path.removeprefix(".") for path in conflicts} <= set(owner["paths"])


async def test_a_status_has_an_owner_of_its_subresource(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    status = {"status": {"observedGeneration": 1}}
    backend.api().merge(f"apis/apps/v1/namespaces/{namespace}/deployments/web/status", status)

    answer = await gateway.data(QUERY % '"web"', {"n": namespace})

    owners = {owner["subresource"]: owner for owner in answer["deployment"]["fieldOwners"]}
    assert owners["status"]["operation"] == "Update"
    assert "status.observedGeneration" in owners["status"]["paths"]
    assert "spec.replicas" in owners[None]["paths"]


@pytest.mark.parametrize("more", ["", "metadata { name }", "spec { replicas }", "json"])
async def test_cached_reads_lists_and_events_answer_as_live_reads_do(
    gateway: GatewayProcess, backend: Backend, namespace: str, more: str
) -> None:
    arguments = '(namespace: $n, labelSelector: "app=web"%s)'
    selection = f"{{ {OWNERS} {more} }}"
    live = await gateway.data(
        f"query($n: String) {{ deployments{arguments % ''} {{ items {selection} }} }}", {"n": namespace}
    )
    (expected,) = live["deployments"]["items"]
    assert expected["fieldOwners"]

    watch = f"subscription($n: String) {{ deployments{arguments % ''} {{ type object {selection} }} }}"
    async with gateway.subscribe(watch, {"n": namespace}) as stream:
        (event,) = await stream.synced()
        assert event["object"] == expected
        version = arguments % ', resourceVersion: "0"'
        cached = f"query($n: String) {{ deployments{version} {{ items {selection} }} }}"
        assert (await gateway.data(cached, {"n": namespace}))["deployments"]["items"] == [expected]

        path = f"apis/apps/v1/namespaces/{namespace}/deployments/web"
        backend.api().merge(path, {"metadata": {"labels": {"new": "one"}}})
        event = await stream.event()
        one = f'query($n: String) {{ deployment(name: "web", namespace: $n) {selection} }}'
        assert "metadata.labels.new" in event["object"]["fieldOwners"][0]["paths"]
        assert event["object"] == (await gateway.data(one, {"n": namespace}))["deployment"]


async def test_every_object_has_owners_through_the_interface(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    backend.api().create(core("configmaps", namespace), {"metadata": {"name": "one"}, "data": {"a": "1"}})
    found = f'object(apiVersion: "v1", kind: "ConfigMap", name: "one", namespace: $n) {{ {OWNERS} }}'

    answer = await gateway.data(f"query($n: String) {{ {found} }}", {"n": namespace})

    (owner,) = answer["object"]["fieldOwners"]
    assert "data.a" in owner["paths"]
