"""The types of rollouts: a revision of a workload, and a step of a rollout."""

from collections.abc import Callable

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from schema.building.object_types import TrustedObjectType
from schema.model import Scalar
from schema.scalars import SCALARS

__all__ = ["POD_TEMPLATE", "REVISION", "ROLLOUT_STATUS", "build_revision"]

POD_TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"
REVISION = "WorkloadRevision"

ROLLOUT_STATUS = GraphQLObjectType(
    "RolloutStatus",
    {
        "desired": GraphQLField(GraphQLNonNull(GraphQLInt), description="The number of pods that shall run."),
        "updated": GraphQLField(GraphQLNonNull(GraphQLInt), description="The pods of the newest template."),
        "ready": GraphQLField(GraphQLNonNull(GraphQLInt), description="The pods that are ready."),
        "available": GraphQLField(
            GraphQLNonNull(GraphQLInt), description="The pods that have been ready for `minReadySeconds`."
        ),
        "message": GraphQLField(GraphQLNonNull(GraphQLString), description="The state in one sentence."),
        "done": GraphQLField(
            GraphQLNonNull(GraphQLBoolean), description="Whether the rollout is complete; the last event."
        ),
    },
    description="A step of a rollout, as `kubectl rollout status` reports it.",
)


def build_revision(template: Callable[[], GraphQLOutputType]) -> GraphQLObjectType:
    """``WorkloadRevision``; ``template`` gives the type of a pod template."""
    return TrustedObjectType(
        REVISION,
        lambda: {
            "revision": GraphQLField(
                GraphQLNonNull(SCALARS[Scalar.INT64]), description="The number; higher is newer."
            ),
            "changeCause": GraphQLField(
                GraphQLString, description="The annotation `kubernetes.io/change-cause` of the revision."
            ),
            "created": GraphQLField(SCALARS[Scalar.DATE_TIME], description="When the template was new."),
            "current": GraphQLField(
                GraphQLNonNull(GraphQLBoolean), description="Whether it is the template that shall run."
            ),
            "template": GraphQLField(template(), description="The pod template of the revision."),
        },
        description="An earlier or the current pod template of a workload.",
    )
