"""Queries: a list is one LIST, an object is one GET (design section 5)."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.decoding import decode_list, decode_object
from schema.operations import RootField

__all__ = ["list_objects", "read_object"]


async def list_objects(
    root: RootField, info: Info, *, namespace: str | None = None, **options: Any
) -> Mapping[str, Any]:
    """Answer ``pods(…)``: the List as JSON, one LIST upstream as the caller."""
    path = resource_path(root.served.resource, namespace or None)
    response = await client_of(info).get(path, list_parameters(**options))
    return decode_list(response.body, root.served.resource.kind)


async def read_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    resource_version: str | None = None,
) -> Mapping[str, Any]:
    """Answer ``pod(name: …)``: the object as JSON; NotFound where there is none."""
    resource = root.served.resource
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    parameters = {} if resource_version is None else {"resourceVersion": resource_version}
    response = await client_of(info).get(resource_path(resource, namespace, name), parameters)
    return decode_object(response.body)


def list_parameters(
    *,
    label_selector: str | None = None,
    field_selector: str | None = None,
    limit: int | None = None,
    continue_token: str | None = None,
    resource_version: str | None = None,
    resource_version_match: str | None = None,
) -> dict[str, str]:
    """The query of a LIST; ``resourceVersion`` alone means "not older than" (design section 5)."""
    if limit is not None and limit < 0:
        raise BadArgument(f"limit is {limit}; give 0 for no limit, or a positive number")
    if resource_version and not continue_token:
        resource_version_match = resource_version_match or "NotOlderThan"
    options = {
        "labelSelector": label_selector,
        "fieldSelector": field_selector,
        "limit": None if limit is None else str(limit),
        "continue": continue_token,
        "resourceVersion": resource_version,
        "resourceVersionMatch": resource_version_match,
    }
    return {key: value for key, value in options.items() if value}
