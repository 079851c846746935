"""Introspection is computed once per schema and document, in a thread, and kept compressed."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from graphql import execute_sync, get_introspection_query, parse

from gateway.execution import introspection
from gateway.execution.introspection import encode_response, stored_body
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext, Shared
from gateway.resolvers.limits import Limits
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema, complete_schema, print_sdl
from schema.introspection import write_introspection
from schema.selection import NotCompilable
from tests.schema.models import small_model

QUERY = get_introspection_query()


class Written(list[str]):
    """The threads in which introspection was written, by name."""


@pytest.fixture
def schema() -> KubernetesSchema:
    model = small_model()
    return KubernetesSchema(LazySchema(model, Resolvers(model)))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    threads = Written()

    def write(*arguments: Any) -> Iterator[bytes]:
        threads.append(threading.current_thread().name)
        return write_introspection(*arguments)

    monkeypatch.setattr(introspection, "write_introspection", write)
    return threads


async def run(schema: KubernetesSchema, query: str, shared: Shared | None = None, **variables: Any) -> Any:
    async with KubeClient.connect(ClusterConfig(server="http://127.0.0.1:1")) as client:
        context = RequestContext(client, InformerRegistry(), shared=shared or Shared())
        return await schema.execute(query, variable_values=variables, context_value=context)


def decoded(result: Any) -> Any:
    assert result.errors is None
    return json.loads(encode_response({"data": result.data}))


def expected(schema: KubernetesSchema, query: str, **variables: Any) -> Any:
    with complete_schema(schema.graphql_schema) as complete:
        return {"data": execute_sync(complete, parse(query), variable_values=variables).data}


async def test_the_answer_is_that_of_graphql_core_and_stored(schema: KubernetesSchema) -> None:
    result = await run(schema, QUERY)
    assert decoded(result) == expected(schema, QUERY)
    stored = stored_body({"data": result.data})
    assert stored is not None
    assert stored.plain() == encode_response({"data": result.data})


async def test_only_a_response_of_one_introspection_is_stored(schema: KubernetesSchema) -> None:
    for query in ("{ __schema { description } __typename }", '{ __type(name: "Query") { name } }'):
        result = await run(schema, query)
        assert decoded(result) == expected(schema, query)
        assert stored_body({"data": result.data}) is None
    result = await run(schema, "{ a: __schema { description } }")
    assert stored_body({"data": result.data}) is not None
    assert stored_body({"data": result.data, "extensions": {}}) is None


async def test_equal_documents_share_one_computation_in_a_thread(
    schema: KubernetesSchema, written: Written
) -> None:
    results = await asyncio.gather(*(run(schema, QUERY) for _ in range(5)))
    assert len({id(result.data["__schema"].body) for result in results}) == 1
    await run(schema, QUERY)
    assert written == ["introspection_0"]


async def test_variables_and_documents_have_answers_of_their_own(
    schema: KubernetesSchema, written: Written
) -> None:
    query = "query ($all: Boolean!) { __schema { types { fields(includeDeprecated: $all) { name } } } }"
    for value in (True, False, True):
        assert decoded(await run(schema, query, all=value)) == expected(schema, query, all=value)
    await run(schema, QUERY)
    assert len(written) == 3


async def test_the_number_of_kept_answers_is_bounded(schema: KubernetesSchema, written: Written) -> None:
    queries = [f"{{ a{number}: __schema {{ description }} }}" for number in range(9)]
    for query in (*queries, queries[-1], queries[0]):
        await run(schema, query)
    assert len(written) == 10


async def test_types_are_looked_up_in_a_thread_and_not_kept(
    schema: KubernetesSchema, written: Written
) -> None:
    query = '{ a: __type(name: "Query") { fields { name } } b: __type(name: "Missing") { name } }'
    for _ in range(2):
        assert decoded(await run(schema, query)) == expected(schema, query)
    assert written == ["introspection of a type_0"] * 2


async def test_graphql_core_executes_an_unwritable_selection(
    schema: KubernetesSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> Iterator[bytes]:
        yield b'{"types":['
        raise NotCompilable

    monkeypatch.setattr(introspection, "write_introspection", refuse)
    for query in (QUERY, '{ __type(name: "Query") { fields { name } } }'):
        assert decoded(await run(schema, query)) == expected(schema, query)


async def test_repeated_introspection_counts_against_the_limit_of_the_response(
    schema: KubernetesSchema,
) -> None:
    size = len(msgspec.json.encode(expected(schema, QUERY)))
    shared = Shared(limits=Limits(max_response=3 * size))
    aliases = " ".join(f"a{number}: __schema {{ ...All }}" for number in range(10))
    fragment = QUERY.replace("query IntrospectionQuery {\n  __schema {", "fragment All on __Schema {", 1)
    document = f"{{ {aliases} }} " + fragment.replace("\n  }\n}", "\n  }", 1)
    result = await run(schema, document, shared)
    assert [error.extensions["code"] for error in result.errors] == ["QUERY_TOO_COMPLEX"]


async def test_the_sdl_is_made_once_in_a_thread(
    schema: KubernetesSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = []

    def note(lazy: LazySchema) -> Iterator[str]:
        printed.append(threading.current_thread().name)
        return print_sdl(lazy)

    monkeypatch.setattr(introspection, "print_sdl", note)
    bodies = await asyncio.gather(schema.sdl(), schema.sdl())
    assert bodies[0] is bodies[1] is await schema.sdl()
    assert bodies[0].plain().decode() == "".join(print_sdl(schema.graphql_schema))
    assert printed == ["introspection_0"]
