"""Queries: a list is one LIST, an object is one GET (design section 5)."""

from typing import Any

from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, client_of
from gateway.resolvers.decoding import answer_list, answer_object
from schema.operations import RootField
from schema.selection import Selection
from schema.selection_compile import compile_list, compile_object

__all__ = ["list_objects", "read_object"]

JSON = "application/json"


async def list_objects(root: RootField, info: Info, *, namespace: str | None = None, **options: Any) -> Any:
    """Answer ``pods(…)``: what is selected of the List, one LIST upstream as the caller."""
    resource = root.served.resource
    selection = compile_list(info, resource.kind)
    response = await client_of(info).get(
        resource_path(resource, namespace or None),
        list_parameters(**options),
        accept=_accept(selection, "PartialObjectMetadataList"),
    )
    return answer_list(response.body, resource.kind, selection)


async def read_object(
    root: RootField,
    info: Info,
    *,
    name: str,
    namespace: str | None = None,
    resource_version: str | None = None,
) -> Any:
    """Answer ``pod(name: …)``: what is selected of the object; NotFound where there is none."""
    resource = root.served.resource
    selection = compile_object(info, resource.kind)
    namespace = (namespace or info.context.default_namespace) if resource.namespaced else None
    parameters = {} if resource_version is None else {"resourceVersion": resource_version}
    response = await client_of(info).get(
        resource_path(resource, namespace, name),
        parameters,
        accept=_accept(selection, "PartialObjectMetadata"),
    )
    return answer_object(response.body, resource.kind, selection)


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


def _accept(selection: Selection | None, metadata_kind: str) -> str:
    """Only metadata where no more is selected; the object itself from a server that cannot do that."""
    if selection is None or not selection.only_metadata:
        return JSON
    return f"{JSON};as={metadata_kind};g=meta.k8s.io;v=v1,{JSON}"
