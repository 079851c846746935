"""The spreadsheet's page (examples) in a real browser, on both API servers."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.fixtures.api import core, deployment, grant, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port
from tests.fixtures.tap import tapped
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.browser

LIVE = "document.querySelector('#connection').dataset.state === 'live'"
CONNECTION = "document.querySelector('#connection').textContent"
COLUMNS = ["deployment", "desired", "actual", "ready", "image", "note"]


def row(name: str) -> str:
    """The JavaScript expression of a deployment's first row, undefined without one."""
    rows = "[...document.querySelectorAll('.tabulator-row')]"
    return f"{rows}.find(row => row.querySelector('.column-deployment')?.textContent.trim() === '{name}')"


def cell(name: str, column: str) -> str:
    return f"{row(name)}?.querySelector('.column-{column}').textContent.trim()"


async def open_sheet(page: Page, url: str, namespace: str) -> None:
    await page.open(f"{url}/examples/spreadsheet/?namespace={namespace}")
    await page.wait_for(f"{LIVE} && {row('web')} !== undefined")


async def enter(page: Page, name: str, column: str, content: str) -> None:
    """Double-click on a cell, replace its content, and press Enter."""
    await begin(page, name, column)
    await page.call("insertText", content, target="keyboard")
    await page.press("Enter")


async def begin(page: Page, name: str, column: str) -> None:
    await page.evaluate(f"{row(name)}.querySelector('.column-{column}').id = 'edited'")
    await page.call("dblclick", "#edited")
    await page.wait_for("document.activeElement.closest('#edited')")
    await page.evaluate("document.querySelector('#edited').removeAttribute('id')")
    await page.press("Control+a")


async def replicas_are(backend: Backend, namespace: str, expected: int) -> None:
    async def holds() -> bool:
        return desired(backend, namespace) == expected

    await eventually(holds, f"{expected} replicas")


def desired(backend: Backend, namespace: str) -> int:
    found = backend.api().get(grouped("apps/v1", "deployments", namespace, "web"))
    return int(found["spec"]["replicas"])


