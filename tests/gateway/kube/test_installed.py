"""The ages of APIs, from two LISTs of metadata."""

from typing import Any

from gateway.kube.installed import fetch_installed
from schema.installed import APIService, InstalledAPIs, Origin
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply
from tests.schema.documents import resource

CRDS = resource("apiextensions.k8s.io/v1", "CustomResourceDefinition")
SERVICES = resource("apiregistration.k8s.io/v1", "APIService")
DAY = "2026-01-01T00:00:00Z"
AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
BEFORE = InstalledAPIs({"old.io": DAY}, {"v1.old.io": APIService(DAY, Origin.CRD)})


def listed(*items: tuple[str, dict[str, str]]) -> Reply:
    objects = [
        {"metadata": {"name": name, "creationTimestamp": DAY, "labels": labels}} for name, labels in items
    ]
    return json_reply({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": objects})


async def fetched(crds: Reply, services: Reply, *resources: Any) -> tuple[InstalledAPIs, list[Request]]:
    async def answer(request: Request) -> Reply:
        return crds if "customresourcedefinitions" in request.target else services

    async with served_client(answer) as (client, server):
        return await fetch_installed(client, resources or (CRDS, SERVICES), BEFORE), server.requests


async def test_the_label_of_an_api_service_gives_its_origin() -> None:
    services = listed(
        ("v1.apps", {AUTOMANAGED: "onstart"}),
        ("v1.a.io", {AUTOMANAGED: "true"}),
        ("v1.b.io", {}),
        ("v1.c.io", {AUTOMANAGED: "unknown"}),
    )
    found, requests = await fetched(listed(("gadgets.a.io", {})), services)
    assert found.crds == {"gadgets.a.io": DAY}
    assert found.api_services is not None
    assert {name: item.origin for name, item in found.api_services.items()} == {
        "v1.apps": Origin.BUILTIN,
        "v1.a.io": Origin.CRD,
        "v1.b.io": Origin.AGGREGATED,
        "v1.c.io": Origin.AGGREGATED,
    }
    assert all("PartialObjectMetadataList" in str(request.headers) for request in requests)


async def test_a_refused_list_is_unknown_and_a_failed_one_stays() -> None:
    found, _ = await fetched(status_reply(403, "Forbidden"), status_reply(404, "NotFound"))
    assert found == InstalledAPIs(None, BEFORE.api_services)


async def test_a_resource_that_is_not_served_has_no_objects() -> None:
    found, requests = await fetched(listed(), listed(), CRDS)
    assert found == InstalledAPIs({}, {})
    assert len(requests) == 1
