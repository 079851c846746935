"""Mutations by the API server's own verbs: create, apply, patch and delete."""

from collections.abc import Mapping

from schema.verbs.arguments import (
    DRY_RUN,
    FIELD_SELECTOR,
    FORCE,
    GRACE_PERIOD,
    NAME,
    NAMESPACE,
    RESOURCE_VERSION,
    UID,
    WRITE_OPTIONS,
    WRITTEN,
)
from schema.verbs.spec import OBJECT_INPUT, Answer, Argument, Operation, Verb, VerbSpec

__all__ = ["PATCH_ARGUMENTS", "WRITES"]

PATCH_ARGUMENTS = (
    NAME,
    NAMESPACE,
    Argument("patch", OBJECT_INPUT, "A partial object; a `null` in it deletes the key."),
    Argument(
        "patchJson",
        "JSON",
        "The partial object as JSON, in place of `patch`: for fields that the schema does not declare.",
        "patch_json",
    ),
    Argument("operations", "[JSONPatchOperation!]", "A JSON Patch, in place of `patch`."),
    Argument(
        "type",
        "PatchType",
        "How `patch` is merged. Default: strategic for built-in kinds, merge for custom resources.",
        "patch_type",
    ),
    RESOURCE_VERSION,
    UID,
    Argument(
        "retryOnConflict",
        "Int",
        "With `operations`: the number of further attempts after a conflict. Their `test` guards the change.",
        "retry_on_conflict",
    ),
    *WRITE_OPTIONS,
)
_PROPAGATION_POLICY = Argument(
    "propagationPolicy",
    "DeletionPropagation",
    "How the objects that a deleted one owns are deleted.",
    "propagation_policy",
)
_DELETE_ARGUMENTS = (
    NAME,
    NAMESPACE,
    _PROPAGATION_POLICY,
    GRACE_PERIOD,
    Argument("resourceVersion", "String", "Delete only this version of the object.", "resource_version"),
    Argument("uid", "String", "Delete only the object with this UID."),
    DRY_RUN,
)
_DELETE_COLLECTION_ARGUMENTS = (
    Argument("namespace", "String!", "The namespace of the objects.", needs_namespaces=True),
    Argument(
        "labelSelector",
        "String!",
        "A label selector, as in `kubectl -l`. An empty one, which matches every object, is refused.",
        "label_selector",
    ),
    FIELD_SELECTOR,
    _PROPAGATION_POLICY,
    GRACE_PERIOD,
    DRY_RUN,
)

WRITES: Mapping[Verb, VerbSpec] = {
    Verb.CREATE: VerbSpec(
        operation=Operation.MUTATION,
        field="create{kind}",
        api_verbs=("create",),
        method="POST",
        answer=Answer.OBJECT,
        arguments=(*WRITTEN, *WRITE_OPTIONS),
        description="Create an object of kind {kind}, from exactly one of `object` and `objectJson`."
        " With `metadata.generateName`, the API server appends a suffix to that prefix.",
    ),
    Verb.APPLY: VerbSpec(
        operation=Operation.MUTATION,
        field="apply{kind}",
        api_verbs=("patch", "create"),  # server-side apply creates an object that does not exist
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(*WRITTEN, FORCE, *WRITE_OPTIONS),
        description="Server-side apply of an object of kind {kind}, from exactly one of `object` and"
        " `objectJson`.",
    ),
    Verb.PATCH: VerbSpec(
        operation=Operation.MUTATION,
        field="patch{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=PATCH_ARGUMENTS,
        description="Change an object of kind {kind}, by exactly one of `patch`, `patchJson` and"
        " `operations`.",
    ),
    Verb.PATCH_STATUS: VerbSpec(
        operation=Operation.MUTATION,
        field="patch{kind}Status",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=PATCH_ARGUMENTS,
        description="Change the status of an object of kind {kind}, as its controller does.",
        subresource="status",
    ),
    Verb.DELETE: VerbSpec(
        operation=Operation.MUTATION,
        field="delete{kind}",
        api_verbs=("delete",),
        method="DELETE",
        answer=Answer.DELETION,
        arguments=_DELETE_ARGUMENTS,
        description="Delete an object of kind {kind}.",
    ),
    Verb.DELETE_COLLECTION: VerbSpec(
        operation=Operation.MUTATION,
        field="delete{kinds}",
        api_verbs=("deletecollection",),
        method="DELETE",
        answer=Answer.DELETED_COLLECTION,
        arguments=_DELETE_COLLECTION_ARGUMENTS,
        description="Delete the objects of kind {kind} that the selectors match.",
    ),
}
