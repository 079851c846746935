"""When the APIs of a cluster were installed, from the metadata of its CRDs and APIServices.

Short names depend on it: an API that is installed later takes no name from an older one
(:mod:`schema.lowering.root_names`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeVar

from schema.resources import Resource, is_builtin_group

__all__ = ["APIService", "Age", "InstalledAPIs", "Origin"]

T = TypeVar("T")


class Origin(Enum):
    """The server of a group version, as its APIService says (``kube-aggregator``, ``autoregister``)."""

    BUILTIN = "onstart"
    """The API server itself, from its own code."""
    CRD = "true"
    AGGREGATED = ""
    """Another server, to which the API server forwards the requests."""


@dataclass(frozen=True, slots=True)
class APIService:
    """``created`` is its creationTimestamp."""

    created: str
    origin: Origin


class Age(NamedTuple):
    """A sort key, the oldest API first; ``name`` decides between APIs of one second.

    ``deleted`` is a resource that discovery lists although its CRD is gone: discovery lags behind.
    """

    deleted: bool
    created: str
    name: str


@dataclass(frozen=True, slots=True)
class InstalledAPIs:
    """The creationTimestamp of each CRD by its name, and each APIService by its name.

    None for a list that could not be read.
    """

    crds: Mapping[str, str] | None = None
    api_services: Mapping[str, APIService] | None = None

    def restricted_to(self, resources: Iterable[Resource]) -> "InstalledAPIs":
        """A copy with only the entries that :meth:`is_builtin` and :meth:`age` need for these resources."""
        crds, services = set(), set()
        for resource in resources:
            crds.add(_crd_name(resource))
            services.add(_service_name(resource))
        return InstalledAPIs(_restricted(self.crds, crds), _restricted(self.api_services, services))

    def is_builtin(self, resource: Resource, *, from_crd: bool) -> bool:
        """Whether the API server's own code serves the resource.

        ``from_crd``: the OpenAPI documents describe a custom resource. Without CRDs and APIServices that fact
        and the group decide.
        """
        if self._crd(resource) is not None:
            return False
        if service := self._service(resource):
            return service.origin is Origin.BUILTIN
        return is_builtin_group(resource.gvr.group) and not from_crd

    def age(self, resource: Resource, *, from_crd: bool) -> Age | None:
        """The age of a resource that is not built in; None if it is not known."""
        name = _crd_name(resource)
        if (created := self._crd(resource)) is not None:
            return Age(deleted=False, created=created, name=name)
        service = self._service(resource)
        if service is not None and service.origin is Origin.AGGREGATED:
            return Age(deleted=False, created=service.created, name=name)
        if self.crds is not None and (from_crd or service is not None):
            return Age(deleted=True, created="", name=name)
        return None

    def _crd(self, resource: Resource) -> str | None:
        return (self.crds or {}).get(_crd_name(resource))

    def _service(self, resource: Resource) -> APIService | None:
        return (self.api_services or {}).get(_service_name(resource))


def _crd_name(resource: Resource) -> str:
    return f"{resource.gvr.resource}.{resource.gvr.group}"


def _service_name(resource: Resource) -> str:
    return f"{resource.gvr.version}.{resource.gvr.group}"


def _restricted(entries: Mapping[str, T] | None, names: Collection[str]) -> Mapping[str, T] | None:
    return None if entries is None else {name: entry for name, entry in entries.items() if name in names}
