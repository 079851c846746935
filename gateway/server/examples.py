"""The example pages below ``/examples/``: the folders of ``examples/`` that have an ``index.html``."""

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import gateway
from gateway.server.page_headers import PageHeaders, content_security_policy

__all__ = ["examples_folder", "pages"]

_CDN = "https://unpkg.com/"


def examples_folder() -> Path | None:
    """The folder behind ``/examples/``: in a checkout or in the data directory; None if not installed."""
    checkout = Path(gateway.__file__).parent.parent / "examples"
    installed = Path(sysconfig.get_path("data")) / "share" / "kube-graphql" / "examples"
    return next((folder for folder in (checkout, installed) if any(_pages(folder))), None)


def pages(folder: Path) -> list[Mount]:
    """The routes of the pages and, after them, of all files in ``folder``.

    A page loads its npm packages from its own ``node_modules``. For a package that is not installed, its
    Content Security Policy allows the CDN's copy of exactly the version that ``package.json`` pins.
    """
    own = [_mount(f"/examples/{page.name}", page) for page in _pages(folder)]
    return [*own, _mount("/examples", folder)]


def _pages(folder: Path) -> Iterator[Path]:
    return (file.parent for file in sorted(folder.glob("*/index.html")))


def _mount(path: str, folder: Path) -> Mount:
    source = " ".join(["'self'", *_missing_packages(folder)])
    policy = content_security_policy(script=source, style=source)
    return Mount(path, PageHeaders(StaticFiles(directory=folder, html=True), policy))


def _missing_packages(page: Path) -> Iterator[str]:
    manifest = page / "package.json"
    if manifest.is_file():
        pinned = json.loads(manifest.read_text(encoding="utf-8")).get("dependencies", {})
        for name, version in pinned.items():
            if not (page / "node_modules" / name).is_dir():
                yield f"{_CDN}{name}@{version}/"
