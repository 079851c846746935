"""The subscription ``podLogs``; it exists if the cluster serves pods and their logs."""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLString,
)

from schema.model import Model, Scalar
from schema.resources import Resource
from schema.scalars import SCALARS
from schema.selection import NotCompilable, SelectionReader, details_of
from schema.verbs import Verb

__all__ = ["POD_LOG_LINE", "PodLogSubscriber", "build_pod_logs", "compile_line", "logged_pods"]

PodLogSubscriber = Callable[[Resource], Callable[..., Any]]
"""Makes the function that returns the source stream, for the resource of pods."""

POD_LOG_LINE = GraphQLObjectType(
    "PodLogLine",
    {
        "namespace": GraphQLField(GraphQLNonNull(GraphQLString), description="The namespace of the pod."),
        "pod": GraphQLField(GraphQLNonNull(GraphQLString), description="The name of the pod."),
        "container": GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="The name of the container, also an init or ephemeral one.",
        ),
        "time": GraphQLField(
            SCALARS[Scalar.DATE_TIME],
            description="The time of writing, by the node's clock; null for a message of the node itself.",
        ),
        "line": GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="The text without its line break. Bytes that are not UTF-8 are replaced. A very long"
            " line comes in several pieces with the same time.",
        ),
    },
    description="One line of a container's log.",
)


def logged_pods(model: Model) -> Resource | None:
    """The resource of pods; None if it cannot be watched, or its logs cannot be read."""
    for served in model.resources:
        resource = served.resource
        is_pods = (resource.gvr.group, resource.gvr.resource) == ("", "pods")
        log = resource.subresource("log")
        if is_pods and Verb.WATCH_LIST in served.pinned and log is not None and "get" in log.verbs:
            return resource
    return None


def build_pod_logs(model: Model, subscriber: PodLogSubscriber) -> dict[str, GraphQLField]:
    """The field by its name; empty if the cluster serves no logs."""
    pods = logged_pods(model)
    if pods is None:
        return {}
    field = GraphQLField(
        POD_LOG_LINE,
        args=_arguments(),
        resolve=_line,
        subscribe=subscriber(pods),
        description="The log of one pod, or of every pod that a selector matches: all containers that have"
        " run, interleaved as lines arrive. With `labelSelector`, pods join and leave as they match; a pod"
        " whose log cannot be read gives one null with an error. With `name`, that error ends the stream.",
    )
    return {"podLogs": field}


def compile_line(info: GraphQLResolveInfo[Any]) -> tuple[tuple[str, str], ...] | None:
    """The selection of a line, as (response name, field); None if graphql-core has an error to report."""
    try:
        collected = SelectionReader(info).collect(POD_LOG_LINE, details_of(info))
    except (NotCompilable, GraphQLError, RecursionError):
        return None
    return tuple((name, details[0].node.name.value) for name, details in collected.items())


def _arguments() -> dict[str, GraphQLArgument]:
    return {
        "name": _argument(GraphQLString, "One pod. Give exactly one of `name` and `labelSelector`."),
        "labelSelector": _argument(
            GraphQLString,
            "Every pod that matches, as in `kubectl -l`: `app=web,tier in (a,b),!legacy`.",
            "label_selector",
        ),
        "namespace": _argument(
            GraphQLString,
            "Default: with `name` the namespace of the context, else `default`; with `labelSelector` all.",
        ),
        "container": _argument(GraphQLString, "One container. Default: all containers."),
        "follow": _flag(
            "Continue with new lines, through restarts, until the pod is gone; else end after the last line.",
            default=True,
        ),
        "tailLines": _argument(
            GraphQLInt,
            "The number of existing lines of each container to begin with. Default: all.",
            "tail_lines",
        ),
        "sinceSeconds": _argument(
            GraphQLInt, "Begin with lines that are at most this many seconds old.", "since_seconds"
        ),
        "timestamps": _flag("Keep the time at the beginning of each line, as kubectl does."),
        "previous": _flag("The containers before their last restart. Such a log ends, also with `follow`."),
    }


def _argument(type_: GraphQLInputType, description: str, out_name: str | None = None) -> GraphQLArgument:
    return GraphQLArgument(type_, description=description, out_name=out_name)


def _flag(description: str, *, default: bool = False) -> GraphQLArgument:
    return GraphQLArgument(GraphQLBoolean, default=GraphQLDefaultInput(default), description=description)


def _line(source: Any, _info: object, **_arguments: Any) -> Any:
    """The value of the field is the item of the source stream; graphql-core raises an exception item."""
    return source
