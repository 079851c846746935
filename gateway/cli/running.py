"""``query`` and ``schema``: one operation, or the SDL, with no server."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import yaml
from graphql import GraphQLError, OperationType, get_operation_ast, parse
from strawberry.http import process_result

from gateway.cli.cluster import connect
from gateway.cli.loop import run
from gateway.cli.output import write_out
from gateway.settings import Settings
from gateway.telemetry import phases

__all__ = ["fetch_sdl", "run_operation"]


def fetch_sdl(settings: Settings) -> str:
    """The SDL of the cluster's schema, sorted."""
    return run(_fetch_sdl(settings))


def run_operation(settings: Settings, query: str, variables: dict[str, Any] | None) -> bool:
    """Run the operation and print what it answers; False where any answer had errors."""
    return run(_run_operation(settings, query, variables))


async def _fetch_sdl(settings: Settings) -> str:
    async with connect(settings) as connected:
        return connected.gateway.sdl()


async def _run_operation(settings: Settings, query: str, variables: dict[str, Any] | None) -> bool:
    succeeded = True
    streaming = _is_subscription(query, settings.operation_name)
    async with connect(settings) as connected:
        results: AsyncIterator[Any] = await connected.gateway.schema.stream(
            query,
            variable_values=variables,
            context_value=connected.gateway.context(connected.client),
            operation_name=settings.operation_name,
        )
        phases.report()
        async with aclosing(results):  # type: ignore[type-var]  # a generator, whatever its annotation says
            async for result in results:
                succeeded = succeeded and not result.errors
                write_out(_format(process_result(result), settings.output, streaming=streaming))
    return succeeded


def _is_subscription(query: str, operation_name: str | None) -> bool:
    try:
        operation = get_operation_ast(parse(query), operation_name)
    except GraphQLError:
        # the schema says the same, with the position
        return False
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION


def _format(response: Any, output: str, *, streaming: bool) -> str:
    """One answer: indented JSON, one line of JSON per event, or a YAML document."""
    encoded = msgspec.json.encode(response)
    if output == "yaml":
        text = yaml.dump(
            json.loads(encoded), Dumper=_Dumper, sort_keys=False, allow_unicode=True, explicit_start=streaming
        )
        return str(text)
    return (encoded if streaming else msgspec.json.format(encoded, indent=2)).decode() + "\n"


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: text of several lines as a block."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)
