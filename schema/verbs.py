"""The verbs of the root fields: each row of :data:`VERBS` is everything that the schema side has on one verb.

The names of the root fields (:mod:`schema.lowering`), their arguments, types and descriptions
(:mod:`schema.building`) and the condition under which a field exists are all generated from this table.
To add a mutation, add a member to :class:`Verb`, a row here, and a row with its function to the table of
``gateway/resolvers/root.py``.

This module is plain data: it imports neither graphql-core nor anything of ``gateway``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from schema.resources import Resource

__all__ = ["OBJECT_INPUT", "VERBS", "Answer", "Argument", "Operation", "Verb", "VerbSpec"]


class Verb(StrEnum):
    """The action of a root field; a resource has one root field per verb that it serves."""

    # Enum's own hash is a function in Python, called for each of thousands of fields
    __hash__ = str.__hash__

    LIST = "list"
    GET = "get"
    WATCH_LIST = "watchList"
    WATCH_OBJECT = "watchObject"
    CREATE = "create"
    APPLY = "apply"
    PATCH = "patch"
    PATCH_STATUS = "patchStatus"
    SCALE = "scale"
    DELETE = "delete"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    CORDON = "cordon"
    UNCORDON = "uncordon"
    EVICT = "evict"


class Operation(StrEnum):
    """GraphQL's operation types; each value is the name of the root type."""

    __hash__ = str.__hash__

    QUERY = "Query"
    MUTATION = "Mutation"
    SUBSCRIPTION = "Subscription"


class Answer(StrEnum):
    """The type of a root field."""

    OBJECT = "object"  # Pod
    LIST = "list"  # PodList
    EVENT = "event"  # PodEvent!
    SCALE = "scale"  # Scale
    DELETION = "deletion"  # DeleteResult


OBJECT_INPUT = "ObjectInput"
"""Stands for the input type of the field's kind (``PodInput``) in :attr:`Argument.type`."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a root field.

    ``type`` is a GraphQL type reference (``String!``). ``parameter`` is the resolver's name for the
    argument, where ``name`` is not a Python parameter's name. A cluster-scoped resource does not have an
    argument that ``needs_namespaces``.
    """

    name: str
    type: str
    description: str
    parameter: str | None = None
    default: bool | str | None = None
    needs_namespaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbSpec:
    """One row.

    ``field`` is the short name of the root field, with ``{singular}`` and ``{plural}`` for the nouns and
    ``{kind}`` for the capitalised kind. ``api_verbs`` are the verbs that discovery has to list on the
    resource, or on its ``subresource``. ``kinds`` restricts the verb to these kinds, as (group, kind).
    ``method`` is the HTTP method of the request to the API server.
    """

    operation: Operation
    field: str
    api_verbs: tuple[str, ...]
    method: str
    answer: Answer
    arguments: tuple[Argument, ...]
    description: str
    subresource: str | None = None
    kinds: frozenset[tuple[str, str]] = frozenset()

    @property
    def writes_object(self) -> bool:
        """Whether an argument has the input type of the field's kind."""
        return any(argument.type.strip("[]!") == OBJECT_INPUT for argument in self.arguments)

    def is_served(self, resource: Resource) -> bool:
        """Whether discovery lists everything that the verb needs."""
        if self.kinds and (resource.gvr.group, resource.kind.kind) not in self.kinds:
            return False
        if self.subresource is None:
            return resource.verbs.issuperset(self.api_verbs)
        subresource = resource.subresource(self.subresource)
        return subresource is not None and subresource.verbs.issuperset(self.api_verbs)


_NAME = Argument("name", "String!", "The name of the object.")
_NAMESPACE = Argument(
    "namespace",
    "String",
    "The namespace of the object. Default: the namespace of the context, else `default`.",
    needs_namespaces=True,
)
_NAMESPACE_OR_ALL = Argument(
    "namespace", "String", "One namespace. Default: all namespaces.", needs_namespaces=True
)
_PARTIAL_LIST = Argument(
    "partial",
    "Boolean",
    "Without a `namespace`: answer from the namespaces that you may see, if you may not see all;"
    " `extensions.namespaces` names them.",
    default=False,
    needs_namespaces=True,
)
_PARTIAL_WATCH = Argument(
    "partial",
    "Boolean",
    "Without a `namespace`: watch the namespaces that you may see, if you may not see all;"
    " `extensions.namespaces` of the first event names them. Such a subscription starts afresh each time, and"
    ' its `resourceVersion` is "0".',
    default=False,
    needs_namespaces=True,
)
_LABEL_SELECTOR = Argument(
    "labelSelector",
    "String",
    "A label selector, as in `kubectl -l`: `app=web,tier in (a,b),!legacy`.",
    "label_selector",
)
_FIELD_SELECTOR = Argument(
    "fieldSelector",
    "String",
    "A field selector, as in `kubectl --field-selector`: `status.phase=Running`.",
    "field_selector",
)
_DRY_RUN = Argument(
    "dryRun",
    "Boolean",
    "Answer with the object that would be stored, and store nothing.",
    "dry_run",
    default=False,
)
_FIELD_MANAGER = Argument(
    "fieldManager",
    "String",
    "The owner of the written fields. Default: `kube-graphql`.",
    "field_manager",
)
_FIELD_VALIDATION = Argument(
    "fieldValidation",
    "FieldValidation",
    "How fields are handled that the API server does not know, or that occur twice.",
    "field_validation",
    default="STRICT",
)
_OBJECT = Argument(
    "object", OBJECT_INPUT, "The object. Its `metadata.namespace` may give the namespace.", "written"
)
_OBJECT_JSON = Argument(
    "objectJson",
    "JSON",
    "The object as JSON, in place of `object`: for fields that the schema does not declare.",
    "written_json",
)
_RESOURCE_VERSION = Argument(
    "resourceVersion",
    "String",
    "Change only this version of the object; another version is a `CONFLICT`.",
    "resource_version",
)
_UID = Argument("uid", "String", "Change only the object with this UID; another one is a `CONFLICT`.")
_FORCE = Argument("force", "Boolean", "Take over fields that other managers own.", default=False)

