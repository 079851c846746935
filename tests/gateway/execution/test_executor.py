"""The executor passes compiled values through; graphql-core executes everything else."""

import threading
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    execute,
    parse,
    subscribe,
)

from gateway.execution.executor import CompiledExecutor
from schema.selection import Compiled, LargeSource

THING = GraphQLObjectType(
    "Thing",
    lambda: {"size": GraphQLField(GraphQLInt)},
    is_type_of=lambda value, _info: isinstance(value, dict),
)


class Sized(msgspec.Struct):
    size: int


class Closed(Sized):
    """A value that fails when its field is read."""

    def __getattribute__(self, name: str) -> Any:
        if name == "size":
            raise AssertionError("the field was read")
        return super().__getattribute__(name)


async def answer(
    type_: GraphQLOutputType, value: Any, document: str = "{ thing { size } }"
) -> ExecutionResult:
    async def resolve(_source: object, info: GraphQLResolveInfo[Any]) -> Any:
        return {"thing": value, "plain": {"size": 2}, "wrong": "x"}[info.field_name]

    types = {"thing": type_, "plain": GraphQLNonNull(THING), "wrong": GraphQLNonNull(GraphQLInt)}
    fields = {name: GraphQLField(field_type, resolve=resolve) for name, field_type in types.items()}
    result = execute(
        GraphQLSchema(GraphQLObjectType("Query", fields)), parse(document), executor_class=CompiledExecutor
    )
    assert not isinstance(result, ExecutionResult)
    return await result


@pytest.mark.parametrize(
    "type_",
    [THING, GraphQLNonNull(THING), GraphQLList(THING), GraphQLNonNull(GraphQLList(GraphQLNonNull(THING)))],
    ids=str,
)
async def test_a_compiled_value_is_passed_through_whatever_the_type(type_: GraphQLOutputType) -> None:
    value = Closed(1)

    result = await answer(type_, Compiled(value))

    assert result.errors is None
    assert result.data is not None
    assert result.data["thing"] is value


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (GraphQLNonNull(THING), {"size": 1}),
        (GraphQLList(THING), [{"size": 1}, {"size": "x"}, {"size": None}]),
        (GraphQLList(GraphQLNonNull(THING)), [{"size": 1}, None]),
        (GraphQLNonNull(THING), None),
    ],
)
async def test_a_large_source_is_completed_in_a_thread_with_the_same_result(
    type_: GraphQLOutputType, value: Any
) -> None:
    threads: list[threading.Thread] = []

    def make() -> Any:
        threads.append(threading.current_thread())
        return value

    result = await answer(type_, LargeSource(make))

    expected = await answer(type_, value)
    assert (result.data, result.errors) == (expected.data, expected.errors)
    assert threads
    assert threading.main_thread() not in threads


async def test_an_exception_of_a_large_source_is_an_error_of_its_field() -> None:
    def make() -> Any:
        raise ValueError("no JSON")

    result = await answer(THING, LargeSource(make))

    assert result.data == {"thing": None}
    assert [(error.message, error.path) for error in result.errors or ()] == [("no JSON", ["thing"])]


async def test_compiled_and_executed_fields_share_a_response() -> None:
    document = "{ a: plain { s: size } thing { size } }"

    result = await answer(THING, Compiled(Sized(1)), document)

    assert msgspec.json.encode(result.data) == b'{"a":{"s":2},"thing":{"size":1}}'


async def test_raw_json_is_a_compiled_value() -> None:
    result = await answer(THING, Compiled(msgspec.Raw(b'{"size": 1}')))

    assert msgspec.json.encode(result.data) == b'{"thing":{"size": 1}}'


async def test_a_value_that_is_not_compiled_is_type_checked() -> None:
    result = await answer(THING, Sized(1))

    assert result.data == {"thing": None}
    assert [error.path for error in result.errors or ()] == [["thing"]]


async def test_an_error_beside_a_compiled_value_keeps_its_path() -> None:
    result = await answer(THING, Compiled(Sized(1)), "{ thing { size } wrong }")

    assert result.data is None
    assert [error.path for error in result.errors or ()] == [["wrong"]]


async def stream(document: str, *events: Any) -> list[ExecutionResult]:
    async def watch(_source: object, _info: object) -> AsyncGenerator[Any, None]:
        for event in events:
            yield event

    field = GraphQLField(THING, subscribe=watch, resolve=lambda source, _info: source)
    schema = GraphQLSchema(
        GraphQLObjectType("Query", {"thing": GraphQLField(THING)}),
        subscription=GraphQLObjectType("Subscription", {"thing": field}),
    )
    started: Any = subscribe(schema, parse(document), executor_class=CompiledExecutor)
    source = started if isinstance(started, AsyncGenerator) else await started
    assert isinstance(source, AsyncGenerator)
    return [result async for result in source]


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("subscription { thing { size } }", "thing"),
        ("subscription { it: thing { size } }", "it"),
        ("subscription { ...F } fragment F on Subscription { it: thing { size } }", "it"),
        ("subscription { thing @include(if: true) { size } }", "thing"),
    ],
)
async def test_a_compiled_event_is_its_own_response(document: str, name: str) -> None:
    value = Closed(1)

    (result,) = await stream(document, Compiled(value))

    assert result.errors is None
    assert result.data is not None
    assert list(result.data) == [name]
    assert result.data[name] is value


async def test_compiled_and_executed_events_can_alternate() -> None:
    results = await stream("subscription { thing { size } }", Compiled(Sized(1)), {"size": 2}, {"size": "x"})

    assert [msgspec.json.encode(result.data) for result in results] == [
        b'{"thing":{"size":1}}',
        b'{"thing":{"size":2}}',
        b'{"thing":{"size":null}}',
    ]
    assert [error.path for error in results[2].errors or ()] == [["thing", "size"]]
