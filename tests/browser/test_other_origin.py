"""An app on another origin, in a real browser: HTTP, event streams, multipart responses and websockets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Page
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.ports import free_port

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The other origin; any server can deliver the app."""
    with start_gateway(tmp_path_factory.mktemp("app"), "--demo") as server:
        yield server


def fetch(url: str, query: str, accept: str) -> str:
    """JavaScript: the beginning of the response, or the error that the page gets."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer admin-token", "Accept": accept}
    options = {"method": "POST", "headers": headers, "body": json.dumps({"query": query})}
    return f"""(async () => {{
      try {{
        const response = await fetch({json.dumps(url)}, {json.dumps(options)});
        const reader = response.body.getReader();
        let text = "";
        while (text.length < 20) {{
          const {{ value, done }} = await reader.read();
          if (done) break;
          text += new TextDecoder().decode(value);
        }}
        await reader.cancel();
        return text;
      }} catch (error) {{
        return String(error);
      }}
    }})()"""


def connect(url: str) -> str:
    """JavaScript: the answer to ``connection_init``, or the code of the close."""
    message = {"type": "connection_init", "payload": {"Authorization": "Bearer admin-token"}}
    return f"""new Promise((resolve) => {{
      const socket = new WebSocket({json.dumps(url)}, "graphql-transport-ws");
      socket.onopen = () => socket.send({json.dumps(json.dumps(message))});
      socket.onmessage = ({{ data }}) => resolve(data);
      socket.onclose = ({{ code }}) => resolve(`closed ${{code}}`);
    }})"""


async def test_an_app_on_a_listed_origin_uses_every_transport(
    page: Page, backend: Backend, app: GatewayProcess, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough", "--cors-origins", app.url)
    with start_gateway(tmp_path / "gateway", *options, port=free_port()) as gateway:
        url = f"{gateway.url}/graphql"
        await page.open(f"{app.url}/livez")
        assert "data" in await page.evaluate(fetch(url, "{ version { gitVersion } }", "application/json"))
        subscription = "subscription { namespaces { type } }"
        for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
            beginning = await page.evaluate(fetch(url, subscription, accept))
            assert beginning.strip()
            assert "TypeError" not in beginning
        assert "connection_ack" in await page.evaluate(connect(gateway.socket_url))


async def test_an_app_on_another_origin_uses_none(
    page: Page, backend: Backend, app: GatewayProcess, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path / "gateway", *options, port=free_port()) as gateway:
        await page.open(f"{app.url}/livez")
        answer = await page.evaluate(fetch(f"{gateway.url}/graphql", "{ __typename }", "application/json"))
        assert "TypeError" in answer
        assert await page.evaluate(connect(gateway.socket_url)) == "closed 4403"