_SELECTION = (_NAMESPACE_OR_ALL, _LABEL_SELECTOR, _FIELD_SELECTOR)
_WRITE_OPTIONS = (_DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)
_WRITTEN = (_OBJECT, _OBJECT_JSON, _NAMESPACE)

_LIST_ARGUMENTS = (
    *_SELECTION,
    Argument(
        "limit", "Int", "The maximum number of objects on a page; `metadata.continue` leads to the next page."
    ),
    Argument("continue", "String", "The `metadata.continue` of the previous page.", "continue_token"),
    Argument(
        "resourceVersion",
        "String",
        "Absent: the most recent version. `0`: any version, from a cache. Else: see `resourceVersionMatch`.",
        "resource_version",
    ),
    Argument(
        "resourceVersionMatch", "ResourceVersionMatch", "Default: `NOT_OLDER_THAN`.", "resource_version_match"
    ),
    Argument(
        "allPages",
        "Boolean",
        "Follow `metadata.continue` to the end, and answer with all objects at once. `limit` is then the size"
        " of a page (default 500).",
        "all_pages",
        default=False,
    ),
    _PARTIAL_LIST,
)
_GET_ARGUMENTS = (
    _NAME,
    _NAMESPACE,
    Argument(
        "resourceVersion",
        "String",
        "Absent: the most recent version. `0`: any version, from a cache.",
        "resource_version",
    ),
)
_WATCH_LIST_ARGUMENTS = (
    *_SELECTION,
    Argument(
        "resourceVersion",
        "String",
        "Resume after this version. The first event is `SYNCED` with exactly this version; later changes"
        " follow. If the version is too old, the subscription starts afresh: an `ADDED` for each object,"
        " then `SYNCED`.",
        "resource_version",
    ),
    Argument(
        "sendInitialEvents",
        "Boolean",
        "Begin with an `ADDED` for every existing object, then `SYNCED`.",
        "send_initial_events",
        default=True,
    ),
    _PARTIAL_WATCH,
)
_PATCH_ARGUMENTS = (
    _NAME,
    _NAMESPACE,
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
    _RESOURCE_VERSION,
    _UID,
    Argument(
        "retryOnConflict",
        "Int",
        "With `operations`: the number of further attempts after a conflict. Their `test` guards the change.",
        "retry_on_conflict",
    ),
    *_WRITE_OPTIONS,
)
_SCALE_ARGUMENTS = (
    _NAME,
    _NAMESPACE,
    Argument("replicas", "Int!", "The desired number of replicas."),
    _DRY_RUN,
)
_GRACE_PERIOD = Argument(
    "gracePeriodSeconds",
    "Int",
    "Seconds that the object has to shut down; 0 deletes it at once.",
    "grace_period_seconds",
)
_SWITCH_ARGUMENTS = (_NAME, _NAMESPACE, _DRY_RUN)
_DEPLOYMENT = frozenset({("apps", "Deployment")})
_NODE = frozenset({("", "Node")})
_DELETE_ARGUMENTS = (
    _NAME,
    _NAMESPACE,
    Argument(
        "propagationPolicy",
        "DeletionPropagation",
        "How the objects that this one owns are deleted.",
        "propagation_policy",
    ),
    _GRACE_PERIOD,
    Argument("resourceVersion", "String", "Delete only this version of the object.", "resource_version"),
    Argument("uid", "String", "Delete only the object with this UID."),
    _DRY_RUN,
)

