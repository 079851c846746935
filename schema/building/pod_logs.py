"""The subscription ``podLogs``, where pods and their logs are served."""

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

from schema.model import Model, Scalar, Verb
from schema.resources import Resource
from schema.scalars import SCALARS
from schema.selection.tree import NotCompilable, SelectionReader, details_of

__all__ = ["POD_LOG_LINE", "PodLogSubscriber", "build_pod_logs", "compile_line", "logged_pods"]

PodLogSubscriber = Callable[[Resource], Callable[..., Any]]
"""Makes the function that answers with the source stream, for the pods that are served."""

POD_LOG_LINE = GraphQLObjectType(
    "PodLogLine",
    {
        "namespace": GraphQLField(GraphQLNonNull(GraphQLString), description="The pod's namespace."),
        "pod": GraphQLField(GraphQLNonNull(GraphQLString), description="The pod's name."),
        "container": GraphQLField(
            GraphQLNonNull(GraphQLString), description="The container's name; init and ephemeral ones too."
        ),
        "time": GraphQLField(
            SCALARS[Scalar.DATE_TIME],
            description="When it was written, by the node's clock; null for what the node itself says.",
        ),
        "line": GraphQLField(
            GraphQLNonNull(GraphQLString),
            description="The text, without its line break. Bytes that are not UTF-8 are replaced; a very long"
            " line comes in several pieces of the same time.",
        ),
    },
    description="One line of a container's log.",
)


def logged_pods(model: Model) -> Resource | None:
    """The pods whose logs can be followed, where they are served."""
    for served in model.resources:
        resource = served.resource
        if (resource.gvr.group, resource.gvr.resource) != (
            "",
            "pods",
        ) or Verb.WATCH_LIST not in served.pinned:
            continue
        log = resource.subresource("log")
        if log is not None and "get" in log.verbs:
            return resource
    return None


def build_pod_logs(model: Model, subscriber: PodLogSubscriber) -> dict[str, GraphQLField]:
    """The field by its name; none where there are no logs to ask for."""
    pods = logged_pods(model)
    if pods is None:
        return {}
    field = GraphQLField(
        POD_LOG_LINE,
        args=_arguments(),
        resolve=_line,
        subscribe=subscriber(pods),
        description="The log of one pod, or of every pod that a selector matches: all containers that have"
        " run, interleaved as lines come. With a selector, pods join and leave as they match, and a pod whose"
        " log cannot be read is a null with an error beside it, once; with a name that error is the end.",
    )
    return {"podLogs": field}


def compile_line(info: GraphQLResolveInfo[Any]) -> tuple[tuple[str, str], ...] | None:
    """What is selected of a line: response names and their fields; None where graphql-core has to say."""
    try:
        collected = SelectionReader(info).collect(POD_LOG_LINE, details_of(info))
    except (NotCompilable, GraphQLError, RecursionError):
        return None
    return tuple((name, details[0].node.name.value) for name, details in collected.items())


def _arguments() -> dict[str, GraphQLArgument]:
    return {
        "name": _argument(GraphQLString, "One pod. Exactly one of `name` and `labelSelector` is given."),
        "labelSelector": _argument(
            GraphQLString,
            "Every pod that matches, as kubectl's `-l`: `app=web,tier in (a,b),!legacy`.",
            "label_selector",
        ),
        "namespace": _argument(
            GraphQLString,
            "Where it is not given: with `name` the context's, else `default`; with `labelSelector` all.",
        ),
        "container": _argument(GraphQLString, "One container; all of them where it is not given."),
        "follow": _flag(
            "Go on as lines are written, through restarts, until the pod is gone; else end at what there is.",
            default=True,
        ),
        "tailLines": _argument(
            GraphQLInt,
            "Begin with that many lines of each container; all of them where it is not given.",
            "tail_lines",
        ),
        "sinceSeconds": _argument(
            GraphQLInt, "Begin with lines that are at most that many seconds old.", "since_seconds"
        ),
        "timestamps": _flag("Keep the time at the beginning of each line, as kubectl does."),
        "previous": _flag("The containers before the last restart; these end, whatever `follow` says."),
    }


def _argument(type_: GraphQLInputType, description: str, out_name: str | None = None) -> GraphQLArgument:
    return GraphQLArgument(type_, description=description, out_name=out_name)


def _flag(description: str, *, default: bool = False) -> GraphQLArgument:
    return GraphQLArgument(GraphQLBoolean, default=GraphQLDefaultInput(default), description=description)


def _line(source: Any, _info: object, **_arguments: Any) -> Any:
    """The source stream's item itself; graphql-core raises one that is an exception."""
    return source
