"""Headless Chromium, driven by playwright-core in a Node process."""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.requirements import unavailable
from tests.fixtures.waiting import DEADLINE, eventually

CLIENTS = Path(__file__).parents[1] / "clients"


@dataclass(frozen=True, slots=True)
class Page:
    """One tab in a separate browser context; :meth:`call` calls playwright's methods."""

    node: Process
    number: int

    async def call(self, method: str, *args: Any, target: str = "page") -> Any:
        assert self.node.stdin is not None
        assert self.node.stdout is not None
        command = {"page": self.number, "target": target, "method": method, "args": args}
        self.node.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(2 * DEADLINE):
            answer = json.loads(await self.node.stdout.readline())
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
                return bool(await self.evaluate(f"Boolean({expression})"))
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


@dataclass(frozen=True, slots=True)
class Browser:
    node: Process

    def page(self, number: int = 0) -> Page:
        return Page(self.node, number)


def find_chromium() -> str:
    """The path of Chromium; skips (or fails) the test if Chromium, Node or playwright is missing."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        unavailable("browser", "Chromium is not installed", "apt-get install chromium")
    if shutil.which("node") is None:
        unavailable("browser", "Node is not installed", "apt-get install nodejs npm")
    if not (CLIENTS / "node_modules" / "playwright-core").is_dir():
        unavailable("browser", "the npm packages are not installed", "npm ci --prefix tests/clients")
    return chromium


async def open_browser() -> AsyncIterator[Browser]:
    """A Chromium process."""
    command = ["node", str(CLIENTS / "browser.mjs"), find_chromium()]
    node = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert node.stdin is not None
    try:
        yield Browser(node)
    finally:
        node.stdin.close()
        async with asyncio.timeout(DEADLINE):
            await node.wait()


browser = pytest.fixture(open_browser, name="browser")


@pytest.fixture
def page(browser: Browser) -> Page:
    """The browser's first tab."""
    return browser.page()
