"""Custom resources, beside a kind without a schema and an aggregated API server that is down."""

from collections.abc import Iterator

import pytest

from tests.fixtures.api import API, CRDS, core, crd, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.custom_kinds import install_kind
from tests.fixtures.gateways import GatewayProcess, start_gateway

pytestmark = pytest.mark.cluster

GROUP = "shapes.example.test"
WIDGETS = f"{GROUP}/v1"
API_SERVICES = "apiregistration.k8s.io/v1"


TYPED = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "description": "The desired state of the widget.",
            "properties": {
                "size": {"type": "integer", "format": "int32"},
                "weight": {"type": "integer", "format": "int64"},
                "parts": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
                "free-form": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    },
}
UNTYPED = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
WIDGET = {
    "apiVersion": WIDGETS,
    "kind": "Widget",
    "metadata": {"name": "first"},
    "spec": {
        "size": 3,
        "weight": 9007199254740993,
        "parts": [{"name": "lid"}, {"name": "box"}],
        "free-form": {"any": [1, "thing"]},
    },
}


def install(api: API) -> None:
    for kind, schema in (("Widget", TYPED), ("Blob", UNTYPED)):
        install_kind(api, crd(GROUP, kind, schema, subresources={"status": {}}))
    service = {"namespace": "default", "name": "absent"}
    api.create(
        grouped(API_SERVICES, "apiservices"),
        {
            "metadata": {"name": "v1.down.example.test"},
            "spec": {
                "group": "down.example.test",
                "version": "v1",
                "groupPriorityMinimum": 1000,
                "versionPriority": 10,
                "insecureSkipTLSVerify": True,
                "service": service,
            },
        },
    )


@pytest.fixture(scope="module")
def api(seeded_cluster: Backend) -> Iterator[API]:
    """The real API server with two custom kinds and an unreachable aggregated API server."""
    api = seeded_cluster.api()
    install(api)
    try:
        api.create(core("namespaces"), {"metadata": {"name": "shapes"}})
        api.create(grouped(WIDGETS, "widgets", "shapes"), WIDGET)
        yield api
    finally:
        api.delete(grouped(API_SERVICES, "apiservices", None, "v1.down.example.test"))
        for plural in ("widgets", "blobs"):
            api.delete(f"{CRDS}/{plural}.{GROUP}")


@pytest.fixture(scope="module")
def customised(
    api: API, seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that starts after the custom kinds are installed."""
    options = ["--kubeconfig", str(seeded_cluster.kubeconfig)]
    with start_gateway(tmp_path_factory.mktemp("customised"), *options) as started:
        yield started


async def test_a_custom_kind_is_typed(customised: GatewayProcess) -> None:
    query = """{ widgets(namespace: "shapes") { kind items {
      apiVersion metadata { name } spec { size weight parts { name } free__form } } } }"""
    data = await customised.data(query)
    assert data["widgets"]["kind"] == "WidgetList"
    (item,) = data["widgets"]["items"]
    spec = item["spec"]
    assert (spec["size"], spec["parts"]) == (3, [{"name": "lid"}, {"name": "box"}])
    assert int(spec["weight"]) == 9007199254740993
    assert spec["free__form"] == {"any": [1, "thing"]}


async def test_a_custom_kind_has_its_pinned_name(customised: GatewayProcess) -> None:
    query = """{ shapes_example_test_v1_widget(name: "first", namespace: "shapes") {
      __typename spec { size } } }"""
    data = await customised.data(query)
    assert data["shapes_example_test_v1_widget"] == {
        "__typename": "ShapesExampleTestV1Widget",
        "spec": {"size": 3},
    }


async def test_the_default_patch_of_a_custom_kind_is_a_merge_patch(customised: GatewayProcess) -> None:
    query = """mutation($type: PatchType) { patchWidget(name: "first", namespace: "shapes", type: $type,
      patch: {spec: {parts: [{name: "only"}]}}) { spec { parts { name } } } }"""
    data = await customised.data(query)
    assert data["patchWidget"]["spec"]["parts"] == [{"name": "only"}]
    error = await customised.error(query, {"type": "STRATEGIC"})
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_custom_kind_is_watched(customised: GatewayProcess, api: API) -> None:
    query = (
        'subscription { widgets(namespace: "shapes") { type object { metadata { name } spec { size } } } }'
    )
    path = grouped(WIDGETS, "widgets", "shapes", "first")
    async with customised.subscribe(query) as stream:
        assert [event["object"]["metadata"]["name"] for event in await stream.synced()] == ["first"]
        api.merge(path, {"spec": {"size": 4}})
        event = await stream.event()
        assert (event["type"], event["object"]["spec"]["size"]) == ("MODIFIED", 4)


async def test_a_kind_without_a_schema_is_served(customised: GatewayProcess, api: API) -> None:
    blob = {"apiVersion": WIDGETS, "kind": "Blob", "metadata": {"name": "odd"}, "anything": {"goes": 1}}
    api.create(grouped(WIDGETS, "blobs", "shapes"), blob)
    data = await customised.data('{ blob(name: "odd", namespace: "shapes") { kind metadata { name } } }')
    assert data["blob"] == {"kind": "Blob", "metadata": {"name": "odd"}}


async def test_an_unreachable_api_server_affects_only_its_own_kinds(customised: GatewayProcess) -> None:
    resources = (await customised.data("{ resources { group } }"))["resources"]
    assert "down.example.test" not in {resource["group"] for resource in resources}
    assert (await customised.data("{ nodes { kind } }"))["nodes"]["kind"] == "NodeList"
