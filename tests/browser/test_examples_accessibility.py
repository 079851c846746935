"""The example pages for keyboard and screen reader, and their colours in both schemes."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.browser.accessibility import SCHEMES, audit, contrasts, use_scheme
from tests.browser.conftest import Page
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.browser

EVERY_STATE = """(() => {
  const states = [...document.querySelectorAll("#counts li")].map(({ dataset }) => dataset.state);
  const tiles = [...document.querySelectorAll("section li")];
  tiles.forEach(({ dataset }, at) => (dataset.state = states[at % states.length]));
})()"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path_factory.mktemp("demo"), "--demo") as gateway:
        yield gateway


async def show_dashboard(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/pods-dashboard/")
    await page.wait_for("document.querySelectorAll('section button').length > 12")


async def show_details(page: Page, gateway: GatewayProcess) -> None:
    await show_dashboard(page, gateway)
    await page.call("click", "section button")
    await page.wait_for("document.querySelectorAll('#log div').length > 3")
    await page.call("hover", "section:nth-child(2) li:nth-child(2) button")
    await page.wait_for("!document.querySelector('#tooltip').hidden")
    await page.evaluate(EVERY_STATE)


async def show_stale_dashboard(page: Page, gateway: GatewayProcess) -> None:
    await show_details(page, gateway)
    await page.evaluate("""(() => {
      document.body.toggleAttribute("data-stale", true);
      document.querySelector("#stale").hidden = false;
      document.querySelector("#failure").textContent = "a failure";
      document.querySelector("#labels").ariaInvalid = "true";
    })()""")


async def show_sign_in(page: Page, gateway: GatewayProcess) -> None:
    await show_dashboard(page, gateway)
    await page.evaluate("document.querySelector('#sign-in').showModal()")


async def show_sheet(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/spreadsheet/?namespace=shop")
    await page.wait_for("document.querySelectorAll('.tabulator-row').length > 3")


async def show_refused_entry(page: Page, gateway: GatewayProcess) -> None:
    await show_sheet(page, gateway)
    await page.call("dblclick", ".tabulator-row .column-desired")
    await page.call("fill", ".tabulator-editing input", "many")
    await page.press("Enter")
    await page.wait_for("document.querySelector('.tabulator-row .column-note').textContent.length > 5")
    await page.call("dblclick", ".tabulator-row .column-image")
    await page.wait_for("document.querySelector('.tabulator-editing input')")


EVERY_HEALTH = """(() => {
  const all = [...document.querySelectorAll("#counts li")].map(({ dataset }) => dataset.status);
  const drawn = [...document.querySelectorAll("#objects li, #applications li")];
  drawn.forEach(({ dataset }, at) => (dataset.status = all[at % all.length]));
  document.querySelector("#failure").textContent = "a failure";
})()"""


async def show_topology(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/topology/?namespace=shop#shop/Deployment/web")
    await page.wait_for("document.querySelector('#objects [data-kind=Node]')")


async def show_topology_details(page: Page, gateway: GatewayProcess) -> None:
    await show_topology(page, gateway)
    await page.call("click", "#objects [data-kind=Pod] button")
    await page.wait_for("document.querySelectorAll('#events li').length > 0")
    await page.evaluate(EVERY_HEALTH)


async def show_gallery(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/")


VIEWS = [
    show_dashboard,
    show_details,
    show_stale_dashboard,
    show_sign_in,
    show_sheet,
    show_refused_entry,
    show_topology,
    show_topology_details,
    show_gallery,
]


@pytest.mark.parametrize("show", VIEWS, ids=lambda view: view.__name__.removeprefix("show_"))
async def test_roles_names_labels_and_contrasts_meet_wcag(
    page: Page, demo: GatewayProcess, show: Callable[[Page, GatewayProcess], Awaitable[None]]
) -> None:
    """One page shows both schemes in turn: loading it takes longer than an audit."""
    await use_scheme(page, SCHEMES[0])
    await show(page, demo)
    for scheme in SCHEMES:
        await use_scheme(page, scheme)
        findings, passed = await audit(page)
        assert findings == [], scheme
        assert {"button-name", "document-title", "html-has-lang"} & passed
        findings, checked = await contrasts(page)
        assert findings == [], scheme
        assert checked > 5


async def test_a_low_contrast_and_a_nameless_button_are_found(page: Page, demo: GatewayProcess) -> None:
    await show_gallery(page, demo)
    await page.evaluate("""(() => {
      document.querySelector("h1").style.color = "#888";
      document.querySelector("h1").style.fontSize = "12px";
      document.querySelector("main").append(document.createElement("button"));
    })()""")
    findings, _ = await audit(page)
    assert any(finding.startswith("button-name") for finding in findings)
    findings, _ = await contrasts(page)
    assert [finding.rpartition(": ")[0] for finding in findings] == ["text h1. in main"]


FOCUSED = """(() => {
  const { id, role, ariaLabel, textContent } = document.activeElement;
  return id || ariaLabel || `${role ?? ""} ${textContent}`.trim();
})()"""


async def focus_order(page: Page, presses: int) -> list[str]:
    """The elements on which the focus is after each press of Tab."""
    order: list[str] = []
    for _ in range(presses):
        await page.press("Tab")
        order.append(await page.evaluate(FOCUSED))
    return order


async def test_the_tab_key_visits_filter_tiles_and_details_in_reading_order(
    page: Page, demo: GatewayProcess
) -> None:
    await show_dashboard(page, demo)
    *form, tile = await focus_order(page, 4)
    assert form == ["namespace", "labels", "Filter"]
    assert "1/1" in tile
    await page.press("Enter")
    await page.wait_for("document.activeElement.id === 'details-title'")
    await page.wait_for("document.querySelector('#facts').textContent.includes('Labels')")
    assert await focus_order(page, 1) == ["close"]
    labels = await page.evaluate("document.querySelectorAll('button.label').length")
    *chips, log = await focus_order(page, labels + 1)
    assert all("=" in chip for chip in chips)
    assert log == "log"
    await page.press("Escape")
    assert await page.evaluate(FOCUSED) == tile


async def test_the_sheet_is_reached_edited_and_left_with_the_keyboard_alone(
    page: Page, demo: GatewayProcess
) -> None:
    await show_sheet(page, demo)
    assert await focus_order(page, 4) == ["insert", "duplicate", "delete", "Rows"]
    name = await page.evaluate("document.querySelector('.tabulator-row .column-deployment').innerText")
    await page.press("ArrowRight")
    await page.press("Enter")
    await page.wait_for("document.activeElement.ariaLabel === 'Desired'")
    await page.press("Control+a")
    await page.call("insertText", "7", target="keyboard")
    await page.press("Enter")
    query = f'{{ deployment(namespace: "shop", name: "{name}") {{ spec {{ replicas }} }} }}'

    async def is_scaled() -> bool:
        return bool((await demo.data(query))["deployment"]["spec"]["replicas"] == 7)

    await eventually(is_scaled, "the deployment to be scaled")
    await page.wait_for("document.activeElement.ariaLabel === 'Rows'")
    assert await focus_order(page, 1) == ["tab shop"]
    await page.press("Shift+Tab")
    await page.press("Shift+Tab")
    assert await page.evaluate(FOCUSED) == "delete"
