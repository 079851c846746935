"""Objects that do not fit their schema, and bodies that are not objects.

Covers ``gateway/execution/typed_values.py``.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from gateway.resolvers.context import RequestContext
from tests.gateway.informers.scripted_server import Reply, ScriptedServer
from tests.gateway.resolvers.conftest import SCHEMA


async def answer(context: RequestContext, query: str) -> tuple[Any, list[tuple[Any, str]]]:
    """The data as it goes over the wire, and paths and codes of the errors."""
    result = await SCHEMA.execute(query, context_value=context)
    errors = [(error.path, (error.extensions or {})["code"]) for error in result.errors or ()]
    return msgspec.json.decode(msgspec.json.encode(result.data)), errors


async def test_a_value_that_does_not_fit_is_null_and_its_siblings_are_kept(
    server: ScriptedServer, context: RequestContext
) -> None:
    await server.create("a", size=1)
    await server.create("b", size="many")

    data, errors = await answer(
        context, "{ list: configMaps { items { kind metadata { name } data { n: size } } } }"
    )

    assert data["list"]["items"] == [
        {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"n": 1}},
        {"kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"n": None}},
    ]
    assert errors == [(["list", "items", 1, "data", "n"], "UNEXPECTED_VALUE")]


async def test_a_value_that_is_not_selected_is_not_checked(
    server: ScriptedServer, context: RequestContext
) -> None:
    await server.create("b", size="many", note="x")

    assert await answer(context, "{ configMaps { items { data { note } } } }") == (
        {"configMaps": {"items": [{"data": {"note": "x"}}]}},
        [],
    )


async def test_partial_metadata_that_does_not_fit_keeps_the_kind_of_the_object(
    server: ScriptedServer, context: RequestContext
) -> None:
    partial = {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": {"name": "a", "generation": "1"},
    }
    listed = {"kind": "PartialObjectMetadataList", "metadata": {}, "items": [partial]}
    selected = "kind apiVersion metadata { name generation }"
    expected = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a", "generation": None}}

    server.scripted.append(Reply(200, msgspec.json.encode(partial)))
    data, errors = await answer(context, f'{{ configMap(name: "a") {{ {selected} }} }}')
    assert data == {"configMap": expected}
    assert errors == [(["configMap", "metadata", "generation"], "UNEXPECTED_VALUE")]

    server.scripted.append(Reply(200, msgspec.json.encode(listed)))
    data, errors = await answer(context, f"{{ configMaps {{ items {{ {selected} }} }} }}")
    assert data == {"configMaps": {"items": [expected]}}
    assert errors == [(["configMaps", "items", 0, "metadata", "generation"], "UNEXPECTED_VALUE")]


async def test_a_list_without_items_is_empty(server: ScriptedServer, context: RequestContext) -> None:
    for body in (b'{"metadata": {}, "items": null}', b'{"metadata": {}}'):
        server.scripted.append(Reply(200, body))
        assert await answer(context, "{ configMaps { items { kind } } }") == (
            {"configMaps": {"items": []}},
            [],
        )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items": [', b'{"kind": "\xff"}'])
async def test_a_body_that_is_not_a_json_object_is_an_upstream_error(
    server: ScriptedServer, context: RequestContext, body: bytes
) -> None:
    server.scripted.append(Reply(200, body))

    assert await answer(context, '{ configMap(name: "a") { kind data { size } } }') == (
        {"configMap": None},
        [(["configMap"], "UPSTREAM_UNAVAILABLE")],
    )


async def test_an_event_whose_object_does_not_fit_is_delivered_with_its_error(
    server: ScriptedServer, context: RequestContext
) -> None:
    await server.create("a", size=1)
    results: AsyncIterator[Any] = await SCHEMA.stream(
        "subscription { configMaps { type object { data { size } } } }", context_value=context
    )
    told = []
    async with aclosing(results):  # type: ignore[type-var]  # a generator, whatever its annotation says
        async for result in results:
            data = msgspec.json.decode(msgspec.json.encode(result.data))["configMaps"]
            told.append((data["type"], data["object"], [error.path for error in result.errors or ()]))
            match data["type"]:
                case "SYNCED":
                    await server.update("a", size=1, note="nobody looks at this")
                    await server.create("b", size="many")
                case "ADDED" if len(told) == 3:
                    await server.update("b", size=2)
                case "MODIFIED":
                    break

    path = ["configMaps", "object", "data", "size"]
    assert told == [
        ("ADDED", {"data": {"size": 1}}, []),
        ("SYNCED", None, []),
        ("ADDED", {"data": {"size": None}}, [path]),
        ("MODIFIED", {"data": {"size": 2}}, []),
    ]
