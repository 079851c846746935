"""An operation with one root field has the result of graphql-core's executor, without its detours."""

import asyncio
import json
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    default_field_resolver,
    default_type_resolver,
    execute,
    parse,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution.executor import CompiledExecutor
from gateway.execution.introspection import encode_response
from gateway.resolvers.limits import Budget, Limits

FAILS, ABSENT, BROKEN, BROKEN_ITEM = 13, 14, 5, 6


async def resolve(_source: object, _info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    await asyncio.sleep(0)
    number = arguments.get("number")
    if number == FAILS:
        raise ValueError("it fails")
    if number == ABSENT:
        return None
    return {
        "number": number,
        "always": None if number == BROKEN else 2,
        "items": [{"always": 1}, {"always": None if number == BROKEN_ITEM else 1}],
        "arguments": json.dumps(arguments, sort_keys=True),
    }


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    schema = build_schema("""
      type Thing { number: Int always: Int! items: [Thing!] arguments: String }
      input Given { size: Int = 4 parts: [Given!] name: String! }
      type Query { maybe(number: Int = 3, list: [Int!], given: Given): Thing surely(number: Int!): Thing! }
      type Mutation { change(given: Given): Thing }
    """)
    for type_ in (schema.query_type, schema.mutation_type):
        assert type_ is not None
        for field in type_.fields.values():
            field.resolve = resolve
    return schema


async def compiled(schema: GraphQLSchema, text: str, variables: dict[str, Any]) -> ExecutionResult:
    document = parse(text)
    (operation,) = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    values = get_variable_values(schema, operation.variable_definitions or (), variables)
    assert isinstance(values, VariableValues)
    executor = CompiledExecutor(
        schema,
        fragments,
        {name: FragmentDetails(node, None) for name, node in fragments.items()},
        None,
        SimpleNamespace(budget=Budget(Limits(), asyncio.Semaphore(4))),
        operation,
        values,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
    )
    result: Any = executor.execute_operation()
    return await result if isawaitable(result) else result  # type: ignore[no-any-return]  # of both executors


def comparable(result: Any) -> tuple[Any, list[Any]]:
    """The data as JSON, and the paths of the errors: the texts of some differ."""
    data = None if result.data is None else json.loads(encode_response(result.data))
    return data, [error.path for error in result.errors or ()]


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{ maybe { number always items { always } arguments } }", {}),
        ("{ other: maybe(number: 7) { number } }", {}),
        (f"{{ maybe(number: {FAILS}) {{ number }} }}", {}),
        (f"{{ maybe(number: {ABSENT}) {{ number }} }}", {}),
        (f"{{ maybe(number: {BROKEN}) {{ always }} }}", {}),
        (f"{{ maybe(number: {BROKEN_ITEM}) {{ items {{ always }} }} }}", {}),
        (f"{{ surely(number: {FAILS}) {{ number }} }}", {}),
        (f"{{ surely(number: {ABSENT}) {{ number }} }}", {}),
        ("query($n: Int) { maybe(number: $n) { arguments } }", {}),
        ("query($n: Int) { maybe(number: $n) { arguments } }", {"n": None}),
        ("query($n: Int!) { surely(number: $n) { arguments } }", {"n": 8}),
        (
            "query($g: Given) { maybe(given: $g) { arguments } }",
            {"g": {"name": "a", "parts": [{"size": None, "name": "b"}]}},
        ),
        ('{ maybe(list: [1, 2], given: {name: "a", parts: [{name: "b"}]}) { arguments } }', {}),
        ("mutation($t: String!) { change(given: {name: $t}) { arguments } }", {"t": "a"}),
        ("{ maybe @skip(if: true) { number } }", {}),
        ("query($t: Boolean!) { maybe @include(if: $t) { number } }", {"t": False}),
        ("{ ...F } fragment F on Query { maybe { number } }", {}),
        ("{ __typename }", {}),
        ("{ maybe { number } surely(number: 1) { number } }", {}),
    ],
)
async def test_the_result_is_that_of_graphql_core(
    schema: GraphQLSchema, text: str, variables: dict[str, Any]
) -> None:
    expected: Any = execute(schema, parse(text), variable_values=variables)
    if isawaitable(expected):
        expected = await expected
    assert comparable(await compiled(schema, text, variables)) == comparable(expected)
