"""The pods dashboard (examples) in a real browser, on both API servers."""

import signal
from pathlib import Path

import pytest

from tests.browser.conftest import Page
from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.tap import tapped

pytestmark = pytest.mark.browser

LIVE = "document.querySelector('#connection').dataset.state === 'live'"


def tile(name: str) -> str:
    """The JavaScript expression of a pod's tile, undefined without one."""
    return f"[...document.querySelectorAll('section li')].find(tile => tile.textContent.includes('{name}'))"


async def open_dashboard(page: Page, gateway: GatewayProcess, namespace: str = "") -> None:
    await page.open(f"{gateway.url}/examples/pods-dashboard/?namespace={namespace}")


async def test_created_pods_appear_and_deleted_pods_disappear(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api = backend.api()
    await open_dashboard(page, gateway)
    await page.wait_for(LIVE)
    assert await page.evaluate(f"{tile('app-0-00000')} !== undefined")
    assert await page.evaluate("document.querySelector('section[data-node=node-1] h2') !== null")

    api.create(core("pods", namespace), pod("newcomer", labels={"app": "new"}, node="node-1"))
    await page.wait_for(f"{tile('newcomer')}?.closest('section').dataset.node === 'node-1'")
    assert await page.evaluate(f"{tile('newcomer')}.dataset.state") == "pending"

    status = {
        "phase": "Running",
        "containerStatuses": [
            {"name": container, "image": "i", "imageID": "i", "ready": True, "restartCount": 2}
            for container in ("main", "sidecar")
        ],
    }
    api.merge(core("pods", namespace, "newcomer", "status"), {"status": status})
    await page.wait_for(f"{tile('newcomer')}.dataset.state === 'running'")
    words = await page.evaluate(f"{tile('newcomer')}.ariaLabel")
    assert words == f"newcomer in {namespace}: Running, 2/2 ready, 4 restarts"

    api.delete(core("pods", namespace, "newcomer"))
    await page.wait_for(f"{tile('newcomer')} === undefined")
    assert await page.problems() == []


async def test_the_namespace_in_the_address_limits_the_page(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    backend.api().create(core("pods", namespace), pod("alone", labels={"app": "alone"}))
    await open_dashboard(page, gateway, namespace)
    await page.wait_for(f"{LIVE} && {tile('alone')} !== undefined")
    shown = await page.evaluate("[...document.querySelectorAll('.namespace')].map(tile => tile.textContent)")
    assert set(shown) == {namespace}
    assert await page.evaluate("document.querySelector('#total').textContent") == str(len(shown))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
async def test_the_page_continues_with_the_next_gateway(
    page: Page, backend: Backend, namespace: str, tmp_path: Path, number: signal.Signals
) -> None:
    api = backend.api()
    for name in ("stays", "goes"):
        api.create(core("pods", namespace), pod(name, labels={"app": name}))
    port, kubeconfig = free_port(), str(backend.kubeconfig)
    with start_gateway(tmp_path / "first", "--kubeconfig", kubeconfig, port=port) as first:
        await page.open(f"http://127.0.0.1:{port}/examples/pods-dashboard/?namespace={namespace}")
        await page.wait_for(f"{LIVE} && {tile('stays')} !== undefined && {tile('goes')} !== undefined")
        first.process.child.send_signal(number)
        first.process.wait()
    await page.wait_for("document.querySelector('#connection').textContent === 'reconnecting'")
    assert await page.evaluate(f"{tile('stays')} !== undefined && {tile('goes')} !== undefined")

    api.delete(core("pods", namespace, "goes"))
    api.create(core("pods", namespace), pod("comes", labels={"app": "comes"}))
    with start_gateway(tmp_path / "second", "--kubeconfig", kubeconfig, port=port):
        await page.wait_for(LIVE)
        await page.wait_for(f"{tile('comes')} !== undefined && {tile('goes')} === undefined")
        assert await page.evaluate(f"{tile('stays')} !== undefined")


RECORD_REQUESTS = """(() => {
  const { send } = WebSocket.prototype;
  window.requests = [];
  WebSocket.prototype.send = function (message) {
    const { type, payload } = JSON.parse(message);
    if (type === "subscribe") requests.push(payload.variables);
    return send.call(this, message);
  };
})()"""


async def test_the_page_resumes_after_a_lost_connection(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api, pods = backend.api(), core("pods", namespace)
    for name in ("stays", "goes"):
        api.create(pods, pod(name, labels={"app": name}))
    with tapped("127.0.0.1", gateway.port, None) as line:
        await page.open(f"{line.url}/examples/pods-dashboard/?namespace={namespace}")
        await page.wait_for(f"{LIVE} && {tile('stays')} !== undefined && {tile('goes')} !== undefined")
        await page.evaluate(RECORD_REQUESTS)
        line.cut()
        await page.wait_for("document.querySelector('#connection').textContent === 'reconnecting'")
        api.delete(f"{pods}/goes")
        created = api.create(pods, pod("comes", labels={"app": "comes"}))
        line.mend()
        await page.wait_for(LIVE)
        await page.wait_for(f"{tile('comes')} !== undefined && {tile('goes')} === undefined")
        assert await page.evaluate(f"{tile('stays')} !== undefined")
        (variables,) = await page.evaluate("requests")
        assert int(variables["resourceVersion"]) < int(created["metadata"]["resourceVersion"])


async def test_the_page_signs_in_to_a_passthrough_gateway(
    page: Page, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    backend.api().create(core("pods", namespace), pod("secret", labels={"app": "secret"}))
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        await open_dashboard(page, gateway, namespace)
        await page.wait_for("document.querySelector('#sign-in').open")
        await page.call("fill", "#token", "admin-token")
        await page.press("Enter")
        await page.wait_for(f"{LIVE} && {tile('secret')} !== undefined")
        await page.call("reload")
        await page.wait_for(f"{LIVE} && {tile('secret')} !== undefined")
