"""From the text of a manifest to targets: objects with their resources, checked before any is sent."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import BadArgument, CredentialsError, GatewayError, Unauthenticated, UpstreamError
from gateway.kube.client import Response
from gateway.kube.paths import resource_path, validate_name, validate_namespace
from gateway.resolvers.context import Info, note_in_audit_log
from gateway.resolvers.manifests.resources import ResourceFinder, unknown_kind
from gateway.resolvers.write_request import note_warnings
from schema.manifests import MalformedManifest, Manifest, ManifestObject, parse_manifest
from schema.resources import Resource

__all__ = [
    "JSONObject",
    "Target",
    "audit_document",
    "check_objects",
    "ends_run",
    "error_of",
    "note_document_warnings",
    "place_of",
    "read_manifest",
    "target_of",
]

JSONObject = dict[str, Any]
_MOST_DUPLICATES = 5


@dataclass(frozen=True, slots=True)
class Target:
    """One object with its resource, its place on the API server and the body to send."""

    object: ManifestObject
    resource: Resource
    namespace: str | None
    path: str
    body: JSONObject = field(repr=False)

    @classmethod
    def of(cls, item: ManifestObject, resource: Resource, namespace: str | None, default: str) -> "Target":
        """The target of an object; ``namespace`` is the argument. Raises BadArgument.

        A cluster-scoped object loses its namespace, as with kubectl.
        """
        metadata = dict(item.content["metadata"])
        if not resource.namespaced:
            metadata.pop("namespace", None)
            place = None
        else:
            if namespace and item.namespace and item.namespace != namespace:
                raise BadArgument(
                    f"{_label(item)} is of the namespace {item.namespace}, and not of {namespace}: leave the"
                    " argument namespace out, or remove the object's own"
                )
            place = metadata["namespace"] = item.namespace or namespace or default
        path = resource_path(resource, place, item.name)
        return cls(item, resource, place, path, {**item.content, "metadata": metadata})


async def read_manifest(info: Info, text: str, namespace: str | None, field_validation: str) -> Manifest:
    """Parse the text in a thread. Raises BadArgument.

    Keys that occur twice are errors, warnings or ignored, as ``field_validation`` says.
    """
    if namespace is not None:
        validate_namespace(namespace)
    try:
        manifest = await asyncio.to_thread(parse_manifest, text)
    except MalformedManifest as error:
        raise BadArgument(f"the manifest cannot be read: {error}") from error
    if manifest.duplicates and field_validation != "Ignore":
        found = [str(duplicate) for duplicate in manifest.duplicates[:_MOST_DUPLICATES]]
        if field_validation == "Strict":
            raise BadArgument(f"the manifest cannot be read: {'; '.join(found)}")
        path = info.path.as_list()
        noted = info.context.extensions.setdefault("warnings", [])
        noted.extend({"message": f"{text}; the last value counts", "path": path} for text in found)
    return manifest


def check_objects(
    objects: Iterable[ManifestObject], finder: ResourceFinder, namespace: str | None, default: str
) -> None:
    """Check names, namespaces and verbs of all objects, as far as their kinds are known.

    Raises BadArgument for the first object that is refused.
    """
    for item in objects:
        try:
            validate_name(item.name)
            resource = finder.find(item.kind)
            if resource is not None:
                Target.of(item, resource, namespace, default)
        except BadArgument as error:
            raise BadArgument(f"line {item.line}: {error.message}") from error


def place_of(item: ManifestObject, finder: ResourceFinder, namespace: str | None) -> JSONObject:
    """The fields of a result that identify its object."""
    try:
        resource = finder.find(item.kind)
    except BadArgument:
        resource = None
    is_cluster_scoped = resource is not None and not resource.namespaced
    return {
        "index": item.index,
        "apiVersion": item.kind.api_version,
        "kind": item.kind.kind,
        "namespace": None if is_cluster_scoped else item.namespace or namespace,
        "name": item.name,
        "object": None,
        "error": None,
    }


def error_of(error: GatewayError) -> JSONObject:
    """``DocumentError``."""
    status = getattr(error, "status", None)
    causes = (status.details.get("causes") if status is not None else None) or []
    return {"code": error.code, "message": error.message, "causes": list(causes)}


def audit_document(info: Info, result: JSONObject) -> JSONObject:
    """The result of one object, which gets a line in the audit log."""
    line = {key: result[key] for key in ("apiVersion", "kind", "namespace", "name", "outcome")}
    note_in_audit_log(info, **line, code=result["error"]["code"] if result["error"] else None)
    return result


def ends_run(error: GatewayError) -> bool:
    """Whether all further requests would fail, too."""
    return isinstance(error, UpstreamError | Unauthenticated | CredentialsError)


def note_document_warnings(info: Info, answer: Response | GatewayError, index: int) -> None:
    """Add the API server's warnings to ``extensions.warnings``, with the path of the document."""
    note_warnings(info, answer, "documents", index)


def target_of(item: ManifestObject, finder: ResourceFinder, namespace: str | None, default: str) -> Target:
    """The target of an object whose kind has to be known by now. Raises BadArgument."""
    resource = finder.find(item.kind)
    if resource is None:
        raise BadArgument(unknown_kind(item.kind))
    return Target.of(item, resource, namespace, default)


def _label(item: ManifestObject) -> str:
    return f"{item.kind.kind} {item.name}"
