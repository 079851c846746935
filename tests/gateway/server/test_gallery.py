"""The gallery of examples."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.server.gallery import Card, cards
from tests.fixtures.gateways import GatewayProcess, start_gateway

EXAMPLES = Path(__file__).parents[3] / "examples"
MOST_BYTES = 150_000


def test_a_card_has_title_and_first_paragraph_without_markdown(tmp_path: Path) -> None:
    for name, readme in (
        ("page", "# A `page`\n\nShows [`it`](x.py),\nlive.\n\nMore."),
        ("untitled", "Text."),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(readme)
        (tmp_path / name / "picture.png").write_bytes(b"")
    (tmp_path / "page" / "index.html").write_text("")
    assert list(cards(tmp_path)) == [Card("page", "A page", "Shows it, live.", "page/")]


def test_every_example_is_in_the_gallery_with_a_small_picture() -> None:
    folders = {folder.parent.name for folder in EXAMPLES.glob("*/README.md")}
    assert {card.name for card in cards(EXAMPLES)} == folders
    for card in cards(EXAMPLES):
        assert card.summary
        assert (EXAMPLES / card.name / "picture.png").stat().st_size < MOST_BYTES


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[GatewayProcess]:
    with start_gateway(tmp_path, "--demo") as gateway:
        yield gateway


async def test_the_gallery_and_all_that_it_links_to_are_served(demo: GatewayProcess) -> None:
    page = await demo.request("GET", "/examples/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text  # works without the internet
    for address in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        linked = await demo.request("GET", f"/examples/{address}", headers={"Accept": "text/html"})
        assert linked.status_code == 200, address
    graphiql = await demo.request("GET", "/graphql", headers={"Accept": "text/html"})
    assert 'href="examples/"' in graphiql.text


async def test_no_examples_switches_gallery_pages_and_link_off(tmp_path: Path) -> None:
    with start_gateway(tmp_path, "--demo", "--no-examples") as gateway:
        for path in ("/examples/", "/examples/pods-dashboard/", "/examples/gallery.css"):
            assert (await gateway.request("GET", path)).status_code == 404
        graphiql = await gateway.request("GET", "/graphql", headers={"Accept": "text/html"})
        assert "examples" not in graphiql.text
