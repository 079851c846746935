"""A large response in parts is the encoded response."""

from typing import Any

import msgspec
import pytest
from starlette.types import Message, Scope

from gateway.server.large_response import LargeResponse, encoded_fields


async def sent(response: LargeResponse, method: str = "GET") -> tuple[dict[bytes, bytes], list[bytes]]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    scope: Scope = {"type": "http", "method": method}
    await response(scope, receive, send)
    return dict(messages[0]["headers"]), [message["body"] for message in messages[1:]]


def response_with(size: int, **rest: Any) -> dict[str, Any]:
    raw = msgspec.Raw(msgspec.json.encode("x" * size))
    return {"data": {f"a{number}": raw for number in range(3)}, **rest}


@pytest.mark.parametrize("rest", [{}, {"errors": [{"message": "no"}], "extensions": {"a": 1}}])
@pytest.mark.parametrize("size", [0, 1, 300_000, 5_000_000])
async def test_the_parts_are_the_encoded_response(size: int, rest: dict[str, Any]) -> None:
    response = response_with(size, **rest)
    headers, parts = await sent(LargeResponse(response, response["data"], {"A": "b"}, "application/json"))
    body = b"".join(parts)
    assert msgspec.json.decode(body) == msgspec.json.decode(msgspec.json.encode(response))
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"a"] == b"b"
    assert max(map(len, parts)) <= 512 << 10


async def test_the_response_to_head_has_no_body() -> None:
    response = response_with(1)
    _, parts = await sent(LargeResponse(response, response["data"], {}, "application/json"), "HEAD")
    assert b"".join(parts) == b""


@pytest.mark.parametrize(
    "response",
    [{"errors": []}, {"data": None}, {"data": {"a": {"b": 1}}}, {"data": {}}, response_with(1), []],
)
def test_other_responses_are_encoded_at_once(response: object) -> None:
    assert encoded_fields(response) is None


def test_only_large_responses_are_sent_in_parts() -> None:
    response = response_with(1_000_000)
    assert encoded_fields(response) is response["data"]
