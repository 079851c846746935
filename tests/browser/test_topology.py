"""The topology page (examples) in a real browser, on both API servers and with rollouts of the demo."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.fixtures.api import API, core, deployment, grant, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port

pytestmark = pytest.mark.browser

LIVE = "document.querySelector('#connection').dataset.state === 'live'"
STILL = "document.querySelector('#objects').dataset.moving === 'false'"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
WAITING = {
    "phase": "Running",
    "containerStatuses": [
        {
            "name": "main",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        }
    ],
}


def item(kind: str, name: str) -> str:
    """The JavaScript expression of an object in the picture, undefined without one."""
    items = "[...document.querySelectorAll('#objects li:not([inert])')]"
    label = f"`{kind} {name}:`"
    return f"{items}.find(item => item.querySelector('.spoken').textContent.startsWith({label}))"


def left(kind: str, name: str) -> str:
    return f"{item(kind, name)}.getBoundingClientRect().left"


async def focused(page: Page) -> str:
    """The kind and the name of the object that has the focus."""
    label: str = await page.evaluate("document.activeElement.querySelector('.spoken')?.textContent ?? ''")
    return label.partition(":")[0]


def _owner(of: dict[str, Any], kind: str) -> dict[str, Any]:
    metadata = of["metadata"]
    return {"apiVersion": "apps/v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}


def create_pod(api: API, namespace: str, name: str, status: dict[str, Any], node: str | None = None) -> None:
    """A pod of the ReplicaSet ``web-1``."""
    owner = api.get(grouped("apps/v1", "replicasets", namespace, "web-1"))
    body = pod(name, labels={"app": "web"}, node=node)
    body["metadata"]["ownerReferences"] = [_owner(owner, "ReplicaSet")]
    api.create(core("pods", namespace), body)
    api.merge(core("pods", namespace, name, "status"), {"status": status})


@pytest.fixture
def node(backend: Backend, namespace: str) -> Iterator[str]:
    """A node of this test's own."""
    name, api = f"{namespace}-node", backend.api()
    api.create(core("nodes"), {"metadata": {"name": name}})
    yield name
    api.delete(core("nodes", None, name))


def create_application(api: API, namespace: str, node: str) -> None:
    """Ingress ``outside``, Service ``web``, ReplicaSet ``web-1`` and two pods of the Deployment ``web``."""
    web = api.get(grouped("apps/v1", "deployments", namespace, "web"))
    metadata = {"name": "web-1", "labels": {"app": "web"}, "ownerReferences": [_owner(web, "Deployment")]}
    spec = {key: web["spec"][key] for key in ("replicas", "selector", "template")}
    api.create(grouped("apps/v1", "replicasets", namespace), {"metadata": metadata, "spec": spec})
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    api.create(core("services", namespace), {"metadata": {"name": "web"}, "spec": service})
    default = {"service": {"name": "web", "port": {"number": 80}}}
    ingress = {"metadata": {"name": "outside"}, "spec": {"defaultBackend": default}}
    api.create(grouped("networking.k8s.io/v1", "ingresses", namespace), ingress)
    create_pod(api, namespace, "web-1-a", READY, node)
    create_pod(api, namespace, "web-1-b", WAITING)


@pytest.fixture
def application(backend: Backend, namespace: str, node: str) -> str:
    """The namespace of an application."""
    create_application(backend.api(), namespace, node)
    return namespace


async def open_application(page: Page, url: str, namespace: str, name: str = "web") -> None:
    await page.open(f"{url}/examples/topology/?namespace={namespace}#{namespace}/Deployment/{name}")
    await page.wait_for(f"{LIVE} && {item('Deployment', name)} !== undefined")


async def test_an_application_is_drawn_from_the_ingress_to_the_node(
    page: Page, gateway: GatewayProcess, application: str, node: str
) -> None:
    await open_application(page, gateway.url, application)
    await page.wait_for(f"{item('Node', node)} !== undefined && {STILL}")
    chain = [("Ingress", "outside"), ("Service", "web"), ("Deployment", "web"), ("ReplicaSet", "web-1")]
    columns = [*chain, ("Pod", "web-1-a"), ("Node", node)]
    lefts = [await page.evaluate(left(*column)) for column in columns]
    assert lefts == sorted(set(lefts))
    assert await page.evaluate("document.querySelectorAll('#edges path').length") == 6
    assert await page.problems() == []


