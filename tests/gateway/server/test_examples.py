"""The pages below /examples/, and their Content Security Policy."""

import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.server.examples import pages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Examples with a page ``sheet``, which pins one npm package, and an example ``bot`` without a page."""
    (tmp_path / "sheet").mkdir()
    (tmp_path / "sheet" / "index.html").write_text("a page")
    (tmp_path / "sheet" / "package.json").write_text(json.dumps({"dependencies": {"grid": "1.2.3"}}))
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "README.md").write_text("a bot")
    return tmp_path


async def fetch(folder: Path, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=pages(folder)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", follow_redirects=True
    ) as client:
        return await client.get(path)


async def test_every_folder_with_an_index_is_a_page(folder: Path) -> None:
    assert (await fetch(folder, "/examples/sheet")).text == "a page"
    assert (await fetch(folder, "/examples/sheet/")).text == "a page"
    assert (await fetch(folder, "/examples/bot/README.md")).text == "a bot"
    assert (await fetch(folder, "/examples/bot/")).status_code == 404


async def test_a_missing_package_may_come_from_the_cdn_at_its_pinned_version_only(folder: Path) -> None:
    policy = (await fetch(folder, "/examples/sheet/")).headers["content-security-policy"]
    source = "'self' https://unpkg.com/grid@1.2.3/"
    assert f"script-src {source}; style-src {source}; img-src 'self';" in policy
    other = (await fetch(folder, "/examples/bot/README.md")).headers["content-security-policy"]
    assert "https:" not in other


async def test_an_installed_package_is_loaded_from_this_gateway_only(folder: Path) -> None:
    (folder / "sheet" / "node_modules" / "grid").mkdir(parents=True)
    assert "https:" not in (await fetch(folder, "/examples/sheet/")).headers["content-security-policy"]
