"""Headless Chromium, driven by playwright-core in a Node process.

The session has one Chromium: its start takes 2 s of processor time. Each test has pages of its own, and
thereby its own cookies, storage and HTTP cache.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from tests.fixtures.requirements import unavailable
from tests.fixtures.waiting import DEADLINE, eventually

CLIENTS = Path(__file__).parents[1] / "clients"


_CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one takes half of the processor time: it is the engine without the browser's own windows."""
_POLL = """new Promise((resolve, reject) => {{
    const end = performance.now() + 1000;
    const check = () => {{
        try {{
            if ({expression}) resolve(true);
            else if (performance.now() > end) resolve(false);
            else setTimeout(check, 20);
        }} catch (error) {{ reject(error); }}
    }};
    check();
}})"""
"""Polls in the page for up to a second: each question from outside passes through four processes."""


@dataclass(frozen=True, slots=True)
class Page:
    """One tab in a separate browser context; :meth:`call` calls playwright's methods."""

    node: Popen[bytes]
    number: int

    async def call(self, method: str, *args: Any, target: str = "page") -> Any:
        command = {"page": self.number, "target": target, "method": method, "args": args}
        try:
            async with asyncio.timeout(2 * DEADLINE):
                answer = await asyncio.to_thread(_exchange, self.node, command)
        except BaseException:
            self.node.kill()  # a late answer would be taken for that of the next command
            raise
        assert "error" not in answer, answer["error"]
        return answer["value"]

    async def open(self, url: str) -> None:
        await self.call("goto", url)

    async def evaluate(self, expression: str) -> Any:
        return await self.call("evaluate", expression)

    async def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true in the page, or in the page that replaces it."""

        async def holds() -> bool:
            try:
                return bool(await self.evaluate(_POLL.format(expression=expression)))
            except AssertionError as error:
                if "Execution context was destroyed" in str(error):  # the page navigates
                    return False
                raise

        # not waitForFunction: it evaluates text inside the page, which the content security policy forbids
        await eventually(holds, expression)

    async def press(self, keys: str) -> None:
        await self.call("press", keys, target="keyboard")

    async def problems(self) -> list[str]:
        """The console errors and uncaught exceptions of the page."""
        problems: list[str] = await self.call("problems")
        return problems


def _exchange(node: Popen[bytes], command: dict[str, Any]) -> dict[str, Any]:
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(json.dumps(command).encode() + b"\n")
    node.stdin.flush()
    answer: dict[str, Any] = json.loads(node.stdout.readline())
    return answer


@dataclass(frozen=True, slots=True)
class Browser:
    node: Popen[bytes]

    def page(self, number: int = 0) -> Page:
        return Page(self.node, number)


def find_chromium() -> str:
    """The path of Chromium; skips (or fails) the test if Chromium, Node or playwright is missing."""
    chromium = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if chromium is None:
        unavailable("browser", "Chromium is not installed", "apt-get install chromium-headless-shell")
    if shutil.which("node") is None:
        unavailable("browser", "Node is not installed", "apt-get install nodejs npm")
    if not (CLIENTS / "node_modules" / "playwright-core").is_dir():
        unavailable("browser", "the npm packages are not installed", "npm ci --prefix tests/clients")
    return chromium


class Chromium:
    """A Chromium process, started on first use, and again after a command without an answer."""

    def __init__(self) -> None:
        self._node: Popen[bytes] | None = None

    def start(self) -> Popen[bytes]:
        """The Node process that drives Chromium."""
        if self._node is None or self._node.poll() is not None:
            self.close()
            command = ["node", str(CLIENTS / "browser.mjs"), find_chromium()]
            self._node = Popen(command, stdin=PIPE, stdout=PIPE)
        return self._node

    def close(self) -> None:
        if self._node is not None:
            self._node.communicate(timeout=DEADLINE)
            self._node = None


@contextmanager
def open_chromium() -> Iterator[Chromium]:
    chromium = Chromium()
    try:
        yield chromium
    finally:
        chromium.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture
async def browser(chromium: Chromium) -> AsyncIterator[Browser]:
    """The session's Chromium without pages."""
    browser = Browser(chromium.start())
    yield browser
    if browser.node.poll() is None:
        await browser.page().call("closeAll")


@pytest.fixture
def page(browser: Browser) -> Page:
    """The browser's first tab."""
    return browser.page()
