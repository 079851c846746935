"""The types around an object: its list, its watch event, and the answers of scaling and deleting."""

from collections.abc import Callable

from graphql import (
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)

from schema.building.manifests import OBJECT_DIFF
from schema.building.object_types import LIST_META, ObjectTypes, TrustedObjectType
from schema.building.rollouts import POD_TEMPLATE, REVISION, ROLLOUT_STATUS, build_revision
from schema.model import Definition, ListOf, Property, Scalar, ServedResource, TypeExpression
from schema.scalars import SCALARS

__all__ = ["SCALE", "WATCH_EVENT_TYPE", "Wrappers"]

SCALE = "io.k8s.api.autoscaling.v1.Scale"

_DELETION = "DeleteResult"
_DELETED_COLLECTION = "DeleteCollectionResult"
WATCH_EVENT_TYPE = GraphQLEnumType(
    "WatchEventType",
    {
        "ADDED": GraphQLEnumValue("ADDED", description="The object is new to this subscriber."),
        "MODIFIED": GraphQLEnumValue("MODIFIED", description="A selected field of the object changed."),
        "DELETED": GraphQLEnumValue("DELETED", description="The object was deleted, or left the selection."),
        "SYNCED": GraphQLEnumValue(
            "SYNCED", description="No object: the subscriber has the whole set now; changes follow."
        ),
    },
    description="The kind of a change.",
)


class Wrappers:
    """Builds each wrapper type once, on first use; a kind at two resources has two lists and two events.

    No other type references a wrapper type, so that a wrapper type is freed with its schema.
    """

    def __init__(self, types: ObjectTypes) -> None:
        self._types = types
        self._built: dict[str, GraphQLObjectType] = {}

    def list_of(self, served: ServedResource) -> GraphQLObjectType:
        """``PodList``."""
        return self._once(served.list_name, lambda: self._build_list(served))

    def event_of(self, served: ServedResource) -> GraphQLObjectType:
        """``PodEvent``."""
        return self._once(served.event_name, lambda: self._build_event(served))

    def scale(self) -> GraphQLObjectType:
        """``Scale``."""
        return self._types.output(SCALE)

    def deletion(self) -> GraphQLObjectType:
        """``DeleteResult``."""
        return self._once(_DELETION, self._build_deletion)

    def difference(self) -> GraphQLObjectType:
        """``ObjectDiff``."""
        return OBJECT_DIFF

    def revision(self) -> GraphQLObjectType:
        """``WorkloadRevision``."""
        return self._once(REVISION, lambda: build_revision(self._pod_template))

    def rollout_status(self) -> GraphQLObjectType:
        """``RolloutStatus``."""
        return ROLLOUT_STATUS

    def deleted_collection(self) -> GraphQLObjectType:
        """``DeleteCollectionResult``."""
        return self._once(_DELETED_COLLECTION, _build_deleted_collection)

    def _once(self, name: str, build: Callable[[], GraphQLObjectType]) -> GraphQLObjectType:
        if name in self._built:
            return self._built[name]
        # atomic: two threads that build the same type get one of the two
        return self._built.setdefault(name, build())

    def _build_list(self, served: ServedResource) -> GraphQLObjectType:
        item, metadata = self._types.output(served.object), self._types.output(LIST_META)
        return TrustedObjectType(
            served.list_name,
            lambda: {
                "apiVersion": _field("apiVersion", Scalar.STRING, GraphQLString),
                "kind": _field("kind", Scalar.STRING, GraphQLString),
                "metadata": _field("metadata", Definition(LIST_META), GraphQLNonNull(metadata)),
                "items": _field(
                    "items",
                    ListOf(Definition(served.object)),
                    GraphQLNonNull(GraphQLList(GraphQLNonNull(item))),
                ),
            },
            description=f"A list of objects of kind {served.resource.kind.kind}, or one page of it.",
        )

    def _build_event(self, served: ServedResource) -> GraphQLObjectType:
        item = self._types.output(served.object)
        return TrustedObjectType(
            served.event_name,
            lambda: {
                "type": GraphQLField(GraphQLNonNull(WATCH_EVENT_TYPE)),
                "object": GraphQLField(item, description="The current object; for `DELETED` its last state."),
                "resourceVersion": GraphQLField(
                    GraphQLNonNull(GraphQLString),
                    description="The version at which a new subscription resumes after this event.",
                ),
            },
            description=f"A change of one object of kind {served.resource.kind.kind}.",
        )

    def _pod_template(self) -> GraphQLOutputType:
        return self._types.output(POD_TEMPLATE) if self._types.has(POD_TEMPLATE) else SCALARS[Scalar.JSON]

    def _build_deletion(self) -> GraphQLObjectType:
        return TrustedObjectType(
            _DELETION,
            {
                "status": GraphQLField(
                    GraphQLNonNull(GraphQLString),
                    description="`Success`: it is gone. `Terminating`: finalizers or a grace period keep it.",
                ),
                "uid": GraphQLField(GraphQLString, description="The UID of the deleted object."),
                "object": GraphQLField(
                    self._types.interface,
                    description="The current object, if the API server returns it.",
                ),
            },
            description="The result of a delete.",
        )


def _build_deleted_collection() -> GraphQLObjectType:
    return TrustedObjectType(
        _DELETED_COLLECTION,
        {
            "count": GraphQLField(
                GraphQLInt,
                description="The number of objects that were deleted, or are being deleted. Null if the API"
                " server does not say which.",
            ),
            "names": GraphQLField(
                GraphQLList(GraphQLNonNull(GraphQLString)), description="The names of these objects."
            ),
        },
        description="The result of deleting many objects.",
    )


def _field(key: str, expression: TypeExpression, type_: GraphQLOutputType) -> GraphQLField:
    """A field that reads a property; the extension marks it like the fields of the model's objects."""
    return GraphQLField(type_, extensions={"property": Property(key, key, expression)})
