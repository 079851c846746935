"""A schema whose root fields answer in both ways: compiled, and by graphql-core alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    execute_sync,
    parse,
)

from gateway.execution.executor import CompiledExecutor
from schema.building import ObjectTypes
from schema.building.wrappers import Wrappers
from schema.model import Model, ServedResource
from schema.resources import GroupVersionKind
from schema.selection import Compiled, Selection, SelectionMismatch, compile_list, compile_object

# like the server, which caches parsed documents by their text
parsed = lru_cache(maxsize=8)(parse)

Answer = Callable[[GraphQLResolveInfo[Any]], Any]


@dataclass
class Case:
    """The schema of ``things`` and ``thing``: a list and an object of one served resource.

    ``compiled`` is the selection of the operation that ``answer`` ran last, ``fitted`` whether the JSON
    fitted the declared types.
    """

    schema: GraphQLSchema
    kind: GroupVersionKind
    compiled: Selection | None = None
    fitted: bool = False

    def answer(self, document: str, body: bytes, variables: dict[str, Any]) -> ExecutionResult:
        """Answer as the gateway does: compiled, or executed if the selection or the JSON does not fit."""

        def run(info: GraphQLResolveInfo[Any]) -> Any:
            compile_answer = compile_list if info.field_name == "things" else compile_object
            self.compiled, self.fitted = compile_answer(info, self.kind), False
            if self.compiled is not None:
                try:
                    value = self.compiled.decode(body)
                except SelectionMismatch:
                    return self._plain(body)
                self.fitted = True
                return Compiled(value)
            return self._plain(body)

        return self.execute(document, run, variables)

    def answer_by_execution(self, document: str, body: bytes, variables: dict[str, Any]) -> ExecutionResult:
        """Answer by graphql-core."""
        return self.execute(document, lambda _info: self._plain(body), variables)

    def execute(self, document: str, run: Answer, variables: dict[str, Any]) -> ExecutionResult:
        """The document with ``run`` as the resolver of its root field."""
        return execute_sync(
            self.schema, parsed(document), run, variable_values=variables, executor_class=CompiledExecutor
        )

    def _plain(self, body: bytes) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(body)
        if isinstance(decoded.get("items"), list) and decoded.get("kind", "").endswith("List"):
            type_meta = {"apiVersion": self.kind.api_version, "kind": self.kind.kind}
            decoded["items"] = [{**type_meta, **item} for item in decoded["items"]]
        return decoded


def case(model: Model, served: ServedResource) -> Case:
    """The schema of a case."""
    types = ObjectTypes(model)
    fields = {
        "things": GraphQLField(Wrappers(types).list_of(served), resolve=_resolve),
        "thing": GraphQLField(types.output(served.object), resolve=_resolve),
    }
    return Case(
        GraphQLSchema(GraphQLObjectType("Query", fields), extensions={"types": types}), served.resource.kind
    )


def normalised(result: ExecutionResult) -> str:
    """The response as JSON, keys in their order, spacing and spelling of numbers aside."""
    errors = [error.formatted for error in result.errors or ()]
    return json.dumps(json.loads(msgspec.json.encode({"data": result.data, "errors": errors})))


def _resolve(run: Answer, info: GraphQLResolveInfo[Any]) -> Any:
    return run(info)
