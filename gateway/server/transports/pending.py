"""Websockets whose client has not sent a valid ``connection_init``: few at a time.

Such a connection has no caller yet, so that no limit per identity applies to it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from starlette.types import Scope

from gateway.errors import Busy

__all__ = ["PendingConnections", "acknowledge"]

_PENDING = "kube_graphql.pending"


class PendingConnections:
    """Counts the connections that wait for ``connection_init``, ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, scope: Scope) -> AbstractContextManager[None]:
        """Count the connection until :func:`acknowledge`, or until the context ends. Raises Busy."""
        if len(self._waiting) >= self._most:
            raise Busy(
                f"{self._most} websockets wait for connection_init, the limit (--max-pending-connections); "
                "connect again later"
            )
        key = id(scope)
        self._waiting.add(key)
        scope[_PENDING] = partial(self._waiting.discard, key)
        return self._until_end(scope)

    @contextmanager
    def _until_end(self, scope: Scope) -> Iterator[None]:
        try:
            yield
        finally:
            acknowledge(scope)


def acknowledge(scope: Scope) -> None:
    """Note that the caller of the connection is authenticated. Idempotent."""
    with suppress(KeyError):
        scope.pop(_PENDING)()
