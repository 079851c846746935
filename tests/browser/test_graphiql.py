"""GraphiQL in a real browser: queries, subscriptions, and both together."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.server.graphiql.files import PACKAGES
from tests.browser.conftest import Browser, Page
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.requirements import unavailable

pytestmark = pytest.mark.browser

ANSWER = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()"
WEB_PODS = 'pods(namespace: "shop", labelSelector: "app.kubernetes.io/name=web")'
SCALE_WEB = """
mutation ($replicas: Int!) {
  patchDeployment(name: "web", namespace: "shop", patch: {spec: {replicas: $replicas}}) {
    spec { replicas }
  }
}
"""
READY = "document.querySelector('.graphiql-execute-button') !== null"


@pytest.fixture(autouse=True, scope="module")
def _graphiql_installed() -> None:
    if not all(package.installed.is_file() for package in PACKAGES):
        unavailable("browser", "GraphiQL is not installed", "npm ci --prefix gateway/server/graphiql")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path_factory.mktemp("graphiql"), "--demo") as gateway:
        yield gateway


async def open_query(page: Page, gateway: GatewayProcess, query: str, **more: str) -> None:
    await page.open(f"{gateway.url}/graphql?{urlencode({'query': query, **more})}")
    await page.wait_for(READY)


async def run(page: Page) -> None:
    await page.call("click", ".graphiql-execute-button")


async def test_the_start_page_has_a_query_that_runs(page: Page, demo: GatewayProcess) -> None:
    requests_elsewhere = (
        "performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin))"
    )
    await page.open(f"{demo.url}/")
    await page.wait_for(READY)
    await run(page)
    await page.wait_for(f'{ANSWER}.includes(\'"phase": "Running"\')')
    assert await page.evaluate(f"{requests_elsewhere}.length") == 0
    assert await page.problems() == []


async def test_the_documentation_explorer_shows_the_schema(page: Page, demo: GatewayProcess) -> None:
    await page.open(f"{demo.url}/graphql")
    await page.wait_for(READY)
    await page.call("click", "[aria-label='Show Documentation Explorer']")
    await page.wait_for("document.querySelector('.graphiql-plugin')?.textContent.includes('Subscription')")


async def test_a_patch_in_one_tab_is_seen_by_a_subscription_in_another(
    browser: Browser, demo: GatewayProcess
) -> None:
    watching, patching = browser.page(0), browser.page(1)
    await open_query(
        watching, demo, f"subscription {{ {WEB_PODS} {{ type object {{ metadata {{ name }} }} }} }}"
    )
    await run(watching)
    await watching.wait_for(f"{ANSWER}.includes('\"type\"')")
    answer = await demo.data(f"{{ {WEB_PODS} {{ items {{ metadata {{ name }} }} }} }}")
    before = [item["metadata"]["name"] for item in answer["pods"]["items"]]

    await open_query(patching, demo, SCALE_WEB, variables=json.dumps({"replicas": len(before) + 2}))
    await run(patching)
    await patching.wait_for(f"{ANSWER}.includes('\"replicas\": {len(before) + 2}')")
    added = f"event.type === 'ADDED' && !{json.dumps(before)}.includes(event.object.metadata.name)"
    await watching.wait_for(f"(event => {added})(JSON.parse({ANSWER}).data.pods)")
    assert await watching.problems() == await patching.problems() == []


async def test_the_headers_editor_signs_in_queries_and_subscriptions(
    page: Page, backend: Backend, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    headers = json.dumps({"Authorization": "Bearer admin-token"})
    with start_gateway(tmp_path, *options) as gateway:
        await open_query(page, gateway, "{ namespaces { items { metadata { name } } } }")
        await run(page)
        await page.wait_for(f"{ANSWER}.includes('UNAUTHENTICATED')")
        await open_query(page, gateway, "{ namespaces { items { metadata { name } } } }", headers=headers)
        await run(page)
        await page.wait_for(f"{ANSWER}.includes('team-1')")
        await open_query(page, gateway, "subscription { namespaces { type } }", headers=headers)
        await run(page)
        await page.wait_for(f"{ANSWER}.includes('SYNCED')")