async def test_health_is_told_by_shape_word_and_colour(
    page: Page, gateway: GatewayProcess, application: str
) -> None:
    await open_application(page, gateway.url, application)
    await page.wait_for(f"{item('Pod', 'web-1-b')} !== undefined")
    for name, status in (("web-1-a", "CURRENT"), ("web-1-b", "FAILED")):
        assert await page.evaluate(f"{item('Pod', name)}.dataset.status") == status
        shape = f"{item('Pod', name)}.querySelector('use').getAttribute('href')"
        assert await page.evaluate(shape) == f"#shape-{status}"
    label = await page.evaluate(f"{item('Pod', 'web-1-b')}.querySelector('.spoken').textContent")
    assert label.startswith("Pod web-1-b: Failed, CrashLoopBackOff")
    assert (
        await page.evaluate("document.querySelector('#counts [data-status=FAILED] .number').textContent")
        == "1"
    )


async def test_the_picture_follows_the_cluster(
    page: Page, backend: Backend, gateway: GatewayProcess, application: str, node: str
) -> None:
    api = backend.api()
    await open_application(page, gateway.url, application)
    create_pod(api, application, "web-1-c", READY, node)
    await page.wait_for(f"{item('Pod', 'web-1-c')}?.dataset.status === 'CURRENT'")
    api.delete(core("pods", application, "web-1-a"))
    await page.wait_for(f"{item('Pod', 'web-1-a')} === undefined && {STILL}")
    assert await page.evaluate("document.querySelectorAll('#objects li[inert]').length") == 0
    api.delete(grouped("apps/v1", "deployments", application, "web"))
    await page.wait_for("document.querySelector('#empty').textContent === 'It does not exist.'")
    assert await page.problems() == []


async def test_the_picture_follows_the_neighbours_of_the_tree(
    page: Page, backend: Backend, gateway: GatewayProcess, application: str
) -> None:
    """A change of only a related object causes no event of the tree."""
    api, services = backend.api(), core("services", application)
    await open_application(page, gateway.url, application)
    await page.wait_for(f"{item('Ingress', 'outside')} !== undefined")
    api.delete(f"{services}/web")
    await page.wait_for(
        f"{item('Service', 'web')} === undefined && {item('Ingress', 'outside')} === undefined"
    )
    spec = {"selector": {"app": "web"}, "ports": [{"port": 81}]}
    api.create(services, {"metadata": {"name": "other"}, "spec": spec})
    await page.wait_for(f"{item('Service', 'other')} !== undefined")
    assert await page.problems() == []


async def test_an_application_is_chosen_from_the_list_and_by_address(
    page: Page, gateway: GatewayProcess, application: str
) -> None:
    await page.open(f"{gateway.url}/examples/topology/?namespace={application}")
    links = "[...document.querySelectorAll('#applications a')].map(link => link.getAttribute('href'))"
    await page.wait_for(f"{links}.length === 2")
    assert await page.evaluate(links) == [f"#{application}/Deployment/{name}" for name in ("api", "web")]
    await page.call("fill", "#search", "WE")
    await page.wait_for(f"{links}.length === 1")
    await page.call("click", "#applications a")
    await page.wait_for(f"{item('Pod', 'web-1-a')} !== undefined")
    chosen = "document.querySelector('#applications [aria-current=page]').innerText"
    assert (await page.evaluate(chosen)).split() == ["web", application, "Deployment,", "In", "progress"]
    assert await page.evaluate("document.title") == "web: topology"
    await page.evaluate(f"void (location.hash = '#{application}/ReplicaSet/web-1')")
    await page.wait_for(
        f"{item('ReplicaSet', 'web-1')} !== undefined && {item('Deployment', 'web')} === undefined"
    )
    await page.call("goBack")
    await page.wait_for(f"{item('Deployment', 'web')} !== undefined")


