"""Objects that are created at a subresource: ``createPodEviction``, ``createServiceAccountToken``."""

from typing import Any

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.causes import mapped_causes, place_in_object
from gateway.resolvers.context import Info
from gateway.resolvers.write_request import Write, send_write
from gateway.resolvers.written import (
    JSON,
    JSONObject,
    metadata_of,
    namespace_of,
    one_object,
    parameters_of,
    with_kind,
)
from schema.building import RootField
from schema.verbs import spec_of

__all__ = ["create_subresource"]


async def create_subresource(
    root: RootField,
    info: Info,
    *,
    name: str,
    written: JSONObject | None = None,
    written_json: Any = None,
    namespace: str | None = None,
    **options: Any,
) -> JSONObject:
    """Answer ``createPodEviction(name: …, object: …)``: POST, with absent type and name added.

    Some subresources, such as ``binding`` and ``eviction``, are answered with a Status. The answer is then
    the object as it was sent, which the API server has accepted.
    """
    resource, subresource = root.served.resource, spec_of(root.verb).subresource
    body = one_object(written, written_json)
    served = resource.subresource(subresource) if subresource else None
    where = namespace_of(root, info, namespace, body)
    body = _named(body, name, where)
    if served is not None and served.kind is not None:
        body = with_kind(served.kind, body)
    path = resource_path(resource, where, name, subresource)
    with mapped_causes(place_in_object(info, written, written_json)):
        answer = await send_write(info, Write("POST", path, body, JSON, parameters_of(**options)))
    is_status = answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"
    return body if is_status else answer


def _named(body: JSONObject, name: str, namespace: str | None) -> JSONObject:
    metadata = metadata_of(body)
    if metadata.get("name") not in (None, name):
        raise BadArgument(f"metadata.name of the object has to be {name!r}, like the argument name")
    own = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {**body, "metadata": {**metadata, **own}}
