"""The access log, one JSON line per operation; the audit log, one per root field or object that it writes.

Both hold names and codes only: no values of arguments beside name, namespace and dry run, no data, no token.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    value_from_ast_untyped,
)
from strawberry.extensions import SchemaExtension

from gateway.errors import GatewayError
from gateway.execution.errors import fails_operation
from gateway.kube.client import KubeClient
from gateway.resolvers.cluster_fields import fetch_caller
from gateway.resolvers.context import OperationLogs, RequestContext, timestamp
from gateway.telemetry import request_id

__all__ = ["OperationLog", "is_logged", "user_of"]

is_logged: ContextVar[bool] = ContextVar("is_logged", default=False)
"""Whether an operation of the current request has its line in the access log."""

_MOST_FIELDS = 100
"""Root fields in a line, and lines per mutation."""
_OK = "OK"
_WRITING_SUBSCRIPTIONS = frozenset({"drainNode"})


def known_user(logs: OperationLogs, client: KubeClient | None) -> Mapping[str, Any]:
    """The ``UserInfo`` of a caller that was asked for before; else empty."""
    return (logs.callers.get(client.identity) if client is not None else None) or {}


async def user_of(logs: OperationLogs, client: KubeClient | None) -> Mapping[str, Any]:
    """The user as the API server names it, asked once per identity; empty if it gives no name."""
    if client is not None and not known_user(logs, client):
        with suppress(GatewayError):
            logs.callers.put(client.identity, await fetch_caller(client))
    return known_user(logs, client)


class OperationLog(SchemaExtension):
    """Writes the lines of one operation at its end; must precede ``ErrorCodes``, which adds the codes."""

    def __init__(self) -> None:
        self._errors: list[GraphQLError] = []
        self._has_failed = False

    async def on_operation(self) -> AsyncIterator[None]:
        """Time the operation and log it, also after a failure or a cancellation."""
        logs, client = self._context.shared.operation_logs, self._context.client
        if logs is None:
            yield
            return
        started, failure = time.perf_counter(), ""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            # a transport closes the stream of a subscription after the error that ends it
            failure = "" if self._has_failed else "CANCELLED"
            raise
        except BaseException:
            failure = "BAD_REQUEST"
            raise
        finally:
            self._note_errors(self.execution_context.result)
            caller = known_user(logs, client) if failure else await user_of(logs, client)
            self._write(caller, time.perf_counter() - started, failure)
            is_logged.set(True)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Note the errors of a subscription's result, also if the transport closes the stream after it."""
        try:
            yield
        finally:
            self._note_errors(result)
            self._has_failed = fails_operation(result)

    @property
    def _context(self) -> RequestContext:
        context: RequestContext = self.execution_context.context
        return context

    def _note_errors(self, result: Any) -> None:
        if not self._errors:
            self._errors = list(getattr(result, "errors", None) or ())

    def _write(self, caller: Mapping[str, Any], seconds: float, failure: str) -> None:
        logs, operation = self._context.shared.operation_logs, self._operation()
        if logs is None:
            return
        fields = list(self._root_fields(operation)) if operation else []
        common = {
            "time": timestamp(),
            "requestId": request_id.get(),
            "user": caller.get("username"),
            "operation": operation.operation.value if operation else None,
            "operationName": operation.name.value if operation and operation.name else None,
        }
        if logs.access is not None:
            names = list(dict.fromkeys(field.name.value for field in fields))
            status = failure or (_code(self._errors[0]) if self._errors else _OK)
            more = {"fields": names, "durationMs": round(seconds * 1000, 1), "status": status}
            logs.access({"log": "access", **common, **more})
        if logs.audit is not None:
            for field in fields:
                if common["operation"] != "mutation" and field.name.value not in _WRITING_SUBSCRIPTIONS:
                    continue
                for more in self._audited(field, failure):
                    logs.audit({"log": "audit", **common, "groups": caller.get("groups"), **more})

    def _operation(self) -> OperationDefinitionNode | None:
        document = self.execution_context.graphql_document
        name = self.execution_context._provided_operation_name
        return get_operation_ast(document, name) if document is not None else None

    def _root_fields(self, operation: OperationDefinitionNode) -> Iterator[FieldNode]:
        """The first root fields, through fragments; whatever their directives."""
        document = self.execution_context.graphql_document
        fragments = {
            item.name.value: item
            for item in (document.definitions if document else ())
            if isinstance(item, FragmentDefinitionNode)
        }
        pending, seen, found = [operation.selection_set], set[str](), 0
        while pending and found < _MOST_FIELDS:
            for node in pending.pop(0).selections:
                if isinstance(node, FieldNode):
                    found += 1
                    yield node
                    if found == _MOST_FIELDS:
                        return
                    continue
                name = getattr(getattr(node, "name", None), "value", "")
                inner: SelectionSetNode | None = getattr(node, "selection_set", None)
                if inner is None and name in fragments and name not in seen:
                    seen.add(name)
                    inner = fragments[name].selection_set
                if inner is not None:
                    pending.append(inner)

    def _audited(self, field: FieldNode, failure: str) -> Iterator[dict[str, Any]]:
        """The field's lines: one, or one for each object that it wrote.

        A field that fails after some objects has both.
        """
        target, outcome = self._target(field), self._outcome(field, failure)
        lines = self._context.audited.get((field.alias or field.name).value, [])
        yield from ({**target, **line} for line in lines)
        if not lines or outcome != _OK:
            yield {**target, "outcome": outcome}

    def _target(self, field: FieldNode) -> dict[str, Any]:
        variables = self.execution_context.variables or {}
        arguments: dict[str, Any] = {}
        for argument in field.arguments or ():
            with suppress(Exception):
                arguments[argument.name.value] = value_from_ast_untyped(argument.value, variables)
        given = arguments.get("object")
        metadata = given.get("metadata") if isinstance(given, dict) else None
        named = metadata if isinstance(metadata, dict) else {}
        return {
            "field": field.name.value,
            "namespace": arguments.get("namespace") or named.get("namespace"),
            "name": arguments.get("name") or named.get("name") or named.get("generateName"),
            "dryRun": bool(arguments.get("dryRun")),
        }

    def _outcome(self, field: FieldNode, failure: str) -> str:
        """``OK``, the code of the field's error, or ``UNKNOWN`` for a cancelled operation."""
        if failure:
            return "UNKNOWN" if failure == "CANCELLED" else failure
        response_name = (field.alias or field.name).value
        for error in self._errors:
            if not error.path or error.path[0] == response_name:
                return _code(error)
        return _OK


def _code(error: GraphQLError) -> str:
    return str((error.extensions or {}).get("code", "INTERNAL"))