async def test_the_keyboard_follows_the_edges_and_opens_details(
    page: Page, backend: Backend, gateway: GatewayProcess, application: str, node: str
) -> None:
    event = {
        "metadata": {"name": "web-1-b.started"},
        "involvedObject": {
            "kind": "Pod",
            "namespace": application,
            "name": "web-1-b",
            "uid": backend.api().get(core("pods", application, "web-1-b"))["metadata"]["uid"],
        },
        "reason": "BackOff",
        "message": "restarting",
        "type": "Warning",
        "lastTimestamp": "2026-11-01T00:00:00Z",
    }
    backend.api().create(core("events", application), event)
    await open_application(page, gateway.url, application)
    await page.wait_for(f"{item('Node', node)} !== undefined && {STILL}")
    await page.evaluate("document.querySelector('#objects [tabindex=\"0\"]').focus()")
    await page.press("Home")
    walk = [await focused(page)]
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        await page.press(key)
        walk.append(await focused(page))
    assert walk == [
        "Ingress outside",
        "Service web",
        "Deployment web",
        "ReplicaSet web-1",
        "Pod web-1-a",
        "Pod web-1-b",
    ]
    assert await page.evaluate("document.querySelectorAll('#objects [tabindex=\"0\"]').length") == 1
    assert await page.evaluate("document.querySelectorAll('#edges path.on').length") == 4
    await page.press("Enter")
    await page.wait_for("document.querySelector('#verdict').textContent === 'Failed: CrashLoopBackOff'")
    await page.wait_for("document.querySelector('#events').textContent.includes('BackOff: restarting')")
    assert await page.evaluate("document.activeElement.id") == "details-title"
    await page.call("click", "#connected button")
    await page.wait_for("document.querySelector('#details-title').textContent === 'ReplicaSet web-1'")
    await page.press("Escape")
    await page.wait_for("document.querySelector('#details').hidden")
    assert await focused(page) == "Pod web-1-b"
    assert await page.problems() == []


async def test_the_page_continues_with_the_next_gateway_after_one_is_terminated_or_killed(
    page: Page, backend: Backend, application: str, tmp_path: Path
) -> None:
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    with start_gateway(tmp_path / "first", *options, port=port) as gateway:
        await open_application(page, gateway.url, application)
        gateway.process.child.send_signal(signal.SIGTERM)
        gateway.process.wait()
    await delete_pod_meanwhile(page, backend, application, "web-1-b")
    with start_gateway(tmp_path / "second", *options, port=port) as gateway:
        await page.wait_for(f"{LIVE} && {item('Pod', 'web-1-b')} === undefined")
        gateway.process.child.send_signal(signal.SIGKILL)
        gateway.process.wait()
    await delete_pod_meanwhile(page, backend, application, "web-1-a")
    with start_gateway(tmp_path / "third", *options, port=port):
        await page.wait_for(f"{LIVE} && {item('Pod', 'web-1-a')} === undefined")


async def delete_pod_meanwhile(page: Page, backend: Backend, namespace: str, name: str) -> None:
    """Delete a pod while the page shows the last known picture."""
    await page.wait_for("document.querySelector('#connection').textContent === 'reconnecting'")
    assert await page.evaluate(f"{item('Pod', name)} !== undefined")
    backend.api().delete(core("pods", namespace, name))