async def test_edits_reach_the_cluster_and_changes_the_cells(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    await open_sheet(page, gateway.url, namespace)
    await enter(page, "web", "desired", "4")
    await replicas_are(backend, namespace, 4)
    await enter(page, "web", "image", "main=nginx:9.9, sidecar=registry.example/sidecar:2.1")

    async def rolled_out() -> bool:
        containers = backend.api().get(path)["spec"]["template"]["spec"]["containers"]
        return bool(containers[0]["image"] == "nginx:9.9")

    await eventually(rolled_out, "the new image")
    backend.api().merge(f"{path}/status", {"status": {"replicas": 4, "readyReplicas": 2}})
    await page.wait_for(f"{cell('web', 'actual')} === '4' && {cell('web', 'ready')} === '2'")
    backend.api().merge(path, {"spec": {"replicas": 6}})
    await page.wait_for(f"{cell('web', 'desired')} === '6'")
    backend.api().delete(path)
    await page.wait_for(f"{row('web')} === undefined")
    assert await page.problems() == []


async def test_an_invalid_edit_stays_and_is_noted(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    before = desired(backend, namespace)
    await open_sheet(page, gateway.url, namespace)
    for content in ("-1", "x", "1.5"):
        await enter(page, "web", "desired", content)
        await page.wait_for(f"{cell('web', 'note')} === '⚠ Desired must be a whole number, 0 or more'")
        assert await page.evaluate(cell("web", "desired")) == content
    assert desired(backend, namespace) == before
    await enter(page, "web", "desired", "3")
    await replicas_are(backend, namespace, 3)
    await page.wait_for(f"{cell('web', 'note')} === ''")


async def test_an_open_editor_survives_the_changes_of_the_cluster(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace)
    await open_sheet(page, gateway.url, namespace)
    await begin(page, "web", "desired")
    await page.call("insertText", "1", target="keyboard")
    backend.api().merge(f"{path}/web", {"spec": {"replicas": 7}})
    backend.api().merge(f"{path}/api", {"spec": {"replicas": 5}})
    await page.wait_for(f"{cell('api', 'desired')} === '5'")
    backend.api().delete(f"{path}/api")
    created = backend.api().create(path, deployment("another"))
    version = created["metadata"]["resourceVersion"]
    await page.wait_for(
        f"BigInt(document.querySelector('#connection').title.split(' ').at(-1)) >= {version}n"
    )
    assert await page.evaluate("document.activeElement.value") == "1"
    assert desired(backend, namespace) == 7
    await page.call("insertText", "2", target="keyboard")
    await page.press("Enter")
    await replicas_are(backend, namespace, 12)
    await page.wait_for(f"{row('another')} !== undefined && {row('api')} === undefined")


async def test_an_edit_that_is_given_up_shows_the_cluster(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    await open_sheet(page, gateway.url, namespace)
    await begin(page, "web", "desired")
    await page.call("insertText", "9", target="keyboard")
    backend.api().merge(grouped("apps/v1", "deployments", namespace, "web"), {"spec": {"replicas": 7}})
    await page.press("Escape")
    await page.wait_for(f"{cell('web', 'desired')} === '7'")
    assert desired(backend, namespace) == 7


async def test_rows_inserted_duplicated_sorted_and_deleted_change_nothing(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    before = desired(backend, namespace)
    names = "[...document.querySelectorAll('.column-deployment')].map(cell => cell.textContent.trim())"
    copies = f"{names}.filter(name => name === 'web').length"
    await open_sheet(page, gateway.url, namespace)
    await select(page, "web")
    await page.call("click", "#duplicate")
    await page.wait_for(f"{copies} === 2")
    await page.call("click", "#insert")
    await page.call("click", ".tabulator-col[tabulator-field=Desired] .tabulator-col-sorter")
    await select(page, "web")
    await page.call("click", "#delete")
    await page.wait_for(f"{copies} === 1")
    await select(page, "web")
    await page.call("click", "#delete")
    await page.wait_for(f"{copies} === 1")
    await enter(page, "web", "desired", str(before + 3))
    await replicas_are(backend, namespace, before + 3)
    assert await page.problems() == []


async def select(page: Page, name: str) -> None:
    await page.evaluate(f"{row(name)}.querySelector('.column-note').id = 'chosen'")
    await page.call("click", "#chosen")
    await page.evaluate("document.querySelector('#chosen').removeAttribute('id')")


async def test_every_namespace_has_a_sheet(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/spreadsheet/")
    await page.wait_for(f"{LIVE} && document.querySelectorAll('#tabs [role=tab]').length > 1")
    await page.call("click", "#tabs [data-namespace=team-0]")
    await page.wait_for(f"{row('app-0')} !== undefined && {row('app-1')} === undefined")
    await page.press("ArrowRight")
    await page.wait_for(f"{row('app-1')} !== undefined && {row('app-0')} === undefined")
    assert await page.evaluate("document.querySelector('[aria-selected=true]').textContent") == "team-1"


async def test_the_page_continues_with_the_next_gateway_after_one_is_terminated_or_killed(
    page: Page, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    backend.api().create(grouped("apps/v1", "deployments", namespace), deployment("other"))
    port, options = free_port(), ("--kubeconfig", str(backend.kubeconfig))
    with start_gateway(tmp_path / "first", *options, port=port) as gateway:
        await open_sheet(page, gateway.url, namespace)
        gateway.process.child.send_signal(signal.SIGTERM)
        gateway.process.wait()
    await edit_meanwhile(page, backend, namespace, replicas=5, gone="api")
    with start_gateway(tmp_path / "second", *options, port=port) as gateway:
        await page.wait_for(f"{LIVE} && {row('api')} === undefined && {row('other')} !== undefined")
        await replicas_are(backend, namespace, 5)
        gateway.process.child.send_signal(signal.SIGKILL)
        gateway.process.wait()
    await edit_meanwhile(page, backend, namespace, replicas=6, gone="other")
    with start_gateway(tmp_path / "third", *options, port=port):
        await page.wait_for(f"{LIVE} && {row('other')} === undefined")
        await replicas_are(backend, namespace, 6)


async def edit_meanwhile(page: Page, backend: Backend, namespace: str, *, replicas: int, gone: str) -> None:
    """Scale ``web`` in the sheet and delete a deployment in the cluster, while there is no gateway."""
    await page.wait_for(f"{CONNECTION} === 'reconnecting'")
    await enter(page, "web", "desired", str(replicas))
    backend.api().delete(grouped("apps/v1", "deployments", namespace, gone))


RECORD_REQUESTS = """(() => {
  const { fetch } = window;
  window.requests = [];
  window.fetch = (url, options) => {
    const { query, variables } = JSON.parse(options.body);
    if (query.includes("subscription")) requests.push(variables);
    return fetch(url, options);
  };
})()"""


async def test_the_page_resumes_after_a_lost_connection(
    page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace)
    with tapped("127.0.0.1", gateway.port, None) as line:
        await open_sheet(page, line.url, namespace)
        await page.evaluate(RECORD_REQUESTS)
        line.cut()
        await page.wait_for(f"{CONNECTION} === 'reconnecting'")
        created = backend.api().create(path, deployment("comes"))
        line.mend()
        await page.wait_for(f"{LIVE} && {row('comes')} !== undefined")
        requests: list[dict[str, Any]] = json.loads(await page.evaluate("JSON.stringify(requests)"))
        assert int(requests[-1]["resourceVersion"]) < int(created["metadata"]["resourceVersion"])


async def test_the_page_signs_in_to_a_passthrough_gateway(
    page: Page, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        await page.open(f"{gateway.url}/examples/spreadsheet/?namespace={namespace}")
        await page.wait_for("document.querySelector('#sign-in').open")
        await page.call("fill", "#token", "admin-token")
        await page.press("Enter")
        await page.wait_for(f"{LIVE} && {row('web')} !== undefined")
        await enter(page, "web", "desired", "2")
        await replicas_are(backend, namespace, 2)


@pytest.mark.cluster
async def test_a_refused_edit_is_noted_and_put_back(
    page: Page, seeded_cluster: Backend, tmp_path: Path
) -> None:
    """alice may watch deployments here, and not change them; the demo has no RBAC."""
    namespace, api = "refused-in-browser", seeded_cluster.api()
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(grouped("apps/v1", "deployments", namespace), deployment("web", replicas=2))
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"]}
    grant(api, "watch-deployments", "alice", rule, namespace=namespace)
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        await page.open(f"{gateway.url}/examples/spreadsheet/?namespace={namespace}")
        await page.wait_for("document.querySelector('#sign-in').open")
        await page.call("fill", "#token", "alice-token")
        await page.press("Enter")
        await page.wait_for(f"{LIVE} && {row('web')} !== undefined")
        await enter(page, "web", "desired", "9")
        await page.wait_for(f"{cell('web', 'note')}.startsWith('⚠ Desired 9 refused: ')")
        await page.wait_for(f"{cell('web', 'desired')} === '2'")
        assert "forbidden" in await page.evaluate(cell("web", "note"))
    assert desired(seeded_cluster, namespace) == 2


async def test_every_file_of_the_page_comes_from_the_gateway(
    page: Page, gateway: GatewayProcess, namespace: str
) -> None:
    await open_sheet(page, gateway.url, namespace)
    loaded: list[str] = await page.evaluate(
        "performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert any("tabulator" in address for address in loaded)
    assert all(address.startswith(gateway.url) for address in loaded)
