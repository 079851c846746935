"""The gallery at ``/examples/``: a card for every example with a picture and a README that has a title."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.server.page_headers import content_security_policy, page_headers

__all__ = ["Card", "cards", "gallery"]

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"[`*]")
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Examples</title>
    <link rel="icon" href="../graphiql/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="gallery.css" />
  </head>
  <body>
    <main>
      <h1>Examples</h1>
      <p>
        Small, finished programs over this gateway's GraphQL API. <a href="../graphql">Back to GraphiQL</a>
      </p>
      <ul>
{cards}
      </ul>
    </main>
  </body>
</html>
"""
_CARD = """        <li>
          <a href="{address}"><img src="{name}/picture.png" alt="" /><h2>{title}</h2></a>
          <p>{summary}</p>
          <p><a href="{name}/README.md" aria-label="README of {title}">README</a></p>
        </li>"""


@dataclass(frozen=True, slots=True)
class Card:
    """One example. ``address`` is its page, or its README if it has none, relative to the gallery."""

    name: str
    title: str
    summary: str
    address: str


def cards(folder: Path) -> Iterator[Card]:
    """The examples of a folder by name: an example has a picture and a README that begins with a title."""
    for picture in sorted(folder.glob("*/picture.png")):
        example = picture.parent
        readme = example / "README.md"
        text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
        title, _, rest = text.partition("\n")
        if title.startswith("# "):
            summary = next(filter(None, (part.strip() for part in rest.split("\n\n"))), "")
            page = "" if (example / "index.html").is_file() else "README.md"
            yield Card(example.name, _plain(title[2:]), _plain(summary), f"{example.name}/{page}")


def gallery(folder: Path) -> Route:
    """The route of the gallery; its style and pictures are files below ``folder``."""
    headers = {**page_headers(content_security_policy()), "Cache-Control": "no-cache"}

    def respond(request: Request) -> Response:
        del request
        items = "\n".join(_CARD.format(**_escaped(card)) for card in cards(folder))
        return Response(_PAGE.format(cards=items), media_type="text/html", headers=headers)

    return Route("/examples/", respond)


def _escaped(card: Card) -> dict[str, str]:
    fields = {"name": card.name, "title": card.title, "summary": card.summary, "address": card.address}
    return {name: html.escape(value) for name, value in fields.items()}


def _plain(markdown: str) -> str:
    """One paragraph of Markdown without links and emphasis."""
    return " ".join(_EMPHASIS.sub("", _LINK.sub(r"\1", markdown)).split())