async def test_the_page_signs_in_to_a_passthrough_gateway(
    page: Page, backend: Backend, application: str, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        await page.open(f"{gateway.url}/examples/topology/#{application}/Deployment/web")
        await page.wait_for("document.querySelector('#sign-in').open")
        await page.call("fill", "#token", "admin-token")
        await page.press("Enter")
        await page.wait_for(f"{LIVE} && {item('Pod', 'web-1-a')} !== undefined")


@pytest.mark.cluster
async def test_rights_in_the_namespace_suffice(page: Page, seeded_cluster: Backend, tmp_path: Path) -> None:
    """alice may see this namespace, and no nodes; the demo has no RBAC."""
    api, space = seeded_cluster.api(), "seen-in-topology"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    api.create(grouped("apps/v1", "deployments", space), deployment("web"))
    create_application(api, space, "hidden-node")
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    grant(api, "see-the-application", "alice", rule, namespace=space)
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        await page.open(f"{gateway.url}/examples/topology/?namespace={space}#{space}/Deployment/web")
        await page.wait_for("document.querySelector('#sign-in').open")
        await page.call("fill", "#token", "alice-token")
        await page.press("Enter")
        await page.wait_for(f"{LIVE} && {item('Ingress', 'outside')} !== undefined")
        assert await page.evaluate("document.querySelector('#objects [data-kind=Node]') === null")
        assert "nodes" in await page.evaluate("document.querySelector('#failure').textContent")
        api.delete(core("services", space, "web"))
        await page.wait_for(f"{item('Service', 'web')} === undefined")


@pytest.mark.cluster
async def test_the_pods_of_a_controller_appear(
    page: Page, controlled_cluster: Backend, tmp_path: Path
) -> None:
    """The controllers of Kubernetes create the ReplicaSet and its pods; no kubelet runs them."""
    api, namespace = controlled_cluster.api(), "topology"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    path = grouped("apps/v1", "deployments", namespace)
    api.create(path, deployment("web", replicas=2))
    pods = "document.querySelectorAll('#objects li:not([inert])[data-kind=Pod]').length"
    with start_gateway(tmp_path, "--kubeconfig", str(controlled_cluster.kubeconfig)) as gateway:
        await open_application(page, gateway.url, namespace)
        await page.wait_for(f"{pods} === 2")
        api.merge(f"{path}/web", {"spec": {"replicas": 4}})
        await page.wait_for(f"{pods} === 4")
        assert await page.problems() == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway on the demo, whose controllers roll out and whose kubelets start pods."""
    with start_gateway(tmp_path_factory.mktemp("demo"), "--demo") as started:
        yield started


RESTART = 'mutation { restartDeployment(name: "web", namespace: "shop") { metadata { name } } }'
RECORD = """(() => {
  window.grown = new Set();
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const scale = /scale\\(([^)]+)\\)/.exec(target.style.transform)?.[1];
      if (scale > 0 && scale < 1) grown.add(target.firstElementChild.dataset.id);
    }
  }).observe(document.querySelector('#objects'), { subtree: true, attributeFilter: ['style'] });
})()"""


async def test_new_pods_grow_in_during_a_rollout(page: Page, demo: GatewayProcess) -> None:
    await open_application(page, demo.url, "shop")
    pods = "[...document.querySelectorAll('#objects li:not([inert])[data-kind=Pod]')]"
    names = f"{pods}.map(item => item.firstElementChild.dataset.id)"
    await page.wait_for(f"{pods}.length >= 3 && {STILL}")
    before = set(await page.evaluate(names))
    await page.evaluate(RECORD)
    await demo.data(RESTART)
    changed = f"{names}.length >= 3 && {names}.every(id => !{json.dumps(sorted(before))}.includes(id))"
    current = f"{pods}.every(item => item.dataset.status === 'CURRENT')"
    await page.wait_for(f"{changed} && {current}")
    after = set(await page.evaluate(names))
    assert after <= set(await page.evaluate("[...grown]"))
    assert await page.evaluate("Boolean(document.querySelector('#earlier-choice:not([hidden])'))")
    await page.wait_for(
        "document.querySelectorAll('#objects li:not([inert])[data-kind=ReplicaSet]').length === 1"
    )
    await page.call("check", "#earlier")
    await page.wait_for("document.querySelectorAll('#objects li[data-kind=ReplicaSet]').length === 2")
    assert await page.problems() == []


async def test_nothing_moves_if_the_reader_prefers_reduced_motion(page: Page, demo: GatewayProcess) -> None:
    await page.call("emulateMedia", {"reducedMotion": "reduce"})
    await open_application(page, demo.url, "shop")
    await page.evaluate(RECORD)
    scale = 'mutation { scaleDeployment(name: "web", namespace: "shop", replicas: 5) { spec { replicas } } }'
    await demo.data(scale)
    await page.wait_for("document.querySelectorAll('#objects li[data-kind=Pod]').length === 5")
    assert await page.evaluate("grown.size") == 0


async def test_the_picture_fits_into_the_page(page: Page, demo: GatewayProcess) -> None:
    await page.call("setViewportSize", {"width": 1200, "height": 700})
    await open_application(page, demo.url, "shop")
    await page.wait_for(f"document.querySelector('#objects li[data-kind=Node]') !== null && {STILL}")
    fits = "document.querySelector('#scene').scrollWidth <= document.querySelector('#scene').clientWidth"
    assert await page.evaluate(fits)
