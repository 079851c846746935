"""Introspection and the SDL describe one schema, compressed as the client accepts it."""

from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query, lexicographic_sort_schema, print_schema

from tests.fixtures.gateways import GatewayProcess

QUERY = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
)
GZIP = {"Accept-Encoding": "gzip"}


async def introspect(gateway: GatewayProcess, coding: str) -> Any:
    response = await gateway.request(
        "POST", "/graphql", json={"query": QUERY}, headers={"Accept-Encoding": coding}
    )
    assert response.headers.get("content-encoding", "identity") == coding
    return response.json()["data"]


async def test_introspection_is_the_same_in_every_coding(gateway: GatewayProcess) -> None:
    assert await introspect(gateway, "gzip") == await introspect(gateway, "identity")


@pytest.mark.timeout(240)
async def test_the_sdl_file_prints_the_introspected_schema(gateway: GatewayProcess) -> None:
    response = await gateway.request("GET", "/schema.graphql", headers=GZIP)
    assert (response.status_code, response.headers["content-encoding"]) == (200, "gzip")
    introspected = build_client_schema(await introspect(gateway, "gzip"))
    assert response.text == print_schema(lexicographic_sort_schema(introspected)) + "\n"


async def test_an_unchanged_schema_is_not_sent_again(gateway: GatewayProcess) -> None:
    first = await gateway.request("HEAD", "/schema.graphql", headers=GZIP)
    known = {**GZIP, "If-None-Match": first.headers["etag"]}
    again = await gateway.request("GET", "/schema.graphql", headers=known)
    assert (again.status_code, again.headers["etag"], again.content) == (304, first.headers["etag"], b"")
