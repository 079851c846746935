"""The headers of pages."""

from starlette.types import Message, Receive, Scope, Send

from gateway.server.page_headers import PageHeaders, content_security_policy, page_headers


def test_a_policy_allows_the_named_sources_and_nothing_else() -> None:
    policy = content_security_policy(img="'self' data:")
    directives = dict(item.split(" ", 1) for item in policy.split("; "))
    assert directives.pop("img-src") == "'self' data:"
    assert {directives.pop(f"{name}-src") for name in ("script", "style", "font", "connect")} == {"'self'"}
    assert set(directives.values()) == {"'none'"}


async def test_every_response_of_the_app_has_the_headers() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"ALLOW")]}
        )
        await send({"type": "http.response.body", "body": b""})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await PageHeaders(app, "default-src 'none'")({"type": "http"}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    expected = page_headers("default-src 'none'")
    assert headers == {name.lower(): value for name, value in expected.items()}
    assert "headers" not in sent[1]
