"""Fields that Kubernetes has no property for: ``label``, ``annotation``, ``yaml``, ``json``, ``fieldOwners``.

``yaml`` and ``json`` give the whole object exactly as the API server sent it, unknown properties included.
They make the content of ``x-kubernetes-preserve-unknown-fields`` reachable beside typed properties.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLString,
)

from schema.derivation import derived_field, unexpected_value
from schema.field_owners import FIELD_OWNERS
from schema.model import Scalar
from schema.relations import Origin
from schema.resources import GroupVersion
from schema.scalars import SCALARS
from schema.yaml_output import to_yaml

__all__ = ["DecodedObject", "Part", "build_document_fields", "build_entry_fields"]


class Part(dict[str, Any]):
    """A JSON object inside of a Kubernetes object; ``origin`` is where its references begin."""

    __slots__ = ("origin",)

    def __init__(self, value: Mapping[str, Any], origin: Origin) -> None:
        super().__init__(value)
        self.origin = origin


class DecodedObject(dict[str, Any]):
    """The JSON of a Kubernetes object; its YAML is written once, under however many aliases."""

    @cached_property
    def origin(self) -> Origin:
        """Its namespace and its API group."""
        metadata = self.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        group = GroupVersion.parse(str(self.get("apiVersion") or "")).group
        return Origin(namespace if isinstance(namespace, str) else "", group)

    @cached_property
    def yaml(self) -> str:
        """The object as YAML."""
        return to_yaml(dict(self))


_FIELD_OWNER = GraphQLObjectType(
    "FieldOwner",
    {
        "manager": GraphQLField(GraphQLString, description="The `fieldManager` of the writes."),
        "operation": GraphQLField(
            GraphQLString, description="`Apply` for server-side apply, `Update` for all other writes."
        ),
        "subresource": GraphQLField(
            GraphQLString, description="The subresource of the writes, such as `status`; else null."
        ),
        "time": GraphQLField(
            SCALARS[Scalar.DATE_TIME], description="When the manager last changed its fields."
        ),
        "paths": GraphQLField(
            GraphQLList(GraphQLNonNull(GraphQLString)),
            description="The fields, as conflicts name them: `spec.replicas`, `metadata.labels.app`,"
            ' `spec.template.spec.containers[name="app"].image`, `metadata.finalizers[="a.example/b"]`.',
        ),
    },
    description="A manager of fields (server-side apply), from an entry of `metadata.managedFields`.",
)


def build_document_fields() -> dict[str, GraphQLField]:
    """The fields of every kind: the object as YAML, in the API server's order, as JSON; its field owners."""
    return {
        "yaml": GraphQLField(
            GraphQLString,
            resolve=_resolve_yaml,
            description="The whole object as YAML.",
            extensions={"document": "yaml"},
        ),
        "json": GraphQLField(
            SCALARS[Scalar.JSON],
            resolve=_resolve_json,
            description="The whole object as JSON.",
            extensions={"document": "json"},
        ),
        "fieldOwners": derived_field(
            GraphQLList(GraphQLNonNull(_FIELD_OWNER)),
            FIELD_OWNERS,
            "The managers of the object's fields, from `metadata.managedFields`.",
        ),
    }


def build_entry_fields() -> dict[str, GraphQLField]:
    """The fields of ``ObjectMeta``: one entry of its labels or annotations."""
    return {
        "label": _entry_field("labels", "label"),
        "annotation": _entry_field("annotations", "annotation"),
    }


def _resolve_json(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    return source


def _resolve_yaml(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> str:
    return source.yaml if isinstance(source, DecodedObject) else to_yaml(source)


def _entry_field(key_of_map: str, noun: str) -> GraphQLField:
    def resolve(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any], key: str) -> Any:
        entries = source.get(key_of_map)
        if not isinstance(entries, dict | None):
            raise unexpected_value(Scalar.STRING_MAP.value)
        return None if entries is None else entries.get(key)

    return GraphQLField(
        GraphQLString,
        args={"key": GraphQLArgument(GraphQLNonNull(GraphQLString))},
        resolve=resolve,
        description=f"The value of one {noun}; null if the object does not have it.",
        extensions={"entries_of": key_of_map},
    )
