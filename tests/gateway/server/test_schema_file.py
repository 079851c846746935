"""``/schema.graphql`` over a real connection."""

import gzip

import pytest

from tests.gateway.server.conftest import SDL, STRANGER, Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = {"Accept-Encoding": "identity"}


async def test_the_file_has_a_strong_validator_per_coding(local: Served) -> None:
    plain = await local.http.get("/schema.graphql", headers=PLAIN)
    assert (plain.status_code, plain.text) == (200, SDL)
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert plain.headers["vary"] == "Accept-Encoding"
    async with local.http.stream("GET", "/schema.graphql", headers={"Accept-Encoding": "gzip"}) as compressed:
        raw = b"".join([piece async for piece in compressed.aiter_raw()])
    assert gzip.decompress(raw).decode() == SDL
    assert compressed.headers["etag"] == f'{plain.headers["etag"][:-1]}-gzip"'
    assert plain.headers["etag"].startswith('"')


@pytest.mark.parametrize("accept_encoding", ["identity", "gzip", "zstd"])
async def test_a_known_validator_gets_304(local: Served, accept_encoding: str) -> None:
    etags = {}
    for coding in ("identity", "gzip", "zstd"):
        head = await local.http.head("/schema.graphql", headers={"Accept-Encoding": coding})
        etags[coding] = head.headers["etag"]
    for etag in etags.values():
        for value in (etag, f"W/{etag}", f'"other", {etag}'):
            headers = {"Accept-Encoding": accept_encoding, "If-None-Match": value}
            response = await local.http.get("/schema.graphql", headers=headers)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == etag
            assert response.headers["vary"] == "Accept-Encoding"


async def test_another_validator_gets_the_file(local: Served) -> None:
    response = await local.http.get("/schema.graphql", headers={**PLAIN, "If-None-Match": '"other"'})
    assert (response.status_code, response.text) == (200, SDL)
    anything = await local.http.get("/schema.graphql", headers={**PLAIN, "If-None-Match": "*"})
    assert anything.status_code == 304


async def test_head_has_the_headers_of_get(local: Served) -> None:
    get = await local.http.get("/schema.graphql", headers=PLAIN)
    head = await local.http.head("/schema.graphql", headers=PLAIN)
    assert head.content == b""
    changing = ("date",)
    assert [item for item in head.headers.items() if item[0] not in changing] == [
        item for item in get.headers.items() if item[0] not in changing
    ]


async def test_other_methods_are_refused(local: Served) -> None:
    response = await local.http.post("/schema.graphql", json={})
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {STRANGER}"}])
async def test_a_caller_that_may_not_introspect_is_refused(
    passthrough: Served, headers: dict[str, str]
) -> None:
    response = await passthrough.http.get("/schema.graphql", headers=headers)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_caller_that_may_read_discovery_gets_the_file(passthrough: Served) -> None:
    headers = {**PLAIN, "Authorization": "Bearer known"}
    assert (await passthrough.http.get("/schema.graphql", headers=headers)).text == SDL
