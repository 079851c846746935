"""Each Service with a selector has a slice with the addresses of its pods."""

from collections.abc import Callable
from typing import Any

from tests.gateway.demo.cluster.workloads import WEB, web
from tests.gateway.demo.demo_client import CORE, DemoCluster

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
OF_WEB = {"labelSelector": "kubernetes.io/service-name=web"}


def ready(number: int) -> Callable[[dict[str, Any]], bool]:
    """Whether a list has one slice, with that many endpoints, all of them ready."""

    def holds(found: dict[str, Any]) -> bool:
        return [
            [item["conditions"]["ready"] for item in slice_["endpoints"]] for slice_ in found["items"]
        ] == [[True] * number]

    return holds


async def test_a_slice_follows_the_pods_and_ends_with_its_service(still: DemoCluster) -> None:
    await web(still)
    ports = [{"port": 80, "targetPort": 8080}]
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": ports}}
    created = await still.create(f"{CORE}/services", service)
    (slice_,) = (await still.eventually(SLICES, ready(2), **OF_WEB))["items"]
    (owner,) = slice_["metadata"]["ownerReferences"]
    assert owner["uid"] == created["metadata"]["uid"]
    assert slice_["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    pods = (await still.get(f"{CORE}/pods", labelSelector="app=web"))["items"]
    assert {
        (item["targetRef"]["name"], *item["addresses"], item["nodeName"]) for item in slice_["endpoints"]
    } == {(pod["metadata"]["name"], pod["status"]["podIP"], pod["spec"]["nodeName"]) for pod in pods}
    await still.patched(f"{WEB}/scale", "merge", {"spec": {"replicas": 0}})
    await still.eventually(SLICES, ready(0), **OF_WEB)
    await still.patched(f"{CORE}/services/web", "merge", {"spec": {"selector": None}})
    await still.eventually(SLICES, lambda found: not found["items"], **OF_WEB)
    await still.patched(f"{CORE}/services/web", "merge", {"spec": {"selector": {"app": "web"}}})
    await still.eventually(SLICES, ready(0), **OF_WEB)
    await still.delete(f"{CORE}/services/web")
    await still.eventually(SLICES, lambda found: not found["items"], **OF_WEB)


async def test_the_planted_services_have_their_endpoints(still: DemoCluster) -> None:
    """A named target port is that of the pods' container."""
    slices = (await still.get("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"))["items"]
    found = {item["metadata"]["labels"]["kubernetes.io/service-name"]: item for item in slices}
    assert len(found["web"]["endpoints"]) == 3
    assert found["payments"]["ports"] == [{"name": "main", "port": 8443, "protocol": "TCP"}]
