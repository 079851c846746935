"""A definition makes a resource be served, with its schema's rules, until it is deleted."""

from typing import Any

import pytest

from tests.gateway.demo.demo_client import DemoCluster

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/stable.example.com"
WIDGETS = f"{GROUP}/v1/namespaces/default/widgets"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "label": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
STATUS = {"type": "object", "properties": {"size": {"type": "integer"}}}


def version(name: str, *, storage: bool = False) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
        },
        "selectableFields": [{"jsonPath": ".spec.colour"}],
    }


def definition(plural: str = "widgets", kind: str = "Widget", *versions: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]]},
            "versions": list(versions) or [version("v1", storage=True)],
        },
    }


def widget(name: str = "one", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "stable.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 2, **spec},
    }


async def groups(cluster: DemoCluster) -> dict[str, list[str]]:
    found = (await cluster.get("/apis", accept=AGGREGATED))["items"]
    return {item["metadata"]["name"]: [version["version"] for version in item["versions"]] for item in found}


async def test_a_definition_is_served_until_it_is_deleted(bare: DemoCluster) -> None:
    created = await bare.create(DEFINITIONS, definition())
    conditions = {item["type"]: item["status"] for item in created["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert (await groups(bare))["stable.example.com"] == ["v1"]
    assert list(await groups(bare))[-1] == "stable.example.com"
    resources = (await bare.get(f"{GROUP}/v1"))["resources"]
    assert [item["name"] for item in resources] == ["widgets", "widgets/status", "widgets/scale"]
    await bare.create(WIDGETS, widget())
    await bare.delete(f"{DEFINITIONS}/widgets.stable.example.com")
    assert "stable.example.com" not in await groups(bare)
    assert (await bare.client.get(WIDGETS)).status_code == 404
    await bare.create(DEFINITIONS, definition())
    assert (await bare.get(WIDGETS))["items"] == []


async def test_versions_are_preferred_as_kubernetes_does(bare: DemoCluster) -> None:
    versions = [version(item) for item in ("v1beta1", "v2", "v1alpha3", "other", "v10")]
    versions[0]["storage"] = True
    await bare.create(DEFINITIONS, definition("widgets", "Widget", *versions))
    assert (await groups(bare))["stable.example.com"] == ["v10", "v2", "v1beta1", "v1alpha3", "other"]
    value = {**widget(), "apiVersion": "stable.example.com/v2"}
    await bare.create(f"{GROUP}/v2/namespaces/default/widgets", value)
    other = await bare.get(f"{GROUP}/v10/namespaces/default/widgets/one")
    assert other["apiVersion"] == "stable.example.com/v10"


async def test_two_definitions_share_a_group(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    await bare.create(DEFINITIONS, definition("gadgets", "Gadget"))
    resources = (await bare.get(f"{GROUP}/v1"))["resources"]
    plain = [item["name"] for item in resources if "/" not in item["name"]]
    assert plain == ["gadgets", "widgets"]
    await bare.delete(f"{DEFINITIONS}/widgets.stable.example.com")
    assert (await bare.client.get(WIDGETS)).status_code == 404
    assert (await bare.get(f"{GROUP}/v1/gadgets"))["items"] == []


async def test_openapi_has_a_document_for_it(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    first = (await bare.get("/openapi/v3"))["paths"]["apis/stable.example.com/v1"]["serverRelativeURL"]
    schemas = (await bare.get(first))["components"]["schemas"]
    kind = schemas["com.example.stable.v1.Widget"]
    names = {"group": "stable.example.com", "version": "v1", "kind": "Widget"}
    assert kind["x-kubernetes-group-version-kind"] == [names]
    assert kind["properties"]["spec"] == SPEC
    reference = kind["properties"]["metadata"]["allOf"][0]["$ref"].rpartition("/")[2]
    assert "labels" in schemas[reference]["properties"]
    changed = definition()
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["extra"] = {"type": "string"}
    await bare.patched(f"{DEFINITIONS}/widgets.stable.example.com", "merge", {"spec": changed["spec"]})
    second = (await bare.get("/openapi/v3"))["paths"]["apis/stable.example.com/v1"]["serverRelativeURL"]
    assert second != first


async def test_objects_get_their_defaults_and_lose_unknown_fields(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    response = await bare.client.post(WIDGETS, json=widget(free={"any": 1}, unknown=1))
    assert response.json()["spec"] == {"size": 2, "colour": "red", "free": {"any": 1}}
    assert response.headers["Warning"] == '299 - "unknown field \\"spec.unknown\\""'
    assert response.json()["metadata"]["generation"] == 1
    listed = (await bare.get(WIDGETS, fieldSelector="spec.colour=red"))["items"]
    # unlike built-in kinds, custom ones say their kind in lists
    assert [item["kind"] for item in listed] == ["Widget"]


@pytest.mark.parametrize(
    ("spec", "reason", "field"),
    [
        ({"size": "x"}, "FieldValueTypeInvalid", "spec.size"),
        ({"size": 0}, "FieldValueInvalid", "spec.size"),
        ({"size": 10}, "FieldValueInvalid", "spec.size"),
        ({"colour": "green"}, "FieldValueNotSupported", "spec.colour"),
        ({"label": "toolong"}, "FieldValueTooLong", "spec.label"),
        ({"label": "UP"}, "FieldValueInvalid", "spec.label"),
        ({"size": None}, "FieldValueRequired", "spec.size"),
    ],
)
async def test_objects_are_held_to_the_schema(
    bare: DemoCluster, spec: dict[str, Any], reason: str, field: str
) -> None:
    await bare.create(DEFINITIONS, definition())
    response = await bare.client.post(WIDGETS, json=widget(**spec))
    cause = response.json()["details"]["causes"][0]
    assert (response.status_code, cause["reason"], cause["field"]) == (422, reason, field)
    await bare.create(WIDGETS, widget())
    patched = await bare.patch(f"{WIDGETS}/one", "merge", {"spec": spec})
    assert (patched.status_code, patched.json()["reason"]) == (422, "Invalid")


async def test_an_object_has_to_say_its_kind(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    response = await bare.client.post(WIDGETS, json={"metadata": {"name": "one"}, "spec": {"size": 1}})
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")


async def test_status_and_scale_are_subresources(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    await bare.create(WIDGETS, widget())
    await bare.patched(f"{WIDGETS}/one/status", "merge", {"status": {"size": 1}})
    scale = await bare.patched(f"{WIDGETS}/one/scale", "merge", {"spec": {"replicas": 5}})
    assert (scale["spec"], scale["status"]) == ({"replicas": 5}, {"replicas": 1})
    assert (await bare.get(f"{WIDGETS}/one"))["spec"]["size"] == 5


async def test_custom_resources_have_no_strategic_patch(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    await bare.create(WIDGETS, widget())
    response = await bare.patch(f"{WIDGETS}/one", "strategic", {})
    assert response.status_code == 415
    applied = await bare.patch(f"{WIDGETS}/two", "apply", widget("two"), fieldManager="me")
    assert applied.status_code == 201


async def test_a_replacement_has_to_say_its_version(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    created = await bare.create(WIDGETS, widget())
    refused = await bare.client.put(f"{WIDGETS}/one", json=widget(size=3))
    assert "must be specified for an update" in refused.json()["message"]
    assert (await bare.client.put(f"{WIDGETS}/one", json={**created, "spec": {"size": 3}})).is_success


@pytest.mark.parametrize(
    ("plural", "kind"), [("pods", "Pod"), ("namespaces", "Namespace"), ("secrets", "Secret")]
)
async def test_a_custom_resource_may_be_called_like_a_built_in_one(
    bare: DemoCluster, plural: str, kind: str
) -> None:
    await bare.create(DEFINITIONS, definition(plural, kind))
    path = f"{GROUP}/v1/namespaces/default/{plural}"
    created = await bare.create(path, {**widget("one.two"), "kind": kind})
    assert created["spec"] == {"size": 2, "colour": "red"}
    assert (await bare.patched(f"{path}/one.two", "merge", {"spec": {"size": 3}}))["spec"]["size"] == 3
    assert (await bare.delete(f"{path}/one.two")).json()["status"] == "Success"


async def test_watches_end_with_the_definition(bare: DemoCluster) -> None:
    await bare.create(DEFINITIONS, definition())
    async with bare.watch(WIDGETS) as events:
        await bare.create(WIDGETS, widget())
        assert (await anext(events))["type"] == "ADDED"
        await bare.delete(f"{DEFINITIONS}/widgets.stable.example.com")
        assert [event["type"] async for event in events] == ["DELETED"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"name": "others.stable.example.com"}}, "metadata.name"),
        ({"spec": {**definition()["spec"], "group": "apps"}}, "spec.group"),
        ({"spec": {**definition()["spec"], "versions": [version("v1")]}}, "spec.versions"),
    ],
)
async def test_a_wrong_definition_is_refused(bare: DemoCluster, change: dict[str, Any], field: str) -> None:
    response = await bare.client.post(DEFINITIONS, json={**definition(), **change})
    assert response.status_code == 422
    assert field in [item["field"] for item in response.json()["details"]["causes"]]
    assert "stable.example.com" not in await groups(bare)
