"""Encoded selections of objects, each made once for all subscribers that share it."""

from collections import OrderedDict

from schema.selection import Selection

__all__ = ["Fragments"]


class Fragments:
    """What selections made of objects' JSON, the least recently used forgotten.

    Bounded by bytes, of the objects as of what was made of them: the objects are mostly an informer's
    own, but a forgotten one would live on in here.
    """

    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._made: OrderedDict[tuple[Selection, bytes], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._made)

    def encode(self, selection: Selection, body: bytes) -> bytes:
        """``selection.encode(body)``; raises SelectionMismatch."""
        key = (selection, body)
        made = self._made.get(key)
        if made is not None:
            self._made.move_to_end(key)
            return made
        made = selection.encode(body)
        self._made[key] = made
        self._bytes += len(body) + len(made)
        while self._bytes > self._most_bytes:
            (_, forgotten), encoded = self._made.popitem(last=False)
            self._bytes -= len(forgotten) + len(encoded)
        return made
