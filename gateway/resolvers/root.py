"""The function of each root field."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLFieldResolver

from gateway.resolvers.approvals import decide_certificate
from gateway.resolvers.cluster_fields import cluster_resolvers
from gateway.resolvers.context import Info
from gateway.resolvers.delete import delete_collection, delete_object, evict_object
from gateway.resolvers.drain import answer_node_drain
from gateway.resolvers.logs import answer_pod_logs
from gateway.resolvers.manifests import (
    apply_manifest,
    delete_manifest,
    diff_manifest,
    diff_object,
)
from gateway.resolvers.manifests.resources import resources_by_kind
from gateway.resolvers.object_tree import KindFinder, read_tree, watch_tree
from gateway.resolvers.patch import patch_object
from gateway.resolvers.problems import read_problems
from gateway.resolvers.read import list_objects, read_object
from gateway.resolvers.relations import relation_resolver
from gateway.resolvers.restart import restart_object
from gateway.resolvers.rollouts import list_revisions, undo_rollout, watch_rollout
from gateway.resolvers.subresources import create_subresource
from gateway.resolvers.subscribe import watch_list, watch_object
from gateway.resolvers.write import (
    apply_object,
    create_object,
    merge_into_object,
    scale_object,
)
from schema.building import DrainedResources, ManifestResolvers, RootField, StateResolvers
from schema.model import Model
from schema.relations import KindIndex, Relation, RelationRule
from schema.resources import Resource
from schema.verbs import FieldVerb, SubresourceVerb, Verb

__all__ = ["Resolvers"]

Resolver = Callable[..., Awaitable[Any]] | Callable[..., AsyncIterator[Any]]

RESOLVERS: Mapping[Verb, Resolver] = {
    Verb.LIST: list_objects,
    Verb.GET: read_object,
    Verb.WATCH_LIST: watch_list,
    Verb.WATCH_OBJECT: watch_object,
    Verb.CREATE: create_object,
    Verb.APPLY: apply_object,
    Verb.PATCH: patch_object,
    Verb.PATCH_STATUS: patch_object,
    Verb.SCALE: scale_object,
    Verb.DELETE: delete_object,
    Verb.DELETE_COLLECTION: delete_collection,
    Verb.RESTART: restart_object,
    Verb.PAUSE: partial(merge_into_object, {"spec": {"paused": True}}),
    Verb.RESUME: partial(merge_into_object, {"spec": {"paused": None}}),
    Verb.CORDON: partial(merge_into_object, {"spec": {"unschedulable": True}}),
    Verb.UNCORDON: partial(merge_into_object, {"spec": {"unschedulable": None}}),
    Verb.EVICT: evict_object,
    Verb.DIFF: diff_object,
    Verb.HISTORY: list_revisions,
    Verb.UNDO: undo_rollout,
    Verb.ROLLOUT: watch_rollout,
    Verb.APPROVE: partial(decide_certificate, "Approved"),
    Verb.DENY: partial(decide_certificate, "Denied"),
}
"""The resolver column of :data:`schema.verbs.VERBS`. Each function takes the root field, the info and the
arguments under the names of :attr:`schema.verbs.Argument.parameter`; that of a subscription returns the
source stream."""
SUBRESOURCE_RESOLVERS: Mapping[str, Resolver] = {"create": create_subresource, "patch": patch_object}
"""The functions of the verbs that discovery lists on subresources."""


class Resolvers:
    """The root resolvers over one model (:class:`schema.building.RootResolvers`)."""

    def __init__(self, model: Model, relation_rules: Sequence[RelationRule] = ()) -> None:
        self.relation_rules = relation_rules
        self.cluster = cluster_resolvers(model)
        self._kinds = KindIndex(model)
        known = resources_by_kind(model)
        self.manifests = ManifestResolvers(
            apply=partial(apply_manifest, known),
            delete=partial(delete_manifest, known),
            diff=partial(diff_manifest, known),
        )
        kinds = KindFinder(model)
        self.state = StateResolvers(
            tree=partial(_answer_about_kinds, read_tree, kinds),
            watch_tree=partial(_answer_about_kinds, watch_tree, kinds),
            problems=partial(_answer_about_kinds, read_problems, kinds),
        )

    def resolver(self, root: RootField) -> GraphQLFieldResolver:
        """The function that answers a query or mutation field."""
        return partial(_answer, _resolver_of(root.verb), root)

    def relation(self, relation: Relation) -> GraphQLFieldResolver:
        """The function that answers the field of a relation."""
        return relation_resolver(self._kinds, relation)

    def subscriber(self, root: RootField) -> Callable[..., Any]:
        """The function that returns a subscription field's source stream."""
        return partial(_answer, _resolver_of(root.verb), root)

    def pod_log_subscriber(self, pods: Resource) -> Callable[..., Any]:
        """The function that returns the source stream of ``podLogs``."""
        return partial(_answer_pod_logs, pods)

    def node_drain_subscriber(self, resources: DrainedResources) -> Callable[..., Any]:
        """The function that returns the source stream of ``drainNode``."""
        return partial(_answer_node_drain, resources)


def _resolver_of(verb: FieldVerb) -> Resolver:
    return SUBRESOURCE_RESOLVERS[verb.api_verb] if isinstance(verb, SubresourceVerb) else RESOLVERS[verb]


def _answer(
    function: Callable[..., Any], root: RootField, _source: object, info: Info, **arguments: Any
) -> Any:
    return function(root, info, **arguments)


def _answer_about_kinds(
    function: Callable[..., Any], finder: KindFinder, _source: object, info: Info, **arguments: Any
) -> Any:
    return function(finder, info, **arguments)


def _answer_pod_logs(pods: Resource, _source: object, info: Info, **arguments: Any) -> Any:
    return answer_pod_logs(pods, info, **arguments)


def _answer_node_drain(
    resources: DrainedResources, _source: object, info: Info, **arguments: Any
) -> AsyncIterator[Any]:
    return answer_node_drain(resources, info, **arguments)
