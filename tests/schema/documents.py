"""Small discovery and OpenAPI documents, written by hand, as the bytes an API server would send."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import validate_schema

from schema.building import (
    ClusterResolvers,
    DrainedResources,
    LazySchema,
    ManifestResolvers,
    RootField,
    StateResolvers,
    complete_schema,
)
from schema.discovery import Discovery
from schema.lowering import lower, stand_in_id
from schema.model import Definition, ListOf, Model, ObjectType, Property, ServedResource
from schema.relations import Relation
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource, Subresource

EVERY = ("create", "delete", "get", "list", "patch", "update", "watch")
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
TEXT = {"type": "string"}


def ref(id_: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{id_}"}


def resource(
    api_version: str,
    kind: str,
    plural: str | None = None,
    *,
    verbs: Iterable[str] = EVERY,
    preferred: bool = True,
    subresources: Mapping[str, Iterable[str]] | None = None,
) -> Resource:
    """A namespaced resource; ``subresources`` maps their names to their verbs."""
    group_version = GroupVersion.parse(api_version)
    gvk = GroupVersionKind(group_version.group, group_version.version, kind)
    return Resource(
        gvr=GroupVersionResource(gvk.group, gvk.version, plural or f"{kind.lower()}s"),
        kind=gvk,
        namespaced=True,
        singular=kind.lower(),
        verbs=frozenset(verbs),
        preferred=preferred,
        subresources=tuple(
            Subresource(name, gvk, frozenset(verbs)) for name, verbs in (subresources or {}).items()
        ),
    )


def discovery_of(*resources: Resource) -> Discovery:
    return Discovery(resources, tuple(dict.fromkeys(item.gvr.group_version for item in resources)))


def kind_schema(api_version: str, kind: str, **properties: Any) -> dict[str, Any]:
    group_version = GroupVersion.parse(api_version)
    return {
        "type": "object",
        "x-kubernetes-group-version-kind": [
            {"group": group_version.group, "version": group_version.version, "kind": kind}
        ],
        "properties": {
            "apiVersion": TEXT,
            "kind": TEXT,
            "metadata": ref(f"{META}.ObjectMeta"),
            **properties,
        },
    }


def document(**schemas: Any) -> bytes:
    return json.dumps({"openapi": "3.0.0", "paths": {}, "components": {"schemas": schemas}}).encode()


def lower_all(resources: Iterable[Resource], schemas: Mapping[str, Any] | None = None) -> Model:
    """The model of the resources, every group version with the same schemas."""
    discovery = discovery_of(*resources)
    return lower(discovery, {item: document(**schemas or {}) for item in discovery.group_versions})


def id_of(api_version: str, kind: str) -> str:
    group_version = GroupVersion.parse(api_version)
    return stand_in_id(GroupVersionKind(group_version.group, group_version.version, kind))


def lower_gadget(properties: Any, **schemas: Any) -> tuple[Model, ObjectType]:
    """A custom resource with these properties, and the model around it."""
    id_ = id_of("example.io/v1", "Gadget")
    gadget = kind_schema("example.io/v1", "Gadget", **properties)
    model = lower_all([resource("example.io/v1", "Gadget")], {id_: gadget, **schemas})
    return model, model.objects[id_]


def property_of(object_type: ObjectType, key: str) -> Property:
    return next(item for item in object_type.properties if item.key == key)


def inside(model: Model, object_type: ObjectType, *path: str) -> ObjectType:
    """The object type at the end of a path of property keys; the path leads through lists."""
    for key in path:
        expression = property_of(object_type, key).type
        while isinstance(expression, ListOf):
            expression = expression.items
        assert isinstance(expression, Definition)
        object_type = model.objects[expression.id]
    return object_type


def served(model: Model, api_version: str, kind: str) -> ServedResource:
    group_version = GroupVersion.parse(api_version)
    wanted = GroupVersionKind(group_version.group, group_version.version, kind)
    return next(item for item in model.resources if item.resource.kind == wanted)


class NoResolvers:
    """Resolvers that answer nothing, for schemas that are not executed."""

    cluster = ClusterResolvers(*[lambda _source, _info, **_arguments: None] * 6)
    manifests = ManifestResolvers(*[lambda _source, _info, **_arguments: None] * 3)
    state = StateResolvers(*[lambda _source, _info, **_arguments: None] * 3)

    def resolver(self, _root: RootField) -> Any:
        return lambda _source, _info, **_arguments: None

    relation_rules = ()

    def relation(self, _relation: Relation) -> Any:
        return lambda _source, _info, **_arguments: None

    def subscriber(self, root: RootField) -> Any:
        return self.resolver(root)

    def pod_log_subscriber(self, _pods: Resource) -> Any:
        return lambda _source, _info, **_arguments: None

    def node_drain_subscriber(self, _resources: DrainedResources) -> Any:
        return lambda _source, _info, **_arguments: None


def built(model: Model) -> LazySchema:
    """The model as a GraphQL schema, which is valid."""
    schema = LazySchema(model, NoResolvers())
    with complete_schema(schema) as complete:
        assert validate_schema(complete) == []
    return schema
