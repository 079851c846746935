"""The pods dashboard (examples) in a real browser, on both API servers."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.fixtures.api import API, core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.nodes import running_node
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
    await page.wait_for(f"{LIVE} && {tile('app-0-00000')} !== undefined")
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
    assert await page.evaluate(f"{tile('newcomer')}.querySelector('[role=img]').ariaLabel") == "Running"
    words = await page.evaluate(f"{tile('newcomer')}.querySelector('button').textContent")
    assert words.split() == ["●", "newcomer", namespace, "2/2", "4"]
    tree = await page.call("ariaSnapshot")
    assert f'button "Running newcomer {namespace} 2/2 ready restarts: 4"' in tree

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


async def test_the_page_continues_with_the_next_gateway_after_one_is_terminated_or_killed(
    page: Page, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    api, pods = backend.api(), core("pods", namespace)
    for name in ("stays", "first"):
        api.create(pods, pod(name, labels={"app": name}))
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    with start_gateway(tmp_path / "first", *options, port=port) as gateway:
        await open_dashboard(page, gateway, namespace)
        await page.wait_for(f"{LIVE} && {tile('stays')} !== undefined && {tile('first')} !== undefined")
        gateway.process.child.send_signal(signal.SIGTERM)
        gateway.process.wait()
    await replace_pod_meanwhile(page, api, pods, "first", "second")
    with start_gateway(tmp_path / "second", *options, port=port) as gateway:
        await shows_instead(page, "first", "second")
        gateway.process.child.send_signal(signal.SIGKILL)
        gateway.process.wait()
    await replace_pod_meanwhile(page, api, pods, "second", "third")
    with start_gateway(tmp_path / "third", *options, port=port):
        await shows_instead(page, "second", "third")


async def replace_pod_meanwhile(page: Page, api: API, pods: str, gone: str, new: str) -> None:
    """Replace a pod while the page shows the last known ones."""
    await page.wait_for("document.querySelector('#connection').textContent === 'reconnecting'")
    assert await page.evaluate(f"{tile('stays')} !== undefined && {tile(gone)} !== undefined")
    assert await page.evaluate(
        "document.querySelector('#stale:not([hidden])').textContent.includes('Last known')"
    )
    api.delete(f"{pods}/{gone}")
    api.create(pods, pod(new, labels={"app": new}))


async def shows_instead(page: Page, gone: str, new: str) -> None:
    await page.wait_for(LIVE)
    await page.wait_for(f"{tile(new)} !== undefined && {tile(gone)} === undefined")
    assert await page.evaluate(f"{tile('stays')} !== undefined")
    assert await page.evaluate("document.querySelector('#stale').hidden")


RECORD_REQUESTS = """(() => {
  const { send } = WebSocket.prototype;
  window.requests = [];
  window.sockets = new Set();
  WebSocket.prototype.send = function (message) {
    const { type, payload } = JSON.parse(message);
    if (type === "subscribe") {
      requests.push(payload.variables);
      sockets.add(this);
    }
    return send.call(this, message);
  };
})()"""


HOLD_FRAMES = """(() => {
  window.held = [];
  window.received = window.mutations = 0;
  window.requestAnimationFrame = (frame) => held.push(frame);
  const { parse } = JSON;
  JSON.parse = (text) => {
    if (text.includes('"Failed"')) received++;
    return parse(text);
  };
  const options = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver((records) => (mutations += records.length)).observe(document.body, options);
})()"""


def event_of(name: str, namespace: str) -> dict[str, Any]:
    """An event of a pod."""
    return {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": namespace},
        "reason": "Pulled",
        "message": "Pulled the image twice",
        "type": "Normal",
    }


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


async def test_a_label_filter_limits_the_pods_and_a_bad_one_is_explained(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    for name in ("web", "db"):
        backend.api().create(core("pods", namespace), pod(f"tier-{name}", labels={"tier": name}))
    await open_dashboard(page, gateway, namespace)
    await page.wait_for(f"{LIVE} && {tile('tier-web')} && {tile('tier-db')}")
    await page.call("fill", "#labels", "tier in (web)")
    await page.press("Enter")
    await page.wait_for(f"{LIVE} && {tile('tier-web')} && !{tile('tier-db')}")
    assert await page.evaluate("new URLSearchParams(location.search).get('labels')") == "tier in (web)"

    await page.call("fill", "#labels", "tier in")
    await page.press("Enter")
    await page.wait_for("document.querySelector('#failure').textContent.includes('label selector')")
    assert await page.evaluate("document.querySelector('#labels').ariaInvalid") == "true"

    await page.call("goBack")
    await page.wait_for(f"{LIVE} && {tile('tier-web')} && !{tile('tier-db')}")
    assert await page.evaluate("document.querySelector('#failure').textContent") == ""


async def test_the_tooltip_of_a_focused_tile_has_restarts_and_images(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    created = backend.api().create(core("pods", namespace), pod("tipped", labels={}))
    statuses = [
        {"name": "main", "image": "i", "imageID": "i", "ready": True, "restartCount": 3},
    ]
    path = core("pods", namespace, "tipped", "status")
    backend.api().merge(path, {"status": {"phase": "Running", "containerStatuses": statuses}})
    await open_dashboard(page, gateway, namespace)
    await page.wait_for(f"{LIVE} && {tile('tipped')}?.dataset.state === 'unready'")
    await page.call("focus", "section button")
    tip = await page.evaluate("document.querySelector('#tooltip:not([hidden])').innerText")
    image = created["spec"]["containers"][0]["image"]
    assert f"main: {image}, 3 restarts" in tip
    assert await page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tooltip"
    await page.press("Escape")
    assert await page.evaluate("document.querySelector('#tooltip').hidden")


async def test_a_click_shows_details_events_and_live_logs_over_one_websocket(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    with running_node(backend) as node:
        node.run_pod("talker", namespace, app="talker")
        await open_dashboard(page, gateway, namespace)
        await page.wait_for(f"{LIVE} && {tile('talker')}")
        await page.evaluate(RECORD_REQUESTS)
        await page.call("click", "section button")
        await page.wait_for("document.querySelector('#facts').textContent.includes('app=talker')")
        await page.wait_for("document.querySelectorAll('#log div').length > 3")
        backend.api().create(core("events", namespace), event_of("talker", namespace))
        await page.wait_for(
            "document.querySelector('#events').textContent.includes('Pulled the image twice')"
        )
        assert await page.evaluate("[requests.length, sockets.size]") == [3, 1]
        assert await page.evaluate("document.activeElement.id") == "details-title"
        before = await page.evaluate("document.querySelector('#log').lastChild.textContent")
        if backend.is_real:  # the demo's containers write at random times
            await page.wait_for(f"document.querySelector('#log').lastChild.textContent !== {before!r}")

        await page.press("Escape")
        assert await page.evaluate("document.querySelector('#details').hidden")
        assert await page.evaluate(f"{tile('talker')}.contains(document.activeElement)")
        node.delete_pod("talker", namespace)
    assert await page.problems() == []


async def test_a_deep_link_opens_the_details_and_tells_when_the_pod_is_gone(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    backend.api().create(core("pods", namespace), pod("linked", labels={"app": "linked"}))
    await page.open(f"{gateway.url}/examples/pods-dashboard/?pod={namespace}/linked&labels=app=linked")
    await page.wait_for("document.querySelector('#facts').textContent.includes('app=linked')")
    assert await page.evaluate("document.querySelector('#labels').value") == "app=linked"
    backend.api().delete(core("pods", namespace, "linked"))
    await page.wait_for("document.querySelector('#pod-notice').textContent.includes('deleted')")


async def test_arrow_keys_move_between_tiles_and_enter_opens_one(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    for number in range(3):
        backend.api().create(core("pods", namespace), pod(f"key-{number}", labels={}))
    await open_dashboard(page, gateway, namespace)
    await page.wait_for(f"{LIVE} && {tile('key-2')}")
    focused = "document.activeElement.querySelector('.name').textContent"
    assert await page.evaluate("document.querySelectorAll('section button[tabindex=\"0\"]').length") == 1
    await page.call("focus", "section button[tabindex='0']")
    for key, name in (("ArrowRight", "key-1"), ("End", "key-2"), ("ArrowLeft", "key-1"), ("Home", "key-0")):
        await page.press(key)
        assert await page.evaluate(focused) == name
    await page.press("Enter")
    await page.wait_for("document.querySelector('#facts').textContent.includes('not scheduled')")


async def test_changes_are_rendered_once_per_animation_frame(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api, pods = backend.api(), core("pods", namespace)
    for number in range(5):
        api.create(pods, pod(f"batch-{number}", labels={}))
    await open_dashboard(page, gateway, namespace)
    await page.wait_for(f"{LIVE} && {tile('batch-4')}")
    await page.evaluate(HOLD_FRAMES)
    for number in range(5):
        api.merge(f"{pods}/batch-{number}/status", {"status": {"phase": "Failed"}})
    await page.wait_for("received === 5")
    assert await page.evaluate("[held.length, mutations]") == [1, 0]
    await page.evaluate("held.splice(0).forEach(frame => frame(0))")
    failed = "document.querySelectorAll('section li[data-state=failed]').length"
    assert await page.evaluate(failed) == 5
    assert await page.evaluate("held.length") == 0
