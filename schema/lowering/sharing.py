"""Within one group and version, custom resources share the types of their equal structures.

Only the definitions of custom resources take part, and the kinds themselves are never shared. The result
depends only on the kinds of the group and version: neither on other groups nor on the order of installation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schema.lowering.definitions import Lowered
from schema.lowering.structures import Structure, merge
from schema.lowering.tails import Root, tails_of
from schema.lowering.type_names import SUFFIXES, Wishes, structure_wishes
from schema.names import camel
from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["SharedStructures", "share_structures"]

_NO_STRUCTURES: Mapping[str, Structure] = {}


@dataclass(frozen=True, slots=True)
class SharedStructures:
    """The structures of one group and version, by id, and the names for which they wish.

    ``inside`` has the structures of each kind on its own, by the kind's name and the id of its definition.
    """

    inside: Mapping[tuple[str, str], Mapping[str, Structure]]
    structures: Mapping[str, Structure]
    wishes: Wishes


def share_structures(
    kinds: Mapping[str, GroupVersionKind],
    lowered: Mapping[str, Lowered],
    before: Mapping[GroupVersion, SharedStructures],
) -> dict[GroupVersion, SharedStructures]:
    """The structures of every group and version of custom resources.

    ``kinds`` maps the id of a definition to its custom kind. ``lowered`` maps the ids of the kinds that are
    objects to their types. ``before`` is an earlier result; its unchanged structures are reused.
    """
    by_group_version: dict[GroupVersion, dict[str, str]] = {}
    for id_, kind in kinds.items():
        by_group_version.setdefault(kind.group_version, {})[id_] = kind.kind
    return {
        group_version: _share(group_version, names, lowered, before.get(group_version))
        for group_version, names in by_group_version.items()
    }


def _share(
    group_version: GroupVersion,
    names: Mapping[str, str],
    lowered: Mapping[str, Lowered],
    before: SharedStructures | None,
) -> SharedStructures:
    """The structures of the kinds with these names, by the ids of their definitions."""
    objects = {id_: lowered[id_] for id_ in sorted(names) if id_ in lowered}
    inside = {
        (name, id_): objects[id_].structures if id_ in objects else _NO_STRUCTURES
        for id_, name in names.items()
    }
    if before is not None and _are_same(before.inside, inside):
        return before
    structures = merge(structure for item in objects.values() for structure in item.structures.values())
    roots = {id_: Root(names[id_], item.drafts[0].properties) for id_, item in objects.items()}
    reserved = {camel(name) + suffix for name in names.values() for suffix in SUFFIXES}
    wishes = structure_wishes(group_version, tails_of(roots, structures, reserved))
    return SharedStructures(inside, structures, wishes)


def _are_same(
    before: Mapping[tuple[str, str], Mapping[str, Structure]],
    now: Mapping[tuple[str, str], Mapping[str, Structure]],
) -> bool:
    """Whether no kind was lowered again, added or removed."""
    return before.keys() == now.keys() and all(before[key] is structures for key, structures in now.items())
