"""The page, its files and their hashes."""

import html
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from gateway.server.page_headers import PageHeaders, content_security_policy, page_headers

__all__ = ["PACKAGES", "PackageFile", "assets", "page"]

_FOLDER = Path(__file__).parent
_CDN = "https://unpkg.com/"
_LOCAL = "graphiql/packages/"
_GALLERY = '    <link rel="help" href="examples/" />\n'


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a pinned npm package; ``integrity`` as in HTML's attribute of that name."""

    package: str
    version: str
    path: str
    integrity: str

    @property
    def address(self) -> str:
        """The path below both the CDN and the local mount."""
        return f"{self.package}@{self.version}/{self.path}"

    @property
    def installed(self) -> Path:
        return _FOLDER / "node_modules" / self.package / self.path


PACKAGES = (
    PackageFile(
        "react",
        "18.3.1",
        "umd/react.production.min.js",
        "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    PackageFile(
        "react-dom",
        "18.3.1",
        "umd/react-dom.production.min.js",
        "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    PackageFile(
        "graphiql",
        "3.8.3",
        "graphiql.min.js",
        "sha384-HbRVEFG0JGJZeAHCJ9Xm2+tpknBQ7QZmNlO/DgZtkZ0aJSypT96YYGRNod99l9Ie",
    ),
    PackageFile(
        "graphiql",
        "3.8.3",
        "graphiql.min.css",
        "sha384-Mq3vbRBY71jfjQAt/DcjxUIYY33ksal4cgdRt9U/hNPvHBCaT2JfJ/PTRiPKf0aM",
    ),
    PackageFile(
        "@graphiql/plugin-explorer",
        "3.2.6",
        "dist/index.umd.js",
        "sha384-5p6hGdlOTvUy6Wf0GauxCz+xM9YB/YYvcGG+bf9msr2eyd+KVIxgRkepHgUijedJ",
    ),
    PackageFile(
        "@graphiql/plugin-explorer",
        "3.2.6",
        "dist/style.css",
        "sha384-YN9MumWidbWKuNj8VfH5ggrFvm9YqAoIOMnKYpeGL3dr7Eg1qnQ+SAqSthdNZCjz",
    ),
)

_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}


def page(*, examples: bool = False) -> Response:
    """The page; it loads local files if all of them are installed, else all files from the CDN.

    ``examples`` adds a link to the gallery of examples.
    """
    local = all(file.installed.is_file() for file in PACKAGES)
    base = _LOCAL if local else _CDN
    tags = "\n".join(_tag(file, base) for file in PACKAGES)
    text = (_FOLDER / "page.html").read_text(encoding="utf-8").replace("<!-- packages -->", tags)
    if not examples:
        text = text.replace(_GALLERY, "")
    # the page can run mutations with the reader's rights: forbid framing and foreign scripts
    source = "'self'" if local else f"'self' {_CDN}"
    policy = content_security_policy(
        script=source, style=f"{source} 'unsafe-inline'", img="'self' data:", font="'self' data:"
    )
    headers = {**page_headers(policy), "Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(text, media_type="text/html", headers=headers)


def _tag(file: PackageFile, base: str) -> str:
    address = html.escape(base + file.address)
    checked = f'integrity="{file.integrity}" crossorigin'
    if file.path.endswith(".css"):
        return f'    <link rel="stylesheet" href="{address}" {checked} />'
    return f'    <script defer src="{address}" {checked}></script>'


def assets() -> Mount:
    """The routes of the page's own script and style, and of the installed packages."""
    installed = {file.address: file.installed for file in PACKAGES}

    async def package_file(request: Request) -> Response:
        path = installed.get(request.path_params["address"])
        if path is None or not path.is_file():
            return PlainTextResponse("not found", 404)
        return FileResponse(path, headers=_IMMUTABLE)

    routes = [
        Route("/packages/{address:path}", package_file),
        Mount("/", StaticFiles(directory=_FOLDER / "static")),
    ]
    return Mount("/graphiql", PageHeaders(Router(routes), content_security_policy()))
