"""Queries and subscriptions: list, get and watch."""

from collections.abc import Mapping

from schema.verbs.arguments import FIELD_SELECTOR, LABEL_SELECTOR, NAME, NAMESPACE
from schema.verbs.spec import Answer, Argument, Operation, Verb, VerbSpec

__all__ = ["READS"]

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
_SELECTION = (_NAMESPACE_OR_ALL, LABEL_SELECTOR, FIELD_SELECTOR)
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
    Argument(
        "whereRelated",
        "[RelatedFilter!]",
        "Only objects that have related objects, or have none:"
        ' `[{relation: "pods", exists: false}]`. All filters must hold. They apply to each page, which may'
        " therefore have fewer objects than `limit`, or none, although `metadata.continue` leads to more.",
        "where_related",
    ),
)
_GET_ARGUMENTS = (
    NAME,
    NAMESPACE,
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

READS: Mapping[Verb, VerbSpec] = {
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
        arguments=(NAME, NAMESPACE),
        description="One object of kind {kind}, live.",
    ),
}
