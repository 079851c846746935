"""A prepared operation caches the values that graphql-core derives from the document in each request.

The fragments and the types of the variables depend on the document and the schema alone. Anything unusual is
left to graphql-core: a document without the operation, variables of fragments, values that do not fit.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    assert_valid_schema,
    get_operation_ast,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from strawberry.types.graphql import OperationType

from gateway.execution.input_values import Unusual, fitting_value

__all__ = ["PreparedOperation", "prepare_operation"]

_MAX_COERCION_ERRORS = 50
"""graphql-core's default."""


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    """One operation of a valid document under one schema.

    ``constants`` has the values of its literal arguments, see :func:`fitting_arguments`.
    """

    operation: OperationDefinitionNode
    type: OperationType
    fragment_definitions: dict[str, FragmentDefinitionNode] = field(repr=False)
    fragments: dict[str, FragmentDetails] = field(repr=False)
    signatures: tuple[GraphQLVariableSignature, ...] = field(repr=False)
    constants: dict[int, Any] = field(default_factory=dict, repr=False)

    def variable_values(
        self, schema: GraphQLSchema, inputs: Mapping[str, Any]
    ) -> VariableValues | list[GraphQLError]:
        """The coerced values of the variables, or the errors of variables that do not fit."""
        with suppress(Unusual, GraphQLError, TypeError, ValueError, ArithmeticError, RecursionError):
            return self._fitting_values(inputs)
        definitions = self.operation.variable_definitions or ()
        return get_variable_values(schema, definitions, dict(inputs), max_errors=_MAX_COERCION_ERRORS)

    def _fitting_values(self, inputs: Mapping[str, Any]) -> VariableValues:
        """As graphql-core's ``coerce_variable_values``. Raises the errors of :func:`fitting_value`."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self.signatures:
            value = inputs.get(signature.name, Undefined)
            if value is Undefined:
                if signature.default is not None or isinstance(signature.type, GraphQLNonNull):
                    raise Unusual
                sources[signature.name] = VariableValueSource(signature)
                continue
            sources[signature.name] = VariableValueSource(signature, value)
            coerced[signature.name] = fitting_value(value, signature.type)
        return VariableValues(sources, coerced)


def prepare_operation(
    schema: GraphQLSchema, document: DocumentNode, name: str | None
) -> PreparedOperation | None:
    """The named operation of a valid document, or its only one; None if graphql-core has to execute it."""
    assert_valid_schema(schema)
    operation = get_operation_ast(document, name)
    if operation is None:
        return None
    definitions = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    if any(node.variable_definitions for node in definitions.values()):
        return None
    signatures = []
    for definition in operation.variable_definitions or ():
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError):
            return None
        signatures.append(signature)
    fragments = {fragment: FragmentDetails(node, None) for fragment, node in definitions.items()}
    type_ = OperationType(operation.operation.value)
    return PreparedOperation(operation, type_, definitions, fragments, tuple(signatures))
