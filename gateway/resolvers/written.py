"""The arguments of a mutation as parts of a request: the object, its namespace, and the options."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import BadArgument
from gateway.resolvers.context import Info
from schema.building import RootField
from schema.resources import GroupVersionKind

__all__ = [
    "FIELD_MANAGER",
    "JSON",
    "JSONObject",
    "metadata_of",
    "namespace_of",
    "one_object",
    "parameters_of",
    "present",
    "with_kind",
]

FIELD_MANAGER = "kube-graphql"
JSON = "application/json"

JSONObject = dict[str, Any]


def parameters_of(
    dry_run: bool = False, field_manager: str | None = None, field_validation: str | None = None
) -> dict[str, str]:
    """The query parameters of a write."""
    parameters = {
        "fieldManager": field_manager or FIELD_MANAGER,
        "fieldValidation": field_validation,
        "dryRun": "All" if dry_run else None,
    }
    return present(parameters)


def one_object(typed: JSONObject | None, as_json: Any) -> JSONObject:
    """The object of ``object`` and ``objectJson``, or ``patch`` and ``patchJson``: exactly one is given."""
    if (typed is None) == (as_json is None):
        raise BadArgument("give exactly one of object and objectJson")
    written = as_json if typed is None else typed
    if not isinstance(written, dict):
        raise BadArgument("the JSON of an object has to be an object, {…}, not a string, number or list")
    return written


def metadata_of(written: JSONObject) -> JSONObject:
    """The metadata of a written object. Raises BadArgument if it is not an object."""
    metadata = written.get("metadata")
    if not isinstance(metadata, dict | None):
        raise BadArgument("metadata has to be an object")
    return metadata or {}


def namespace_of(
    root: RootField,
    info: Info,
    namespace: str | None,
    written: JSONObject | None = None,
) -> str | None:
    """The namespace of the argument, of the written object or of the context; None for a cluster's object."""
    if not root.served.resource.namespaced:
        return None
    of_object = metadata_of(written or {}).get("namespace")
    if not isinstance(of_object, str | None):
        raise BadArgument("metadata.namespace has to be a string")
    return namespace or of_object or info.context.default_namespace


def with_kind(kind: GroupVersionKind, written: JSONObject) -> JSONObject:
    """The object with ``apiVersion`` and ``kind``, which it may lack."""
    return {
        **written,
        "apiVersion": written.get("apiVersion") or kind.api_version,
        "kind": written.get("kind") or kind.kind,
    }


def present(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have a value."""
    return {key: value for key, value in options.items() if value is not None}
