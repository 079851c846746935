"""Responses are compressed as the client accepts it; streams are not."""

import gzip
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway import compression as codings
from gateway.compression import StoredBody
from gateway.server import compression
from gateway.server.compression import Compression, StoredResponse
from tests.gateway.server.conftest import Served

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

in_module_loop = pytest.mark.asyncio(loop_scope="module")

TEXT = "text " * 1000
DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "zstd": zstd.decompress,
}


async def ask(
    response: Response,
    accept_encoding: str | None,
    *,
    method: str = "GET",
    level: int = 1,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The response as sent behind the layer, with the raw body in ``extensions``."""

    async def answer(_request: Request) -> Response:
        return response

    app = Starlette(
        routes=[Route("/", answer)], middleware=[Middleware(Compression, level=level, threshold=1024)]
    )
    accepted = {"Accept-Encoding": accept_encoding} if accept_encoding is not None else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        # httpx adds a header of its own
        del http.headers["Accept-Encoding"]
        request = http.build_request(method, "/", headers={**accepted, **(headers or {})})
        received = await http.send(request, stream=True)
        received.extensions["raw"] = b"".join([piece async for piece in received.aiter_raw()])
    return received


def body_of(response: httpx.Response) -> bytes:
    raw: bytes = response.extensions["raw"]
    assert int(response.headers["content-length"]) == len(raw)
    return DECOMPRESS[response.headers.get("content-encoding", "identity")](raw)


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [(None, None), ("gzip", "gzip"), ("gzip, zstd", "zstd"), ("gzip;q=0, identity", None), ("br", None)],
)
@pytest.mark.parametrize("stored", [False, True])
async def test_the_body_has_the_coding_that_the_client_accepts(
    accept_encoding: str | None, coding: str | None, stored: bool
) -> None:
    response = (
        StoredResponse(StoredBody([TEXT.encode()]), {}, "text/plain") if stored else PlainTextResponse(TEXT)
    )
    received = await ask(response, accept_encoding)
    assert received.headers.get("content-encoding") == coding
    assert received.headers["vary"] == "Accept-Encoding"
    assert body_of(received).decode() == TEXT


async def test_small_bodies_are_compressed_only_if_plain_ones_are_refused() -> None:
    small = PlainTextResponse("x" * 1023)
    received = await ask(small, "gzip")
    assert ("content-encoding" in received.headers, received.headers["vary"]) == (False, "Accept-Encoding")
    assert (await ask(PlainTextResponse("x" * 1024), "gzip")).headers["content-encoding"] == "gzip"
    refused = await ask(small, "gzip, identity;q=0")
    assert (refused.headers["content-encoding"], body_of(refused)) == ("gzip", b"x" * 1023)


async def test_one_response_can_be_sent_in_several_codings() -> None:
    response = PlainTextResponse(TEXT, headers={"Vary": "Accept"})
    for accepted in ("gzip", "zstd", "identity", "gzip"):
        received = await ask(response, accepted)
        assert (body_of(received).decode(), received.headers["vary"]) == (TEXT, "Accept, Accept-Encoding")


async def test_level_0_compresses_nothing() -> None:
    stored = StoredResponse(StoredBody([TEXT.encode()]), {}, "text/plain")
    for response in (PlainTextResponse(TEXT), stored):
        received = await ask(response, "gzip, zstd", level=0)
        assert ("content-encoding" in received.headers, body_of(received).decode()) == (False, TEXT)


async def test_a_response_without_a_length_is_a_stream_and_passes_unchanged() -> None:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(3):
            yield TEXT

    received = await ask(StreamingResponse(pieces(), media_type="text/event-stream"), "gzip")
    assert "content-encoding" not in received.headers
    assert "vary" not in received.headers
    assert received.extensions["raw"].decode() == TEXT * 3


async def test_statuses_without_a_body_pass_unchanged() -> None:
    received = await ask(Response(status_code=304, headers={"ETag": '"a"'}), "gzip")
    assert (received.status_code, received.headers["etag"]) == (304, '"a"')
    assert "content-encoding" not in received.headers


async def test_bodies_that_have_a_coding_or_are_compressed_by_nature_pass_unchanged() -> None:
    coded = Response(gzip.compress(b"x" * 5000, 0), headers={"Content-Encoding": "gzip"})
    assert body_of(await ask(coded, "zstd")) == b"x" * 5000
    picture = Response(b"x" * 5000, media_type="image/png")
    assert "content-encoding" not in (await ask(picture, "gzip")).headers


async def test_files_are_compressed_with_a_weak_validator_and_without_ranges(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("files") / "page.js"
    path.write_text(TEXT * 100)
    plain = await ask(FileResponse(path), "identity")
    received = await ask(FileResponse(path), "gzip")
    assert body_of(received).decode() == TEXT * 100
    assert received.headers["etag"] == f"W/{plain.headers['etag']}"
    assert ("accept-ranges" in plain.headers, "accept-ranges" in received.headers) == (True, False)
    part = await ask(FileResponse(path), "gzip", headers={"Range": "bytes=5-8"})
    assert (part.status_code, part.extensions["raw"]) == (206, b"text")


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    stored = StoredResponse(StoredBody([TEXT.encode()]), {}, "text/plain")
    get = await ask(stored, "zstd")
    head = await ask(stored, "zstd", method="HEAD")
    assert (head.extensions["raw"], head.headers) == (b"", get.headers)
    plain = await ask(PlainTextResponse(TEXT), "zstd", method="HEAD")
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_only_large_bodies_are_compressed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def recording(function: Callable[..., bytes]) -> Callable[..., bytes]:
        def compress(*arguments: object) -> bytes:
            threads.append(threading.current_thread() is threading.main_thread())
            return function(*arguments)

        return compress

    monkeypatch.setattr(compression, "compress", recording(codings.compress))
    monkeypatch.setattr(compression, "compress_parts", recording(codings.compress_parts))
    for repeated in (1, 1000):
        received = await ask(PlainTextResponse(TEXT * repeated), "gzip")
        assert body_of(received).decode() == TEXT * repeated
    assert threads == [True, False]


@in_module_loop
@pytest.mark.parametrize("accept_encoding", ["gzip", "zstd"])
async def test_results_and_pages_are_compressed(local: Served, accept_encoding: str) -> None:
    query = {"query": f"{{ {' '.join(f'a{number}: square(of: {number})' for number in range(300))} }}"}
    headers = {"Accept-Encoding": accept_encoding}
    async with local.http.stream("POST", "/graphql", json=query, headers=headers) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
    assert response.headers["content-encoding"] == accept_encoding
    assert json.loads(DECOMPRESS[accept_encoding](raw))["data"]["a299"] == 299**2
    async with local.http.stream("GET", "/graphql", headers={**headers, "Accept": "text/html"}) as page:
        raw = b"".join([piece async for piece in page.aiter_raw()])
    assert b"GraphiQL" in DECOMPRESS[accept_encoding](raw)


@in_module_loop
@pytest.mark.parametrize("accept", ["text/event-stream", 'multipart/mixed;subscriptionSpec="1.0"'])
async def test_streams_are_not_compressed(local: Served, accept: str) -> None:
    query = {"query": "subscription { count(to: 500) }"}
    headers = {"Accept": accept, "Accept-Encoding": "gzip, zstd"}
    async with local.http.stream("POST", "/graphql", json=query, headers=headers) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
    assert "content-encoding" not in response.headers
    assert b'"count":499' in raw
