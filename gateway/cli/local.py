"""``query`` and ``schema``: run one operation, or print the SDL, without an HTTP server."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from strawberry.http import process_result

from gateway.cli.connect import connect
from gateway.cli.event_loop import run
from gateway.execution.introspection import encode_response
from gateway.settings import Settings
from gateway.telemetry import phases
from schema.yaml_output import to_yaml

__all__ = ["print_relations", "print_schema", "run_operation", "write_out"]


def print_schema(settings: Settings) -> None:
    """Print the cluster's schema as sorted SDL, or with ``names`` a table of the root fields' names."""
    run(_print_schema(settings))


def print_relations(settings: Settings) -> None:
    """Print all relations of the cluster's kinds, and the relations left out, with the reason."""
    run(_print_relations(settings))


def run_operation(settings: Settings, query: str, variables: dict[str, Any] | None) -> bool:
    """Run the operation and print its results; returns whether every result is free of errors."""
    return run(_run_operation(settings, query, variables))


def write_out(text: str, *, flush: bool = True) -> None:
    """Write the whole text to standard output, in UTF-8.

    With PYTHONUNBUFFERED, common in images, Python's text streams drop the part of a write that a pipe does
    not accept at once: an SDL of two megabytes ended after 128 KiB, with exit status 0.
    """
    stream = sys.stdout.buffer
    rest = memoryview(text.encode())
    while rest:
        rest = rest[stream.write(rest) or 0 :]
    if flush:
        stream.flush()


async def _print_schema(settings: Settings) -> None:
    async with connect(settings) as connected:
        if settings.names:
            write_out(connected.api.names())
            return
        for definition in connected.api.sdl():
            write_out(definition, flush=False)
        write_out("")


async def _print_relations(settings: Settings) -> None:
    async with connect(settings) as connected:
        for line in connected.api.relations():
            write_out(f"{line}\n", flush=False)
        write_out("")


async def _run_operation(settings: Settings, query: str, variables: dict[str, Any] | None) -> bool:
    succeeded = True
    streaming = _is_subscription(query, settings.operation_name)
    async with connect(settings) as connected:
        results: AsyncIterator[Any] = await connected.api.schema.stream(
            query,
            variable_values=variables,
            context_value=connected.api.context(connected.client),
            operation_name=settings.operation_name,
        )
        phases.report()
        async with aclosing(results):  # type: ignore[type-var]  # a generator, despite its annotation
            async for result in results:
                succeeded = succeeded and not result.errors
                write_out(_format(process_result(result), settings.output, streaming=streaming))
    return succeeded


def _is_subscription(query: str, operation_name: str | None) -> bool:
    try:
        operation = get_operation_ast(parse(query), operation_name)
    except GraphQLError:
        # execution reports the same error, with its position
        return False
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION


def _format(response: Any, output: str, *, streaming: bool) -> str:
    """One result: indented JSON, one line of JSON per event, or one YAML document."""
    encoded = encode_response(response)
    if output == "yaml":
        return to_yaml(json.loads(encoded), explicit_start=streaming)
    return (encoded if streaming else msgspec.json.format(encoded, indent=2)).decode() + "\n"
