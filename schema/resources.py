"""The API that a server serves: groups, versions, kinds, resources and their subresources.

The terms are Kubernetes' own (API conventions, "Types (Kinds)"): a *kind* is a type, a *resource* is
an endpoint that serves objects of a kind, a *subresource* is an endpoint of one object.
"""

from dataclasses import dataclass, field

__all__ = [
    "GroupVersion",
    "GroupVersionKind",
    "GroupVersionResource",
    "Resource",
    "Subresource",
    "is_builtin_group",
]


def is_builtin_group(group: str) -> bool:
    """The core group, groups without a dot, and ``*.k8s.io``: a CRD needs approval to use one."""
    return "." not in group or group.endswith(".k8s.io")


@dataclass(frozen=True, slots=True, order=True)
class GroupVersion:
    """An API group at one version; the core group is the empty string."""

    group: str
    version: str

    @classmethod
    def parse(cls, api_version: str) -> "GroupVersion":
        """Read an ``apiVersion`` (``v1``, ``apps/v1``)."""
        group, _, version = api_version.rpartition("/")
        return cls(group, version)

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` that objects carry: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """Its path in the API server, without a leading slash: ``api/v1``, ``apis/apps/v1``."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"


@dataclass(frozen=True, slots=True, order=True)
class GroupVersionKind:
    """A kind at one version of its group."""

    group: str
    version: str
    kind: str

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` that objects carry: ``v1``, ``apps/v1``."""
        return self.group_version.api_version


@dataclass(frozen=True, slots=True, order=True)
class GroupVersionResource:
    """A resource (plural, lower case) at one version of its group."""

    group: str
    version: str
    resource: str

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    def __str__(self) -> str:
        return (
            f"{self.resource}.{self.version}.{self.group}"
            if self.group
            else f"{self.resource}.{self.version}"
        )


@dataclass(frozen=True, slots=True)
class Subresource:
    """An endpoint of one object, such as ``status``, ``scale`` or ``log``."""

    name: str
    kind: GroupVersionKind | None
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource, as discovery describes it.

    ``preferred``: this is the group's preferred version *of this resource*, the first version in discovery's
    order in which the group serves it.
    """

    gvr: GroupVersionResource
    kind: GroupVersionKind
    namespaced: bool
    singular: str
    verbs: frozenset[str]
    preferred: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = field(default=())

    def subresource(self, name: str) -> Subresource | None:
        """The subresource called ``name``; None if discovery does not list it."""
        return next((subresource for subresource in self.subresources if subresource.name == name), None)
