"""What is selected of a List, in parts: the List's own fields, and its objects one by one or page by page.

For Lists that no API server sent as one JSON text: objects that are known already, or a List in pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from schema.selection.compiled import Selection
from schema.selection.tree import Field

__all__ = ["ListField", "ListSelection"]


@dataclass(frozen=True, slots=True)
class ListField:
    """One entry of the answer: ``of`` selects it from a List, ``item`` what it has of each object."""

    field: Field
    of: Selection
    item: Selection | None = None

    @property
    def opening(self) -> bytes:
        """How the entry begins in JSON, behind the brace of the object around it."""
        return msgspec.json.encode(self.field.response_name) + b":"


@dataclass(frozen=True, slots=True)
class ListSelection:
    """Encodes a List as the answer to ``pods { metadata { … } items { … } }``.

    ``only_metadata`` is as for :class:`schema.selection.compiled.Selection`.
    """

    fields: tuple[ListField, ...]
    only_metadata: bool = False

    @property
    def items(self) -> tuple[Selection, ...]:
        """What is selected of each object; several where ``items`` is selected under several names."""
        return tuple(each.item for each in self.fields if each.item is not None)

    def encode_items(self, page: bytes) -> tuple[bytes, ...]:
        """For each of :attr:`items` what it has of the objects of a List, separated by commas.

        Raises SelectionMismatch.
        """
        return tuple(_value(each, page)[1:-1] for each in self.fields if each.item is not None)

    def encode(self, envelope: bytes, items: Sequence[bytes]) -> msgspec.Raw:
        """The answer: the List's own fields from ``envelope``, and the objects, encoded for :attr:`items`.

        Raises SelectionMismatch.
        """
        encoded = iter(items)
        values = (
            (each.opening, _value(each, envelope) if each.item is None else b"[" + next(encoded) + b"]")
            for each in self.fields
        )
        return msgspec.Raw(b"{" + b",".join([opening + value for opening, value in values]) + b"}")


def _value(part: ListField, body: bytes) -> bytes:
    return part.of.encode(body)[len(part.opening) + 1 : -1]
