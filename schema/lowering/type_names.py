"""The names of the types: plain for built-in definitions, with group and version for all others.

Design section 4, "Type names"; :mod:`schema.lowering.tails` names the objects inside custom resources. The
input, list and event types are named after the type. An uncontested name has no underscore inside, so that
the marked name of a contested type cannot collide with it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from schema.lowering.tails import Tail
from schema.lowering.well_known import is_custom_resource
from schema.model import Scalar
from schema.names import camel, distinguished, legal
from schema.resources import GroupVersion, GroupVersionKind, is_builtin_group

__all__ = [
    "RESERVED_TYPES",
    "SUFFIXES",
    "Packages",
    "TypeNames",
    "Unnamed",
    "Wishes",
    "structure_wishes",
    "type_names",
]

RESERVED_TYPES = frozenset(
    {"Query", "Mutation", "Subscription", "ID", "KubernetesObject", "WatchEventType", "PatchType"}
    | {"JSONPatchOperation", "JSONPatchOperationInput", "DeleteResult", "DeletionPropagation"}
    | {"ResourceVersionMatch", "VersionInfo", "AccessReview", "APIResource", "PodLogLine"}
    | {"AccessCheck", "Caller", "FieldValidation", "OtherObject", "ObjectDiff", "FieldChange"}
    | {"ApplyManifestResult", "AppliedDocument", "ApplyOutcome", "DocumentError"}
    | {"DeleteManifestResult", "DeletedDocument", "DeleteOutcome"}
    | {"DiffManifestResult", "DocumentDiff"}
    | {"NodeDrainEvent", "NodeDrainStatus", "WorkloadRevision", "RolloutStatus"}
    | {"DeleteCollectionResult", "FieldOwner"}
    | {"KubernetesObjectList", "Health", "HealthStatus", "TreeNode", "Problem", "RelatedFilter"}
    | {scalar.value for scalar in Scalar}
)
_MACHINERY = "io.k8s.apimachinery."
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
    """The names of one object type, and of the types around it."""

    output: str
    input: str
    list: str
    event: str


class Packages:
    """The group version of each definition, inferred from the kinds in the same package.

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
        """Whether it is a built-in definition, which may have a plain name."""
        if unnamed.path:
            return False
        if unnamed.kind is not None:
            group = unnamed.kind.group
            return is_builtin_group(group) and not is_custom_resource(unnamed.id, unnamed.kind)
        group_version = self._group_version(unnamed)
        if group_version is None or unnamed.definition.startswith(_MACHINERY):
            return unnamed.definition.startswith("io.k8s.")
        return is_builtin_group(group_version.group)

    def rank(self, unnamed: Unnamed) -> tuple[int, bool, int, str]:
        """The order of built-in definitions: the machinery, then preferred versions, kinds before parts."""
        if unnamed.definition.startswith(_MACHINERY):
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
        return _apart_from_inputs(name) if unnamed.path else name

    def _group_version(self, unnamed: Unnamed) -> GroupVersion | None:
        if unnamed.kind is not None:
            return unnamed.kind.group_version
        return self._group_versions.get(unnamed.definition.rpartition(".")[0])


@dataclass(frozen=True, slots=True)
class Wishes:
    """The names of some types by id, as they are unless another type wishes for one of them.

    ``used`` has all these names, ``twice`` the names that two of these types ask for. ``marked`` has
    the types that never get a name of their own.
    """

    names: Mapping[str, TypeNames]
    used: frozenset[str]
    twice: frozenset[str]
    marked: frozenset[str] = frozenset()


def structure_wishes(group_version: GroupVersion, tails: Mapping[str, Tail]) -> Wishes:
    """The wishes of the objects inside the custom resources of one group and version."""
    prefix = _prefix(group_version)
    names = {
        id_: _with_suffixes(_apart_from_inputs(legal(prefix + tail.text))) for id_, tail in tails.items()
    }
    marked = frozenset(id_ for id_, tail in tails.items() if tail.is_contested)
    return _wishes(names, {id_: (name.output, name.input) for id_, name in names.items()}, marked)


def type_names(
    unnamed: Sequence[Unnamed], packages: Packages, structures: Iterable[Wishes] = ()
) -> Mapping[str, TypeNames]:
    """The names of every object type, by id; all of them are distinct.

    ``structures`` are the wishes of the objects inside custom resources. A contested name has no owner; all
    claimants are marked.
    """
    builtin = sorted((item for item in unnamed if packages.is_builtin(item)), key=packages.rank)
    taken = set(RESERVED_TYPES)
    names: dict[str, TypeNames] = {}
    for item in builtin:
        names[item.id] = _plain_names(item, packages.qualified(item), taken)
        taken.update(_used(names[item.id], item))
    others = {item.id: item for item in unnamed if item.id not in names}
    qualified = {id_: _with_suffixes(packages.qualified(item)) for id_, item in others.items()}
    used = {id_: _used(qualified[id_], item) for id_, item in others.items()}
    all_wishes = (_wishes(qualified, used), *structures)
    contested = _contested(all_wishes, taken)
    for wishes in all_wishes:
        names.update(_granted(wishes, contested))
    return names


def _wishes(
    names: Mapping[str, TypeNames],
    used: Mapping[str, tuple[str, ...]],
    marked: frozenset[str] = frozenset(),
) -> Wishes:
    counts = Counter(chain.from_iterable(used.values()))
    twice = frozenset(name for name, count in counts.items() if count > 1)
    return Wishes(names, frozenset(counts), twice, marked)


def _contested(all_wishes: Iterable[Wishes], taken: Collection[str]) -> set[str]:
    """The names that are taken, or for which two types wish."""
    contested, seen = set(taken), set[str]()
    for wishes in all_wishes:
        contested |= wishes.twice | (wishes.used & seen)
        seen |= wishes.used
    return contested


def _granted(wishes: Wishes, contested: Collection[str]) -> Mapping[str, TypeNames]:
    if not wishes.marked and wishes.used.isdisjoint(contested):
        return wishes.names

    def granted(id_: str, name: str) -> str:
        return distinguished(name, id_) if name in contested or id_ in wishes.marked else name

    return {
        id_: TypeNames(
            output=granted(id_, wish.output),
            input=granted(id_, wish.input),
            list=granted(id_, wish.list),
            event=granted(id_, wish.event),
        )
        for id_, wish in wishes.names.items()
    }


def _apart_from_inputs(name: str) -> str:
    """The name of a nested object, which differs from the name of the input type of the object around it."""
    return f"{name}_" if name.endswith("Input") else name


def _plain_names(unnamed: Unnamed, qualified: str, taken: set[str]) -> TypeNames:
    """The last segment of the definition if it is free, else the name with group and version."""
    last = unnamed.kind.kind if unnamed.kind else unnamed.definition.rpartition(".")[2]
    for name in (legal(camel(last)), qualified):
        names = _with_suffixes(name)
        if taken.isdisjoint(_used(names, unnamed)):
            return names
    return TypeNames(*(distinguished(qualified + suffix, unnamed.id) for suffix in SUFFIXES))


def _with_suffixes(name: str) -> TypeNames:
    return TypeNames(*(name + suffix for suffix in SUFFIXES))


def _used(names: TypeNames, unnamed: Unnamed) -> tuple[str, ...]:
    """The names in use: only kinds have lists and events."""
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
