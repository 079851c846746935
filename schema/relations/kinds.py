"""From the name of a kind to its resource in a model."""

from collections.abc import Iterator

from schema.model import Model, ServedResource
from schema.relations.lookup import KindName
from schema.resources import GroupVersionKind

__all__ = ["KindIndex"]

_READS = frozenset(("get", "list"))


class KindIndex:
    """The readable resources of a model by kind; of several versions the preferred one comes first."""

    def __init__(self, model: Model) -> None:
        self._exact: dict[GroupVersionKind, ServedResource] = {}
        self._by_group: dict[tuple[str, str], ServedResource] = {}
        self._by_kind: dict[str, dict[str, ServedResource]] = {}
        readable = [served for served in model.resources if _READS & served.resource.verbs]
        for served in sorted(readable, key=lambda item: not item.resource.preferred):
            kind = served.resource.kind
            self._exact.setdefault(kind, served)
            self._by_group.setdefault((kind.group, kind.kind), served)
            self._by_kind.setdefault(kind.kind, {}).setdefault(kind.group, served)

    def find(self, name: KindName, near: str = "") -> ServedResource | None:
        """The resource of a kind.

        A version that the model does not have is replaced by the preferred one. Without a group, the core
        group comes first, then the group ``near``, then the only other group that has the kind.
        """
        if name.group is not None:
            exact = GroupVersionKind(name.group, name.version or "", name.kind)
            return self._exact.get(exact) or self._by_group.get((name.group, name.kind))
        groups = self._by_kind.get(name.kind, {})
        found = groups.get("") or groups.get(near)
        return found or (next(iter(groups.values())) if len(groups) == 1 else None)

    def of(self, group: str, kind: str) -> ServedResource | None:
        """The resource of a kind in its preferred version."""
        return self._by_group.get((group, kind))

    def of_group(self, group: str) -> Iterator[ServedResource]:
        """The resources of a group, each kind once."""
        return (served for (of, _), served in self._by_group.items() if of == group)
