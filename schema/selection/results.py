"""Marks on resolved values: how the executor completes a value that a resolver returns."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

__all__ = ["Compiled", "LargeSource", "SharedSource", "WithErrors"]


class Compiled:
    """A completed value: the executor passes it through, and msgspec encodes it.

    ``bound`` is an upper bound of its size in JSON, escapes aside, in bytes; 0 for a value that is encoded
    already. ``errors`` come from fields below, each with the path from this value.
    """

    __slots__ = ("bound", "errors", "value")

    def __init__(
        self, value: Any, bound: int = 0, errors: Sequence[tuple[tuple[str | int, ...], Exception]] = ()
    ) -> None:
        self.value = value
        self.bound = bound
        self.errors = errors


class WithErrors:
    """A value that the executor completes, and errors beside it, which get the path of the field."""

    __slots__ = ("errors", "value")

    def __init__(self, value: Any, errors: Sequence[Exception]) -> None:
        self.value = value
        self.errors = errors


class LargeSource:
    """A large value: graphql-core completes it in a thread, beside the event loop.

    ``make`` returns the value and may block. No field of the value may have an asynchronous resolver.
    """

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self.make = make


class SharedSource:
    """A value on which many equal operations are executed; it caches their results.

    ``make`` returns the value, which ``size`` bytes of JSON encode. ``on_kept`` is called with the number of
    bytes of each cached result; its owner calls :meth:`forget` to evict them.
    """

    __slots__ = ("_results", "make", "on_kept", "size")

    def __init__(self, make: Callable[[], Mapping[str, Any]], size: int) -> None:
        self.make = make
        self.size = size
        self.on_kept: Callable[[int], None] | None = None
        self._results: dict[Hashable, Any] = {}

    def get(self, operation: Hashable) -> Any:
        """The cached result of the operation; None if it is not cached."""
        return self._results.get(operation)

    def keep(self, operation: Hashable, result: Any, size: int) -> None:
        """Cache a result of ``size`` bytes, if an owner accounts for the bytes."""
        if self.on_kept is not None:
            self._results[operation] = result
            self.on_kept(size)

    def forget(self) -> None:
        """Evict all results and cache no further ones."""
        self.on_kept = None
        self._results.clear()
