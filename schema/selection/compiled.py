"""Compiled selections: an operation's selection set as a decoder of Kubernetes JSON (design section 8).

A :class:`Selection` decodes the API server's bytes into exactly the answer: selected fields under their
response names, in the response's order, absent values as null. graphql-core, executing the same
operation over the same JSON as dicts, gives the same answer. Where JSON is not what the schema promises
the decode raises :class:`SelectionMismatch`, and the caller leaves the value to graphql-core, which knows
the error and its path.

:mod:`schema.selection.compile` makes Selections, in three steps: what is selected
(:mod:`schema.selection.tree`), what is decoded (:mod:`schema.selection.structs`), and what the answer
calls it (:mod:`schema.selection.answer`).
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec

from schema.model import Scalar
from schema.selection.answer import build_answer
from schema.selection.structs import build_read_struct
from schema.selection.tree import Leaf, Node, below, nodes_below

__all__ = ["Compiled", "LargeSource", "Selection", "SelectionMismatch", "SharedSource"]


class SelectionMismatch(ValueError):
    """JSON that does not fit the types of the fields that are selected of it."""


class Compiled:
    """A completed value: the executor passes it through as it is; msgspec encodes it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class LargeSource:
    """A value for graphql-core to complete beside the event loop: ``make`` gives it, and may take its time.

    No field below it is resolved asynchronously.
    """

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self.make = make


class SharedSource:
    """A value for many operations to be executed on; it is there only while one of them is.

    ``make`` gives the value, made of ``size`` bytes. The results are kept for the next who has the same
    operation: ``on_kept`` is told how many bytes of them, and has :meth:`forget` called.
    """

    __slots__ = ("_results", "make", "on_kept", "size")

    def __init__(self, make: Callable[[], Mapping[str, Any]], size: int) -> None:
        self.make = make
        self.size = size
        self.on_kept: Callable[[int], None] | None = None
        self._results: dict[Hashable, Any] = {}

    def get(self, operation: Hashable) -> Any:
        """The result that is kept for that operation; None where there is none."""
        return self._results.get(operation)

    def keep(self, operation: Hashable, result: Any, size: int) -> None:
        """Keep a result of that many bytes, where somebody counts them."""
        if self.on_kept is not None:
            self._results[operation] = result
            self.on_kept(size)

    def forget(self) -> None:
        """Let go of every result, for good; what is executed from now on is nobody else's."""
        self.on_kept = None
        self._results.clear()


class Selection:
    """What is selected of a list or an object, ready to decode it.

    ``only_metadata`` says that nothing but the metadata of objects is read, so that the API server may
    be asked for ``PartialObjectMetadata``; their ``apiVersion`` and ``kind`` are then the served kind's,
    whatever the JSON says.
    """

    __slots__ = ("_answer", "_decoder", "_verbatim", "only_metadata")

    def __init__(self, tree: Node, *, only_metadata: bool = False) -> None:
        read = build_read_struct([tree])
        self.only_metadata = only_metadata
        self._decoder = msgspec.json.Decoder(read.struct)
        self._answer = build_answer(tree, read)
        self._verbatim = _has_json(tree)

    def decode(self, body: bytes) -> Any:
        """The answer, for msgspec to encode; it may hold on to ``body``. Raises SelectionMismatch."""
        try:
            if self._verbatim and not body.isascii():
                body.decode()  # JSON leaves reach the answer as the bytes they are: those must be text
            read = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SelectionMismatch(str(error)) from error
        return read if self._answer is None else self._answer([read])[0]

    def encode(self, body: bytes) -> bytes:
        """The answer as JSON. Raises SelectionMismatch."""
        return msgspec.json.encode(self.decode(body))


def _has_json(node: Node) -> bool:
    values = [each.value for each in node.fields]
    return any(below(each) == Leaf(Scalar.JSON) for each in values) or any(
        map(_has_json, nodes_below(values))
    )