VERBS: Mapping[Verb, VerbSpec] = {
    Verb.LIST: VerbSpec(
        operation=Operation.QUERY,
        field="{plural}",
        api_verbs=("list",),
        method="GET",
        answer=Answer.LIST,
        arguments=_LIST_ARGUMENTS,
        description="Objects of kind {kind}.",
    ),
    Verb.GET: VerbSpec(
        operation=Operation.QUERY,
        field="{singular}",
        api_verbs=("get",),
        method="GET",
        answer=Answer.OBJECT,
        arguments=_GET_ARGUMENTS,
        description="One object of kind {kind}; null with the error `NOT_FOUND` if it does not exist.",
    ),
    Verb.WATCH_LIST: VerbSpec(
        operation=Operation.SUBSCRIPTION,
        field="{plural}",
        api_verbs=("watch",),
        method="GET",
        answer=Answer.EVENT,
        arguments=_WATCH_LIST_ARGUMENTS,
        description="Objects of kind {kind}, live: the existing ones, `SYNCED`, then every change.",
    ),
    Verb.WATCH_OBJECT: VerbSpec(
        operation=Operation.SUBSCRIPTION,
        field="{singular}",
        api_verbs=("watch",),
        method="GET",
        answer=Answer.EVENT,
        arguments=(_NAME, _NAMESPACE),
        description="One object of kind {kind}, live.",
    ),
    Verb.CREATE: VerbSpec(
        operation=Operation.MUTATION,
        field="create{kind}",
        api_verbs=("create",),
        method="POST",
        answer=Answer.OBJECT,
        arguments=(*_WRITTEN, *_WRITE_OPTIONS),
        description="Create an object of kind {kind}, from exactly one of `object` and `objectJson`."
        " With `metadata.generateName`, the API server appends a suffix to that prefix.",
    ),
    Verb.APPLY: VerbSpec(
        operation=Operation.MUTATION,
        field="apply{kind}",
        api_verbs=("patch", "create"),  # server-side apply creates an object that does not exist
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(*_WRITTEN, _FORCE, *_WRITE_OPTIONS),
        description="Server-side apply of an object of kind {kind}, from exactly one of `object` and"
        " `objectJson`.",
    ),
    Verb.PATCH: VerbSpec(
        operation=Operation.MUTATION,
        field="patch{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_PATCH_ARGUMENTS,
        description="Change an object of kind {kind}, by exactly one of `patch`, `patchJson` and"
        " `operations`.",
    ),
    Verb.PATCH_STATUS: VerbSpec(
        operation=Operation.MUTATION,
        field="patch{kind}Status",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_PATCH_ARGUMENTS,
        description="Change the status of an object of kind {kind}, as its controller does.",
        subresource="status",
    ),
    Verb.SCALE: VerbSpec(
        operation=Operation.MUTATION,
        field="scale{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.SCALE,
        arguments=_SCALE_ARGUMENTS,
        description="Set the desired number of replicas of an object of kind {kind}.",
        subresource="scale",
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
    Verb.RESTART: VerbSpec(
        operation=Operation.MUTATION,
        field="restart{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=(_NAME, _NAMESPACE),
        description="Replace the pods of an object of kind {kind}, as `kubectl rollout restart` does.",
        kinds=frozenset({("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet")}),
    ),
    Verb.PAUSE: VerbSpec(
        operation=Operation.MUTATION,
        field="pause{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_SWITCH_ARGUMENTS,
        description="Stop the rollout of an object of kind {kind}, as `kubectl rollout pause` does.",
        kinds=_DEPLOYMENT,
    ),
    Verb.RESUME: VerbSpec(
        operation=Operation.MUTATION,
        field="resume{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_SWITCH_ARGUMENTS,
        description="Continue the rollout of an object of kind {kind}, as `kubectl rollout resume` does.",
        kinds=_DEPLOYMENT,
    ),
    Verb.CORDON: VerbSpec(
        operation=Operation.MUTATION,
        field="cordon{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_SWITCH_ARGUMENTS,
        description="Schedule no more pods on an object of kind {kind}, as `kubectl cordon` does.",
        kinds=_NODE,
    ),
    Verb.UNCORDON: VerbSpec(
        operation=Operation.MUTATION,
        field="uncordon{kind}",
        api_verbs=("patch",),
        method="PATCH",
        answer=Answer.OBJECT,
        arguments=_SWITCH_ARGUMENTS,
        description="Schedule pods on an object of kind {kind} again, as `kubectl uncordon` does.",
        kinds=_NODE,
    ),
    Verb.EVICT: VerbSpec(
        operation=Operation.MUTATION,
        field="evict{kind}",
        api_verbs=("create",),
        method="POST",
        answer=Answer.DELETION,
        arguments=(_NAME, _NAMESPACE, _GRACE_PERIOD, _DRY_RUN),
        description="Delete an object of kind {kind} unless a PodDisruptionBudget forbids it"
        " (`TOO_MANY_REQUESTS`).",
        subresource="eviction",
        kinds=frozenset({("", "Pod")}),
    ),
}
