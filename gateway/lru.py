"""A least-recently-used map with a bound on the total weight of its entries (bytes or entries)."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["LRU"]

K = TypeVar("K")
V = TypeVar("V")


class LRU(Generic[K, V]):
    """Evicts the least recently used entries while the total weight exceeds ``most``.

    ``weigh`` gives an entry's weight when it is put, at least 1; by default each entry weighs 1.
    ``on_evict`` is called for every entry that the bound evicts, not for one that is discarded or replaced.
    """

    def __init__(
        self,
        most: int,
        *,
        weigh: Callable[[V], int] = lambda _: 1,
        on_evict: Callable[[K, V], None] = lambda _key, _value: None,
    ) -> None:
        self._most = most
        self._weigh = weigh
        self._on_evict = on_evict
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """The value, now the most recently used; None where there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V) -> None:
        """Add or replace an entry as the most recently used one, then evict."""
        self.discard(key)
        weight = self._weigh(value)
        self._entries[key] = value, weight
        self.weight += weight
        while self.weight > self._most and self._entries:
            oldest, (evicted, freed) = self._entries.popitem(last=False)
            self.weight -= freed
            self._on_evict(oldest, evicted)

    def values(self) -> Iterator[V]:
        """All values, the least recently used one first; reading them is no use in this sense."""
        return (value for value, _ in self._entries.values())

    def discard(self, key: K) -> V | None:
        """Remove an entry and return its value; None where there is none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self.weight -= entry[1]
        return entry[0]

    def clear(self) -> None:
        self._entries.clear()
        self.weight = 0
