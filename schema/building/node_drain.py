"""The subscription ``drainNode``; it exists if the cluster serves nodes and the eviction of pods."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputType,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from schema.model import Model
from schema.resources import Resource

__all__ = ["DrainedResources", "NodeDrainSubscriber", "build_node_drain"]


@dataclass(frozen=True, slots=True)
class DrainedResources:
    """The resources that a drain reads and writes; ``daemon_sets`` may be absent from a cluster."""

    nodes: Resource
    pods: Resource
    daemon_sets: Resource | None


NodeDrainSubscriber = Callable[[DrainedResources], Callable[..., Any]]
"""Makes the function that returns the source stream."""

_STATUS = GraphQLEnumType(
    "NodeDrainStatus",
    {
        name: GraphQLEnumValue(name, description=description)
        for name, description in (
            ("CORDONED", "The node accepts no more pods. The first event; it is about no pod."),
            ("SKIPPED", "The pod stays on the node; `message` gives the reason."),
            (
                "BLOCKED",
                "A PodDisruptionBudget refuses the eviction, which is tried again until it is allowed.",
            ),
            ("EVICTED", "The pod is gone. With `dryRun`: its eviction would be allowed."),
            ("FAILED", "The eviction failed; the other pods continue, and an error follows at the end."),
            ("DRAINED", "All pods are gone but the skipped ones. The last event; it is about no pod."),
        )
    },
    description="The state that an event of `drainNode` reports.",
)

_EVENT = GraphQLObjectType(
    "NodeDrainEvent",
    {
        "status": GraphQLField(GraphQLNonNull(_STATUS)),
        "namespace": GraphQLField(GraphQLString, description="The namespace of the pod."),
        "pod": GraphQLField(GraphQLString, description="The name of the pod."),
        "message": GraphQLField(GraphQLString, description="A reason, or a warning about what is lost."),
        "remaining": GraphQLField(
            GraphQLNonNull(GraphQLInt), description="The number of pods that are still to go."
        ),
    },
    description="One step of the drain of a node.",
)


def build_node_drain(model: Model, subscriber: NodeDrainSubscriber) -> dict[str, GraphQLField]:
    """The field by its name; empty if the cluster cannot drain nodes."""
    resources = _drained_resources(model)
    if resources is None:
        return {}
    field = GraphQLField(
        GraphQLNonNull(_EVENT),
        args=_arguments(),
        resolve=_event,
        subscribe=subscriber(resources),
        description="Cordon a node and evict its pods, as `kubectl drain` does: PodDisruptionBudgets are"
        " respected and waited for; pods of DaemonSets and mirror pods stay. A pod that may not be evicted"
        " ends the drain with an error before the first eviction. The stream ends with `DRAINED`. A client"
        " that unsubscribes stops the drain; the node stays cordoned. Not served over GET.",
    )
    return {"drainNode": field}


def _drained_resources(model: Model) -> DrainedResources | None:
    found = {
        (served.resource.gvr.group, served.resource.gvr.resource): served.resource
        for served in reversed(model.resources)
    }
    nodes, pods = found.get(("", "nodes")), found.get(("", "pods"))
    if nodes is None or pods is None or "patch" not in nodes.verbs or "list" not in pods.verbs:
        return None
    eviction = pods.subresource("eviction")
    if eviction is None or "create" not in eviction.verbs:
        return None
    return DrainedResources(nodes, pods, found.get(("apps", "daemonsets")))


def _arguments() -> dict[str, GraphQLArgument]:
    return {
        "name": GraphQLArgument(GraphQLNonNull(GraphQLString), description="The name of the node."),
        "ignoreDaemonSets": _flag(
            "ignore_daemon_sets", "Leave the pods of DaemonSets; else they are an error."
        ),
        "deleteEmptyDirData": _flag(
            "delete_empty_dir_data", "Evict pods with `emptyDir` volumes, and lose the data in them."
        ),
        "force": _flag("force", "Evict pods without a controller; nothing creates them again."),
        "gracePeriodSeconds": _argument(
            GraphQLInt,
            "grace_period_seconds",
            "Seconds that each pod has to shut down. Default: the pod's own.",
        ),
        "podSelector": _argument(
            GraphQLString, "pod_selector", "Evict only pods with these labels, as in `kubectl -l`."
        ),
        "timeoutSeconds": _argument(
            GraphQLInt, "timeout_seconds", "End with `WAIT_TIMEOUT` after this time. Default: no limit."
        ),
        "dryRun": _flag("dry_run", "Ask the API server whether each step is allowed, and change nothing."),
    }


def _argument(type_: GraphQLInputType, out_name: str, description: str) -> GraphQLArgument:
    return GraphQLArgument(type_, description=description, out_name=out_name)


def _flag(out_name: str, description: str) -> GraphQLArgument:
    return GraphQLArgument(
        GraphQLBoolean, default=GraphQLDefaultInput(False), description=description, out_name=out_name
    )


def _event(source: Any, _info: object, **_arguments: Any) -> Any:
    """The value of the field is the item of the source stream; graphql-core raises an exception item."""
    return source
