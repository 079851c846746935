"""A mapping whose values are built on first access."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["OnDemand"]

Source = TypeVar("Source")
Value = TypeVar("Value")


class OnDemand(Mapping[str, Value], Generic[Source, Value]):
    """Has a value for each key of ``sources``; ``build`` makes it from the key and its source.

    Keys are known without building: only a lookup of a value and an iteration over values build. Each value
    is built once; several threads may use the mapping.
    """

    __slots__ = ("_build", "_built", "_sources")

    def __init__(self, sources: Mapping[str, Source], build: Callable[[str, Source], Value]) -> None:
        self._sources = sources
        self._build = build
        self._built: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        try:
            return self._built[key]
        except KeyError:
            # atomic: two threads that build the same value get one of the two
            return self._built.setdefault(key, self._build(key, self._sources[key]))

    def __contains__(self, key: object) -> bool:
        return key in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    @property
    def built(self) -> dict[str, Value]:
        """The values that exist."""
        return self._built

    def copy(self) -> dict[str, Value]:
        """All values by key, as graphql-core copies the fields of a type."""
        return dict(self)
