"""The arguments of the root fields (design section 4), and the enums and inputs they are made of."""

from collections.abc import Callable, Mapping
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
    GraphQLNonNull,
    GraphQLString,
)

from schema.model import Scalar, Verb
from schema.scalars import SCALARS

__all__ = ["build_arguments"]

Arguments = dict[str, GraphQLArgument]

RESOURCE_VERSION_MATCH = GraphQLEnumType(
    "ResourceVersionMatch",
    {
        "NOT_OLDER_THAN": GraphQLEnumValue(
            "NotOlderThan", description="At least as new as `resourceVersion`."
        ),
        "EXACT": GraphQLEnumValue(
            "Exact", description="Exactly `resourceVersion`, while the server still has it."
        ),
    },
    description="How a list's `resourceVersion` is meant.",
)
PATCH_TYPE = GraphQLEnumType(
    "PatchType",
    {
        "STRATEGIC": GraphQLEnumValue(
            "strategic", description="Lists merge by their key, as `kubectl patch` does. Built-in kinds only."
        ),
        "MERGE": GraphQLEnumValue("merge", description="RFC 7386: objects merge, lists are replaced whole."),
    },
    description="How a `patch` is merged into the object.",
)
DELETION_PROPAGATION = GraphQLEnumType(
    "DeletionPropagation",
    {
        "BACKGROUND": GraphQLEnumValue("Background", description="Dependents are deleted after the owner."),
        "FOREGROUND": GraphQLEnumValue("Foreground", description="Dependents are deleted before the owner."),
        "ORPHAN": GraphQLEnumValue("Orphan", description="Dependents stay."),
    },
    description="What becomes of the objects that a deleted one owns.",
)
JSON_PATCH_OPERATION = GraphQLInputObjectType(
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
        "from": GraphQLInputField(GraphQLString, description="Where `move` and `copy` take the value from."),
        "value": GraphQLInputField(
            SCALARS[Scalar.JSON], description="The value of `add`, `replace` and `test`."
        ),
    },
    description="One operation of a JSON Patch (RFC 6902).",
)

PARAMETERS = {
    "allPages": "all_pages",
    "continue": "continue_token",
    "dryRun": "dry_run",
    "fieldManager": "field_manager",
    "fieldSelector": "field_selector",
    "gracePeriodSeconds": "grace_period_seconds",
    "labelSelector": "label_selector",
    "object": "written",
    "propagationPolicy": "propagation_policy",
    "resourceVersion": "resource_version",
    "resourceVersionMatch": "resource_version_match",
    "sendInitialEvents": "send_initial_events",
    "type": "patch_type",
}
"""How a resolver calls the arguments whose GraphQL name is not a Python parameter's."""


def build_arguments(verb: Verb, object_input: GraphQLInputObjectType | None, namespaced: bool) -> Arguments:
    """The arguments of the root field for ``verb``; without ``namespace`` where there are no namespaces.

    ``object_input`` is the kind's input type; the verbs that write an object need it. The others have the
    same arguments whatever the kind is: those are made once, and not to be changed.
    """
    return _build(verb, object_input, namespaced) if object_input else _build_shared(verb, namespaced)


@cache
def _build_shared(verb: Verb, namespaced: bool) -> Arguments:
    return _build(verb, None, namespaced)


def _build(verb: Verb, object_input: GraphQLInputObjectType | None, namespaced: bool) -> Arguments:
    arguments = _writes(verb, object_input) if object_input else _ARGUMENTS[verb]()
    if not namespaced:
        del arguments["namespace"]
    for name, argument in arguments.items():
        argument.out_name = PARAMETERS.get(name)
    return arguments


def _writes(verb: Verb, object_input: GraphQLInputObjectType) -> Arguments:
    if verb in (Verb.PATCH, Verb.PATCH_STATUS):
        return {
            **_identity(),
            "patch": _argument(object_input, "A partial object; a `null` in it deletes the key."),
            "operations": _argument(
                GraphQLList(GraphQLNonNull(JSON_PATCH_OPERATION)), "A JSON Patch, in place of `patch`."
            ),
            "type": _argument(
                PATCH_TYPE, "How `patch` is merged: strategic for built-in kinds, merge for others."
            ),
            **_write_options(),
        }
    force = {"force": _flag("Take over fields that other managers own.")} if verb is Verb.APPLY else {}
    return {
        "object": _argument(
            GraphQLNonNull(object_input), "The object; `metadata.namespace` may name the namespace."
        ),
        "namespace": _namespace_of_object(),
        **force,
        **_write_options(),
    }


