"""The page for browsers and its assets."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from gateway.server import graphiql
from gateway.server.graphiql.files import PACKAGES, PackageFile
from tests.fixtures.requirements import unavailable
from tests.gateway.server.conftest import Served

in_module_loop = pytest.mark.asyncio(loop_scope="module")

FOLDER = Path(graphiql.__file__).parent
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def ids(file: PackageFile) -> str:
    return f"{file.package}/{Path(file.path).name}"


@in_module_loop
async def test_only_a_browser_gets_the_page(local: Served) -> None:
    page = await local.http.get("/graphql", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    client = await local.http.get("/graphql", headers={"Accept": "*/*"})
    assert (client.status_code, client.headers["content-type"]) == (400, "application/json")


@in_module_loop
async def test_a_link_with_a_query_opens_in_the_page(local: Served) -> None:
    page = await local.http.get("/graphql", params={"query": "{ __typename }"}, headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")


@in_module_loop
async def test_the_page_forbids_framing_and_inline_scripts(local: Served) -> None:
    page = await local.http.get("/graphql", headers=BROWSER)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert (
        "'unsafe-inline'" not in page.headers["content-security-policy"].split("script-src")[1].split(";")[0]
    )


@in_module_loop
async def test_every_local_file_of_the_page_is_served(local: Served) -> None:
    page = await local.http.get("/graphql", headers=BROWSER)
    own = [path for path in re.findall(r'(?:src|href)="([^"]+)"', page.text) if not path.startswith("http")]
    assert "graphiql/page.js" in own
    for path in own:
        assert (await local.http.get(f"/{path}")).status_code == 200, path


@in_module_loop
async def test_other_files_of_the_packages_are_not_served(local: Served) -> None:
    for path in ("react@18.3.1/package.json", "../package.json", "%2e%2e/assets.py", ""):
        assert (await local.http.get(f"/graphiql/packages/{path}")).status_code == 404


def test_without_the_packages_the_page_loads_the_same_files_from_the_cdn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text((FOLDER / "page.html").read_text())
    monkeypatch.setattr("gateway.server.graphiql.files._FOLDER", tmp_path)
    page = graphiql.page()
    for file in PACKAGES:
        assert f'"https://unpkg.com/{file.address}" integrity="{file.integrity}"' in bytes(page.body).decode()
    assert "script-src 'self' https://unpkg.com/;" in page.headers["content-security-policy"]


@pytest.mark.parametrize("file", PACKAGES, ids=ids)
def test_the_versions_match_package_json_and_the_lock_file(file: PackageFile) -> None:
    pinned = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert pinned[file.package] == file.version == locked[f"node_modules/{file.package}"]["version"]


@pytest.mark.node
@pytest.mark.parametrize("file", PACKAGES, ids=ids)
def test_the_hashes_match_the_installed_files(file: PackageFile) -> None:
    if not file.installed.is_file():
        unavailable("node", "the npm packages are not installed", "npm ci --prefix gateway/server/graphiql")
    digest = base64.b64encode(hashlib.sha384(file.installed.read_bytes()).digest()).decode()
    assert file.integrity == f"sha384-{digest}"


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
