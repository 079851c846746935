"""One event, many subscribers: one payload for all subscribers with the same selection.

Covers ``gateway/execution/events.py``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

import msgspec
import pytest

from gateway.resolvers.context import RequestContext
from tests.gateway.informers.scripted_server import ScriptedServer
from tests.gateway.resolvers.conftest import SCHEMA

SELECTED = "subscription { configMaps { type object { metadata { name } data { size } } } }"
ALIASED = "subscription Other { mine: configMaps { type object { metadata { name } data { size } } } }"
WITH_JSON = "subscription { configMaps { object { json } } }"
WITH_YAML = "subscription($more: Boolean!) { configMaps { object { yaml kind @include(if: $more) } } }"


class Subscribers:
    """Concurrent subscriptions whose initial events have been read."""

    def __init__(self, context: RequestContext) -> None:
        self.context = context
        self.stack = AsyncExitStack()
        self.streams: list[AsyncIterator[Any]] = []

    async def add(self, query: str, variables: Mapping[str, Any] | None = None) -> None:
        stream: Any = await SCHEMA.stream(
            query, variable_values=dict(variables or {}), context_value=self.context
        )
        await self.stack.enter_async_context(aclosing(stream))
        synced = await anext(stream)
        assert not synced.errors
        self.streams.append(stream)

    async def next(self) -> list[Any]:
        """The field of the next event of every subscription."""
        return [next(iter((await anext(stream)).data.values())) for stream in self.streams]


@pytest.fixture
async def subscribers(server: ScriptedServer, context: RequestContext) -> AsyncIterator[Subscribers]:
    subscribers = Subscribers(context)
    async with subscribers.stack:
        yield subscribers


async def test_equal_selections_share_one_encoding(server: ScriptedServer, subscribers: Subscribers) -> None:
    for query in (SELECTED, SELECTED, ALIASED):
        await subscribers.add(query)
    await server.create("a", size=1)

    first, second, aliased = await subscribers.next()

    assert first is second is aliased
    assert msgspec.json.decode(first)["object"] == {"metadata": {"name": "a"}, "data": {"size": 1}}


@pytest.mark.parametrize("query", [WITH_JSON, "subscription { configMaps { object { yaml } } }"])
async def test_graphql_core_executes_an_event_once_for_all_subscribers(
    server: ScriptedServer, subscribers: Subscribers, query: str
) -> None:
    for _ in range(3):
        await subscribers.add(query)
    await server.create("a", size=1)

    first, second, third = await subscribers.next()

    assert first is second is third
    assert b"size" in bytes(first)


async def test_subscribers_with_other_variables_get_their_own_result(
    server: ScriptedServer, subscribers: Subscribers
) -> None:
    for more in (True, False, True):
        await subscribers.add(WITH_YAML, {"more": more})
    await server.create("a", size=1)

    more, less, more_too = map(msgspec.json.decode, await subscribers.next())

    assert more["object"].keys() == more_too["object"].keys() == {"yaml", "kind"}
    assert less["object"].keys() == {"yaml"}


async def test_an_error_reaches_every_subscriber(server: ScriptedServer, subscribers: Subscribers) -> None:
    for _ in range(2):
        await subscribers.add(SELECTED)
    await server.create("a", size="many")

    results = [await anext(stream) for stream in subscribers.streams]

    for result in results:
        (error,) = result.errors
        assert error.path == ["configMaps", "object", "data", "size"]
        assert error.extensions["code"] == "UNEXPECTED_VALUE"
        assert msgspec.json.decode(result.data["configMaps"])["object"]["data"] == {"size": None}