def _list_arguments() -> Arguments:
    return {
        **_selection(),
        "limit": _argument(
            GraphQLInt, "How many objects at the most; `metadata.continue` leads to the next ones."
        ),
        "continue": _argument(GraphQLString, "Where the last page ended: its `metadata.continue`."),
        "resourceVersion": _argument(
            GraphQLString,
            "Absent: the most recent. `0`: any, from a cache. Else as `resourceVersionMatch` says.",
        ),
        "resourceVersionMatch": _argument(RESOURCE_VERSION_MATCH, "`NOT_OLDER_THAN` where it is not given."),
        "allPages": _flag(
            "Follow `metadata.continue` to the end, and answer with everything at once; `limit` is then the "
            "size of a page (500 where it is not given)."
        ),
    }


def _watch_list_arguments() -> Arguments:
    return {
        **_selection(),
        "resourceVersion": _argument(
            GraphQLString,
            "Resume after this version. `SYNCED` with this very version comes first, then what changed since;"
            " or, where that is too long ago, everything afresh: an `ADDED` for each object, then `SYNCED`.",
        ),
        "sendInitialEvents": GraphQLArgument(
            GraphQLBoolean,
            default=GraphQLDefaultInput(True),
            description="Begin with an `ADDED` for every object there is, then `SYNCED`.",
        ),
    }


def _get_arguments() -> Arguments:
    return {
        **_identity(),
        "resourceVersion": _argument(GraphQLString, "Absent: the most recent. `0`: any, from a cache."),
    }


def _scale_arguments() -> Arguments:
    return {
        **_identity(),
        "replicas": _argument(GraphQLNonNull(GraphQLInt), "How many there should be."),
        "dryRun": _dry_run(),
    }


def _delete_arguments() -> Arguments:
    return {
        **_identity(),
        "propagationPolicy": _argument(DELETION_PROPAGATION, "What becomes of the objects it owns."),
        "gracePeriodSeconds": _argument(GraphQLInt, "Seconds to shut down in; 0 deletes at once."),
        "resourceVersion": _argument(GraphQLString, "Delete only this version of it."),
        "uid": _argument(GraphQLString, "Delete only the object with this UID."),
        "dryRun": _dry_run(),
    }


def _identity() -> Arguments:
    return {
        "name": _argument(GraphQLNonNull(GraphQLString), "The object's name."),
        "namespace": _namespace_of_object(),
    }


def _selection() -> Arguments:
    return {
        "namespace": _argument(GraphQLString, "One namespace; all of them where it is not given."),
        "labelSelector": _argument(GraphQLString, "As kubectl's `-l`: `app=web,tier in (a,b),!legacy`."),
        "fieldSelector": _argument(GraphQLString, "As kubectl's `--field-selector`: `status.phase=Running`."),
    }


def _write_options() -> Arguments:
    return {
        "dryRun": _dry_run(),
        "fieldManager": _argument(
            GraphQLString, "Who owns the fields that this sets; `kube-graphql` by default."
        ),
    }


def _namespace_of_object() -> GraphQLArgument:
    return _argument(GraphQLString, "Its namespace; the context's, else `default`, where it is not given.")


def _dry_run() -> GraphQLArgument:
    return _flag("Answer with what would be stored, and store nothing.")


def _flag(description: str) -> GraphQLArgument:
    return GraphQLArgument(GraphQLBoolean, default=GraphQLDefaultInput(False), description=description)


def _argument(type_: GraphQLInputType, description: str) -> GraphQLArgument:
    return GraphQLArgument(type_, description=description)


_ARGUMENTS: Mapping[Verb, Callable[[], Arguments]] = {
    Verb.LIST: _list_arguments,
    Verb.GET: _get_arguments,
    Verb.WATCH_LIST: _watch_list_arguments,
    Verb.WATCH_OBJECT: _identity,
    Verb.SCALE: _scale_arguments,
    Verb.DELETE: _delete_arguments,
    Verb.RESTART: _identity,
}
