"""The source of an informer: a resource in a scope, read as one identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.informers.events import Scope
from gateway.informers.fields import header_type
from gateway.informers.store import version_number
from gateway.kube.client import KubeClient
from gateway.kube.lists import Listing, fetch_list, list_pages
from gateway.kube.paths import resource_path, validate_name
from gateway.kube.received import ObjectHeader
from schema.resources import GroupVersionKind, Resource
from schema.selectors import escape_field_value

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A resource in a scope, narrowed by a field selector that only the API server can evaluate.

    With ``metadata_only`` objects are requested as ``PartialObjectMetadata``. Raises BadArgument for an
    invalid namespace or name.
    """

    client: KubeClient
    resource: Resource
    scope: Scope = field(default_factory=Scope)
    field_selector: str = ""
    metadata_only: bool = False
    path: str = field(init=False)

    def __post_init__(self) -> None:
        if self.scope.name is not None:
            validate_name(self.scope.name)
        object.__setattr__(self, "path", resource_path(self.resource, self.scope.namespace))

    @property
    def server(self) -> str:
        """The URL of the API server, the same for all identities."""
        return self.client.config.server

    @property
    def params(self) -> Mapping[str, str]:
        """The query parameters that select the scope's objects from the collection."""
        terms = [self.field_selector] if self.field_selector else []
        if self.scope.name is not None:
            # RBAC grants a watch of a collection with this selector to a role that is limited to the one
            # name.
            terms.append(f"metadata.name={escape_field_value(self.scope.name)}")
        return {"fieldSelector": ",".join(terms)} if terms else {}

    @property
    def header(self) -> type[ObjectHeader]:
        return ObjectHeader if self.metadata_only else header_type(self.resource.gvr)

    @property
    def metadata_of(self) -> GroupVersionKind | None:
        """The kind whose metadata is watched; None if complete objects are."""
        return self.resource.kind if self.metadata_only else None

    async def fetch(self) -> Listing:
        """LIST all objects of the source."""
        return await fetch_list(
            self.client,
            self.path,
            self.params,
            kind=self.resource.kind,
            header=self.header,
            metadata_only=self.metadata_only,
        )

    async def fetch_resource_version(self) -> int | None:
        """The API server's current resource version, from a LIST of one object; None for an opaque one."""
        pages = list_pages(self.client, self.path, self.params, kind=self.resource.kind, limit=1)
        async for page in pages:
            return version_number(page.resource_version)
        return None
