"""Custom resources: discovery entries and OpenAPI documents derived from CustomResourceDefinitions."""

import json
import re
from collections.abc import Callable
from typing import Any

from gateway.demo.apiserver.catalog import Catalog, CustomVersion
from gateway.demo.apiserver.openapi_documents import Document, closure
from gateway.demo.apiserver.scale import ScalePaths
from gateway.demo.apiserver.storage import Change, ChangeType, Storage
from schema.resources import GroupVersion, GroupVersionResource

__all__ = ["TABLE", "CustomResources"]

Object = dict[str, Any]

TABLE = "customresourcedefinitions.apiextensions.k8s.io"
VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
OBJECT_PROPERTIES: Object = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"allOf": [{"$ref": f"#/components/schemas/{META}ObjectMeta"}]},
}
VERSION = re.compile(r"v(?P<major>\d+)(?:(?P<stage>alpha|beta)(?P<minor>\d+))?")


def version_order(name: str) -> tuple[int, int, int, str]:
    """Sort key for version names in Kubernetes' priority: stable, beta, alpha; the newest version first."""
    if (parts := VERSION.fullmatch(name)) is None:
        return 3, 0, 0, name
    stage = {None: 0, "beta": 1, "alpha": 2}[parts["stage"]]
    return stage, -int(parts["major"]), -int(parts["minor"] or 0), name


class CustomResources:
    """Updates the catalog on every change of a definition.

    ``removed`` is called with the table name of a deleted definition, after its objects are dropped.
    """

    def __init__(self, catalog: Catalog, storage: Storage, removed: Callable[[str], None]) -> None:
        self.catalog = catalog
        self.storage = storage
        self.removed = removed
        storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        if change.table != TABLE:
            return
        group = change.new.object["spec"]["group"]
        if change.type is ChangeType.DELETED:
            self.storage.drop(change.new.name)
            self.removed(change.new.name)
        self._serve(group)

    def _serve(self, group: str) -> None:
        """Rebuild the catalog entry of a group from the stored definitions."""
        definitions = [
            item for item in self.storage.all(TABLE).values() if item.object["spec"]["group"] == group
        ]
        definitions.sort(key=lambda item: item.name)
        served: dict[str, list[tuple[Object, Object]]] = {}
        for item in definitions:
            for version in item.object["spec"]["versions"]:
                if version.get("served"):
                    served.setdefault(version["name"], []).append((item.object["spec"], version))
        names = sorted(served, key=version_order)
        entry = {
            "metadata": {"name": group},
            "versions": [
                {"version": name, "resources": [discovery_entry(*item) for item in served[name]]}
                for name in names
            ],
        }
        self.catalog.replace_group(group, entry if served else None)
        for name in names:
            group_version = GroupVersion(group, name)
            document = self._document(group_version, served[name])
            self.catalog.documents.custom[group_version.path] = document
            for spec, version in served[name]:
                gvr = GroupVersionResource(group, name, spec["names"]["plural"])
                self.catalog.customs[gvr] = custom_version(version)

    def _document(self, group_version: GroupVersion, served: list[tuple[Object, Object]]) -> Document:
        core = self.catalog.documents.get("api/v1")
        if core is None:
            raise LookupError("the core group is not served")
        schemas = closure(core.content["components"]["schemas"], [f"{META}ObjectMeta", f"{META}ListMeta"])
        paths: Object = {}
        for spec, version in served:
            prefix = definition_prefix(group_version)
            kind, list_kind = spec["names"]["kind"], spec["names"]["listKind"]
            schemas[f"{prefix}.{kind}"] = object_schema(group_version, kind, version)
            schemas[f"{prefix}.{list_kind}"] = list_schema(group_version, list_kind, f"{prefix}.{kind}")
            paths.update(resource_paths(group_version, spec, kind))
        content = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
            "paths": paths,
            "components": {"schemas": schemas},
        }
        return Document(json.dumps(content, separators=(",", ":")).encode())


def definition_prefix(group_version: GroupVersion) -> str:
    """The beginning of the names of a group's definitions: the group backwards, then the version."""
    return ".".join([*reversed(group_version.group.split(".")), group_version.version])


def discovery_entry(spec: Object, version: Object) -> Object:
    names = spec["names"]
    kind = {"group": spec["group"], "version": version["name"], "kind": names["kind"]}
    reads = ["get", "patch", "update"]
    subresources = [
        {"subresource": item, "responseKind": SCALE if item == "scale" else kind, "verbs": reads}
        for item in ("status", "scale")
        if item in (version.get("subresources") or {})
    ]
    return {
        "resource": names["plural"],
        "responseKind": kind,
        "scope": spec["scope"],
        "singularResource": names["singular"],
        "verbs": VERBS,
        **({"shortNames": names["shortNames"]} if names.get("shortNames") else {}),
        **({"categories": names["categories"]} if names.get("categories") else {}),
        **({"subresources": subresources} if subresources else {}),
    }


def custom_version(version: Object) -> CustomVersion:
    scale = (version.get("subresources") or {}).get("scale") or {}
    return CustomVersion(
        selectable=tuple(item["jsonPath"].lstrip(".") for item in version.get("selectableFields") or ()),
        scale=ScalePaths(
            scale.get("specReplicasPath", ".spec.replicas"),
            scale.get("statusReplicasPath", ".status.replicas"),
            scale.get("labelSelectorPath", ""),
        ),
    )


def object_schema(group_version: GroupVersion, kind: str, version: Object) -> Object:
    """Return the OpenAPI definition of a kind: its schema with ``apiVersion``, ``kind`` and ``metadata``."""
    schema = published(version["schema"]["openAPIV3Schema"])
    properties = {**schema.get("properties", {}), **OBJECT_PROPERTIES}
    return {**schema, "properties": properties, **kind_extension(group_version, kind)}


def published(schema: Any) -> Any:
    """Return the published form of a schema.

    Embedded resources (``x-kubernetes-embedded-resource``) get ``apiVersion``, ``kind`` and ``metadata``.
    """
    if not isinstance(schema, dict):
        return schema
    inside = {key: published(schema[key]) for key in ("items", "additionalProperties") if key in schema}
    properties = {key: published(item) for key, item in schema.get("properties", {}).items()}
    if schema.get("x-kubernetes-embedded-resource"):
        properties |= OBJECT_PROPERTIES
    return {**schema, **inside, **({"properties": properties} if properties else {})}


def list_schema(group_version: GroupVersion, kind: str, item: str) -> Object:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": f"#/components/schemas/{META}ListMeta"}]},
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{item}"}},
        },
        **kind_extension(group_version, kind),
    }


def kind_extension(group_version: GroupVersion, kind: str) -> Object:
    names = {"group": group_version.group, "version": group_version.version, "kind": kind}
    return {"x-kubernetes-group-version-kind": [names]}


def resource_paths(group_version: GroupVersion, spec: Object, kind: str) -> Object:
    """Return the OpenAPI paths: only PATCH, because kubectl reads its ``fieldValidation`` parameter."""
    inside = "/namespaces/{namespace}" if spec["scope"] == "Namespaced" else ""
    address = f"/{group_version.path}{inside}/{spec['names']['plural']}/{{name}}"
    validation = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    extension = {
        "x-kubernetes-group-version-kind": {
            "group": group_version.group,
            "version": group_version.version,
            "kind": kind,
        }
    }
    return {address: {"patch": {"parameters": [validation], "responses": {}, **extension}}}
