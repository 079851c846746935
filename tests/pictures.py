"""``python -m tests.pictures [EXAMPLE …]``: make the examples' pictures again, on the demo, in Chromium.

Each becomes ``examples/EXAMPLE/picture.png``. A page is shown as it is; a program's output is shown as text.
"""

import asyncio
import html
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.browser.conftest import Browser, Page, open_chromium
from tests.fixtures.gateways import GatewayProcess, start_gateway

_EXAMPLES = Path(__file__).parents[1] / "examples"
_SIZE = {"width": 1080, "height": 640}
_STYLE = "body{background:#0e1116;color:#e8ebf0;font:19px/1.6 monospace}pre{white-space:pre-wrap}"


async def _pods_dashboard(page: Page, gateway: GatewayProcess) -> None:
    await page.open(f"{gateway.url}/examples/pods-dashboard/?namespace=shop")
    await page.wait_for("document.querySelectorAll('section button').length > 5")
    await page.call("click", "section button")
    await page.wait_for("document.querySelectorAll('#log div').length > 5")
    await page.call("hover", "section:nth-child(2) li:nth-child(2) button")
    await page.wait_for("!document.querySelector('#tooltip').hidden")


async def _topology(page: Page, gateway: GatewayProcess) -> None:
    """In the middle of a rollout."""
    await page.open(f"{gateway.url}/examples/topology/?namespace=shop#shop/Deployment/web")
    objects = "[...document.querySelectorAll('#objects li:not([inert])')]"
    await page.wait_for(f"{objects}.filter(item => item.dataset.kind === 'Pod').length === 3")
    await gateway.data('mutation { restartDeployment(name: "web", namespace: "shop") { metadata { name } } }')
    pods = "document.querySelectorAll('#objects li[data-kind=Pod]').length"
    states = "new Set([...document.querySelectorAll('#objects li')].map(item => item.dataset.status)).size"
    await page.wait_for(f"{pods} >= 4 && {states} >= 3")


async def _kubectl_proxy(page: Page, gateway: GatewayProcess) -> None:
    rest = gateway.process.wait_for_output("auth local").partition("demo (")[2].partition(")")[0]
    script = "examples/kubectl-proxy-to-graphql/compare.py"
    await _show_output(page, f"{script} {rest}", sys.executable, script, rest, "--gateway", gateway.url)


async def _autoscaler_bot(page: Page, gateway: GatewayProcess) -> None:
    query = """mutation($n: String!, $r: Int!) {
        scaleDeployment(namespace: "shop", name: $n, replicas: $r) { spec { replicas } } }"""
    options = "--namespace shop --target checkout --pods app.kubernetes.io/name=web --per 1"
    script = "examples/autoscaler-bot/bot.py"
    arguments = [sys.executable, script, "--gateway", gateway.socket_url, *options.split()]
    showing = asyncio.create_task(_show_output(page, f"{script} {options}", *arguments, seconds=15))
    for name, replicas in (("web", 5), ("checkout", 8), ("web", 4)):
        await asyncio.sleep(4)
        await gateway.data(query, {"n": name, "r": replicas})
    await showing


async def _spreadsheet(page: Page, gateway: GatewayProcess) -> None:
    """Two entries that are no values, and one that scales."""
    await page.open(f"{gateway.url}/examples/spreadsheet/?namespace=shop")
    await page.wait_for("document.querySelectorAll('.tabulator-row').length > 4")
    for row, column, content in (
        (1, "image", "ghcr.io/example/cart:"),
        (4, "desired", "2x"),
        (5, "desired", "8"),
    ):
        await page.call("dblclick", f".tabulator-row:nth-child({row}) .column-{column}")
        await page.call("fill", ".tabulator-editing input", content)
        await page.press("Enter")
    await page.call("click", ".tabulator-row:nth-child(5) .column-desired")
    await page.wait_for("document.querySelector('.tabulator-row:nth-child(5) .column-actual').innerText > 5")


async def _typed_clients(page: Page, gateway: GatewayProcess) -> None:
    """The page as `npm run build` has made it."""
    await page.open(f"{gateway.url}/examples/typed-clients/typescript/")
    await page.wait_for("document.querySelectorAll('tr').length > 5")


PICTURES: dict[str, Callable[[Page, GatewayProcess], Awaitable[None]]] = {
    "pods-dashboard": _pods_dashboard,
    "topology": _topology,
    "kubectl-proxy-to-graphql": _kubectl_proxy,
    "autoscaler-bot": _autoscaler_bot,
    "spreadsheet": _spreadsheet,
    "typed-clients": _typed_clients,
}


async def _show_output(page: Page, command: str, *arguments: str, seconds: float = 60) -> None:
    """Run a program, for at most that time, and show its output as text."""
    process = await asyncio.create_subprocess_exec(*arguments, stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    lines: list[bytes] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while line := await process.stdout.readline():
                lines.append(line)
    if process.returncode is None:
        process.terminate()
        await process.wait()
    text = html.escape(f"$ {command}\n\n{b''.join(lines).decode()}")
    await page.call("setContent", f"<style>{_STYLE}</style><pre>{text}</pre>")


async def _make(names: list[str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        start_gateway(Path(folder), "--demo") as gateway,
        open_chromium() as chromium,
    ):
        browser = Browser(chromium.start())
        for number, name in enumerate(names):
            page = browser.page(number)
            await page.call("setViewportSize", _SIZE)
            await PICTURES[name](page, gateway)
            await page.call("screenshot", {"path": str(_EXAMPLES / name / "picture.png")})


if __name__ == "__main__":
    asyncio.run(_make(sys.argv[1:] or list(PICTURES)))
