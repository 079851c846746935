"""The names of the types: plain for Kubernetes' own definitions, with group and version for all others.

Design section 4, "Type names". A type's input, list and event are named after it. An uncontested name
has no underscore inside, which is how the marked names of contested ones never meet another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schema.lowering.claims import Claim, Standing, is_builtin_group, settle
from schema.lowering.well_known import is_custom_resource
from schema.model import Scalar
from schema.names import camel, distinguished, legal
from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["RESERVED_TYPES", "Packages", "TypeNames", "Unnamed", "type_names"]

RESERVED_TYPES = frozenset(
    {"Query", "Mutation", "Subscription", "ID", "KubernetesObject", "WatchEventType", "PatchType"}
    | {"JSONPatchOperation", "JSONPatchOperationInput", "DeleteResult", "DeletionPropagation"}
    | {"ResourceVersionMatch", "VersionInfo", "AccessReview", "APIResource", "PodLogLine"}
    | {scalar.value for scalar in Scalar}
)
MACHINERY = "io.k8s.apimachinery."
SUFFIXES = ("", "Input", "List", "Event")


@dataclass(frozen=True, slots=True)
class Unnamed:
    """An object type before it has names.

    ``definition`` is the OpenAPI definition, ``path`` the properties from there to a nested object.
    ``kind`` is the kind that is served with it, if any.
    """

    id: str
    definition: str
    path: tuple[str, ...] = ()
    kind: GroupVersionKind | None = None


@dataclass(frozen=True, slots=True)
class TypeNames:
    """The names of one object type and of what stands around it."""

    output: str
    input: str
    list: str
    event: str


class Packages:
    """Which group version a definition belongs to, told by the kinds that stand in its package.

    A package is a definition's id without its last segment: ``io.k8s.api.core.v1``.
    """

    def __init__(
        self, kinds: Iterable[tuple[str, GroupVersionKind]], group_versions: Sequence[GroupVersion]
    ) -> None:
        self._ranks = _ranks(group_versions)
        self._group_versions: dict[str, GroupVersion] = {}
        for id_, kind in kinds:
            self._group_versions.setdefault(id_.rpartition(".")[0], kind.group_version)

    def is_builtin(self, unnamed: Unnamed) -> bool:
        """Whether it is a definition of Kubernetes' own, which may have a plain name."""
        if unnamed.path:
            return False
        if unnamed.kind is not None:
            group = unnamed.kind.group
            return is_builtin_group(group) and not is_custom_resource(unnamed.id, unnamed.kind)
        group_version = self._group_version(unnamed)
        if group_version is None or unnamed.definition.startswith(MACHINERY):
            return unnamed.definition.startswith("io.k8s.")
        return is_builtin_group(group_version.group)

    def rank(self, unnamed: Unnamed) -> tuple[int, bool, int, str]:
        """Who is first among Kubernetes' own: the machinery, then preferred versions, kinds before parts."""
        if unnamed.definition.startswith(MACHINERY):
            return (-1, False, 0, unnamed.id)
        group_version = self._group_version(unnamed)
        last = (len(self._ranks), len(self._ranks))
        older, number = self._ranks.get(group_version, last) if group_version else last
        return (older, unnamed.kind is None, number, unnamed.id)

    def qualified(self, unnamed: Unnamed) -> str:
        """The name with group and version, and the path below the definition."""
        package, _, last = unnamed.definition.rpartition(".")
        group_version = self._group_version(unnamed)
        prefix = camel(package) if group_version is None else _prefix(group_version)
        stem = unnamed.kind.kind if unnamed.kind and not unnamed.path else last
        name = legal(prefix + camel(stem) + "".join(map(camel, unnamed.path)))
        # never the name of the input of the object around it
        return f"{name}_" if unnamed.path and name.endswith("Input") else name

    def _group_version(self, unnamed: Unnamed) -> GroupVersion | None:
        if unnamed.kind is not None:
            return unnamed.kind.group_version
        return self._group_versions.get(unnamed.definition.rpartition(".")[0])


def type_names(unnamed: Sequence[Unnamed], packages: Packages) -> Mapping[str, TypeNames]:
    """The names of every object type, by id; all of them are distinct."""
    builtin = sorted((each for each in unnamed if packages.is_builtin(each)), key=packages.rank)
    taken = set(RESERVED_TYPES)
    names: dict[str, TypeNames] = {}
    for each in builtin:
        names[each.id] = _plain_names(each, packages.qualified(each), taken)
        taken.update(_all(names[each.id], each))
    others = [each for each in unnamed if each.id not in names]
    return names | _qualified_names(others, packages, taken)


def _plain_names(unnamed: Unnamed, qualified: str, taken: set[str]) -> TypeNames:
    """The last segment of the definition where that is free, else the name with group and version."""
    last = unnamed.kind.kind if unnamed.kind else unnamed.definition.rpartition(".")[2]
    for name in (legal(camel(last)), qualified):
        names = _around(name)
        if taken.isdisjoint(_all(names, unnamed)):
            return names
    return TypeNames(*(distinguished(qualified + suffix, unnamed.id) for suffix in SUFFIXES))


def _qualified_names(unnamed: Sequence[Unnamed], packages: Packages, taken: set[str]) -> dict[str, TypeNames]:
    """Each wins its names or is marked; a contested name is nobody's."""
    wishes = {each.id: _around(packages.qualified(each)) for each in unnamed}
    claims = [
        Claim(each.id, name, Standing.CUSTOM) for each in unnamed for name in _all(wishes[each.id], each)
    ]
    won = settle(claims, {("", name) for name in taken})

    def given(id_: str, name: str) -> str:
        return name if Claim(id_, name, Standing.CUSTOM) in won else distinguished(name, id_)

    return {
        id_: TypeNames(
            output=given(id_, wish.output),
            input=given(id_, wish.input),
            list=given(id_, wish.list),
            event=given(id_, wish.event),
        )
        for id_, wish in wishes.items()
    }


def _around(name: str) -> TypeNames:
    return TypeNames(*(name + suffix for suffix in SUFFIXES))


def _all(names: TypeNames, unnamed: Unnamed) -> tuple[str, ...]:
    """The names that are in use: only kinds have lists and events."""
    if unnamed.kind is None:
        return (names.output, names.input)
    return (names.output, names.input, names.list, names.event)


def _ranks(group_versions: Sequence[GroupVersion]) -> dict[GroupVersion, tuple[int, int]]:
    """All groups' preferred versions in discovery's order, then the second ones, and so on."""
    seen: dict[str, int] = {}
    ranks = {}
    for number, group_version in enumerate(group_versions):
        older = seen.get(group_version.group, 0)
        seen[group_version.group] = older + 1
        ranks[group_version] = (older, number)
    return ranks


def _prefix(group_version: GroupVersion) -> str:
    """``events.k8s.io/v1`` → ``EventsV1``, ``cert-manager.io/v1`` → ``CertManagerIoV1``."""
    group = group_version.group.removesuffix(".k8s.io")
    return camel(group or "core") + camel(group_version.version)
