"""The columns of the table of verbs: the vocabulary in which a row describes one kind of root field."""

from dataclasses import dataclass
from enum import StrEnum

from schema.resources import Resource

__all__ = ["OBJECT_INPUT", "Answer", "Argument", "Operation", "Verb", "VerbSpec"]


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
    DELETE = "delete"
    DELETE_COLLECTION = "deleteCollection"
    SCALE = "scale"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    CORDON = "cordon"
    UNCORDON = "uncordon"
    EVICT = "evict"
    DIFF = "diff"
    HISTORY = "history"
    UNDO = "undo"
    ROLLOUT = "rollout"
    APPROVE = "approve"
    DENY = "deny"


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
    DIFF = "diff"  # ObjectDiff
    HISTORY = "history"  # [WorkloadRevision!]
    ROLLOUT = "rollout"  # RolloutStatus!
    DELETED_COLLECTION = "deletedCollection"  # DeleteCollectionResult!
    SUBRESOURCE = "subresource"  # Eviction, or JSON


OBJECT_INPUT = "ObjectInput"
"""Stands for the input type of the field's kind or subresource (``PodInput``) in :attr:`Argument.type`."""


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
    ``{kind}`` and ``{kinds}`` for the capitalised ones. ``api_verbs`` are the verbs that discovery has to
    list on the resource, or on its ``subresource``. ``kinds`` restricts the verb to these kinds, as (group,
    kind). ``method`` is the HTTP method of the request to the API server.
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
        """Whether an argument has the input type of the field's kind or subresource."""
        return any(argument.type.strip("[]!") == OBJECT_INPUT for argument in self.arguments)

    def is_served(self, resource: Resource) -> bool:
        """Whether discovery lists everything that the verb needs."""
        if self.kinds and (resource.gvr.group, resource.kind.kind) not in self.kinds:
            return False
        if self.subresource is None:
            return resource.verbs.issuperset(self.api_verbs)
        subresource = resource.subresource(self.subresource)
        return subresource is not None and subresource.verbs.issuperset(self.api_verbs)
