"""The arguments of the root fields as graphql-core arguments, and the enums and inputs that they use.

:data:`schema.verbs.VERBS` lists the arguments of each verb; this module resolves their types.
"""

from collections.abc import Mapping
from functools import cache

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLString,
    get_named_type,
)

from schema.model import Scalar
from schema.scalars import SCALARS
from schema.verbs import OBJECT_INPUT, Argument, VerbSpec

__all__ = ["argument_types", "build_argument", "build_arguments"]

_RESOURCE_VERSION_MATCH = GraphQLEnumType(
    "ResourceVersionMatch",
    {
        "NOT_OLDER_THAN": GraphQLEnumValue(
            "NotOlderThan", description="At least as new as `resourceVersion`."
        ),
        "EXACT": GraphQLEnumValue(
            "Exact", description="Exactly `resourceVersion`, while the server still has it."
        ),
    },
    description="How the server interprets the `resourceVersion` of a list.",
)
_PATCH_TYPE = GraphQLEnumType(
    "PatchType",
    {
        "STRATEGIC": GraphQLEnumValue(
            "strategic", description="Lists merge by their key, as `kubectl patch` does. Built-in kinds only."
        ),
        "MERGE": GraphQLEnumValue("merge", description="RFC 7386: objects merge, lists are replaced whole."),
    },
    description="How a `patch` is merged into the object.",
)
_DELETION_PROPAGATION = GraphQLEnumType(
    "DeletionPropagation",
    {
        "BACKGROUND": GraphQLEnumValue("Background", description="Dependents are deleted after the owner."),
        "FOREGROUND": GraphQLEnumValue("Foreground", description="Dependents are deleted before the owner."),
        "ORPHAN": GraphQLEnumValue("Orphan", description="Dependents stay."),
    },
    description="How the dependents of a deleted object are handled.",
)
_FIELD_VALIDATION = GraphQLEnumType(
    "FieldValidation",
    {
        "STRICT": GraphQLEnumValue("Strict", description="Such a field is an error."),
        "WARN": GraphQLEnumValue(
            "Warn", description="Such a field is dropped, with a warning in `extensions.warnings`."
        ),
        "IGNORE": GraphQLEnumValue("Ignore", description="Such a field is dropped."),
    },
    description="How fields of a written object are handled that the API server does not know (KEP-2885).",
)
_JSON_PATCH_OPERATION = GraphQLInputObjectType(
    "JSONPatchOperation",
    {
        "op": GraphQLInputField(
            GraphQLNonNull(GraphQLString),
            description="`add`, `remove`, `replace`, `move`, `copy` or `test`.",
        ),
        "path": GraphQLInputField(
            GraphQLNonNull(GraphQLString),
            description="A JSON Pointer: `/spec/replicas`, `/metadata/labels/a~1b`.",
        ),
        "from": GraphQLInputField(GraphQLString, description="The source of `move` and `copy`."),
        "value": GraphQLInputField(
            SCALARS[Scalar.JSON], description="The value of `add`, `replace` and `test`."
        ),
    },
    description="One operation of a JSON Patch (RFC 6902).",
)
_RELATED_FILTER = GraphQLInputObjectType(
    "RelatedFilter",
    {
        "relation": GraphQLInputField(
            GraphQLNonNull(GraphQLString),
            description="The field of a relation: `pods`, `owner`, `usedBy`; inside of the object with"
            " its path: `spec.scaleTarget`.",
        ),
        "exists": GraphQLInputField(
            GraphQLBoolean,
            default=GraphQLDefaultInput(True),
            description="Whether there is a related object. A reference to an object that does not exist is"
            " like no reference: there is none.",
        ),
        "labelSelector": GraphQLInputField(
            GraphQLString,
            out_name="label_selector",
            description="Count only related objects with such labels, as in `kubectl -l`:"
            " `app=web,tier in (a,b),!legacy`.",
        ),
    },
    description="A condition of a list: its objects have related objects, or have none.",
)

_NAMED_TYPES: Mapping[str, GraphQLInputType] = {
    type_.name: type_
    for type_ in (
        GraphQLString,
        GraphQLInt,
        GraphQLBoolean,
        SCALARS[Scalar.JSON],
        _FIELD_VALIDATION,
        _RESOURCE_VERSION_MATCH,
        _PATCH_TYPE,
        _DELETION_PROPAGATION,
        _JSON_PATCH_OPERATION,
        _RELATED_FILTER,
    )
}


def build_arguments(
    spec: VerbSpec, object_input: GraphQLInputObjectType | None, namespaced: bool
) -> dict[str, GraphQLArgument]:
    """The arguments of a root field by name; a cluster-scoped resource has none of the namespaces.

    ``object_input`` is the input type of the kind, for a verb that writes an object; without one, its JSON
    arguments remain. Fields share all other arguments: do not change them.
    """
    return {
        argument.name: _build(argument, object_input) if _is_object(argument) else _shared(argument)
        for argument in spec.arguments
        if (namespaced or not argument.needs_namespaces)
        and not (object_input is None and _is_object(argument))
    }


def argument_types(spec: VerbSpec) -> list[GraphQLNamedType]:
    """The types of the verb's arguments, except the input type of the kind."""
    arguments = [argument for argument in spec.arguments if not _is_object(argument)]
    return [get_named_type(_shared(argument).type) for argument in arguments]


def build_argument(argument: Argument) -> GraphQLArgument:
    """The argument of a field that belongs to no kind."""
    return _shared(argument)


def _is_object(argument: Argument) -> bool:
    return argument.type.strip("[]!") == OBJECT_INPUT


@cache
def _shared(argument: Argument) -> GraphQLArgument:
    return _build(argument, None)


def _build(argument: Argument, object_input: GraphQLInputObjectType | None) -> GraphQLArgument:
    return GraphQLArgument(
        _type(argument.type, object_input),
        default=None if argument.default is None else GraphQLDefaultInput(argument.default),
        description=argument.description,
        out_name=argument.parameter,
    )


def _type(reference: str, object_input: GraphQLInputObjectType | None) -> GraphQLInputType:
    if reference.endswith("!"):
        return GraphQLNonNull(_type(reference.removesuffix("!"), object_input))  # type: ignore[arg-type]
    if reference.startswith("["):
        return GraphQLList(_type(reference[1:-1], object_input))
    if reference == OBJECT_INPUT and object_input is not None:
        return object_input
    return _NAMED_TYPES[reference]
