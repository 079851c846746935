"""The example pages under their Content Security Policy, without any other host than the gateway."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Page
from tests.fixtures.gateways import GatewayProcess, start_gateway

pytestmark = pytest.mark.browser

# the element that each page shows when it works
PAGES = {
    "": "document.querySelectorAll('li img').length > 4",
    "pods-dashboard/": "document.querySelectorAll('section button').length > 5",
    "spreadsheet/": "document.querySelectorAll('.tabulator-row').length > 0",
    "topology/#shop/Deployment/web": "document.querySelector('#objects [data-kind=Node]') !== null",
}
ORIGINS = "[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path_factory.mktemp("demo"), "--demo") as gateway:
        yield gateway


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "gallery")
async def test_a_page_needs_no_other_host_and_keeps_to_its_policy(
    page: Page, demo: GatewayProcess, name: str
) -> None:
    await page.open(f"{demo.url}/examples/{name}")
    await page.wait_for(PAGES[name])
    assert await page.evaluate(ORIGINS) == [demo.url]
    assert await page.problems() == []
    policy = (await demo.request("GET", f"/examples/{name}")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "gallery")
async def test_the_policy_refuses_foreign_and_inline_scripts(
    page: Page, demo: GatewayProcess, name: str
) -> None:
    await page.open(f"{demo.url}/examples/{name}")
    await page.evaluate("""(() => {
      window.refused = [];
      addEventListener("securitypolicyviolation", ({ blockedURI }) => refused.push(blockedURI));
      const inline = Object.assign(document.createElement("script"), { text: "window.hacked = true" });
      const foreign = Object.assign(document.createElement("script"), { src: "https://evil.example/x.js" });
      document.head.append(inline, foreign);
    })()""")
    await page.wait_for("refused.length === 2")
    assert await page.evaluate("[...refused, window.hacked ?? null]") == [
        "inline",
        "https://evil.example/x.js",
        None,
    ]
