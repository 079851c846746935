"""Bind the listening address, and share it between several worker processes.

The module imports little, because the supervisor of the workers needs little else.
"""

import contextlib
import socket
import sys
from types import TracebackType
from typing import Self

from gateway.errors import ConfigurationError

__all__ = ["SPREADS", "SharedAddress", "bind", "cannot_listen"]

SPREADS = sys.platform == "linux"
"""Whether SO_REUSEPORT spreads connections over all sockets of one address; macOS uses one socket only."""


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet. Raises ConfigurationError for an unavailable address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as failing:
            bound = failing.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            failing.pop_all()
    except OSError as error:
        raise cannot_listen(host, port, error) from error
    return bound


def cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    """The ConfigurationError for an address that cannot be bound or listened on."""
    return ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror or error}")


class SharedAddress:
    """One address for several workers: each listens on a socket of its own, its share of the address.

    - The kernel spreads connections evenly over the shares.
    - A share outlives its worker: connections wait in its backlog until the next worker accepts them.
    - No other process can bind the address while this object is open.
    - On a system that does not spread connections (``spread`` is False) all workers listen on one socket.
    """

    def __init__(self, host: str, port: int, *, spread: bool = SPREADS) -> None:
        self._claim = bind(host, port)
        self._spread = spread
        self._shares: dict[int, socket.socket] = {}
        if spread:
            # The order matters. The exclusive bind above proves that the address is free. With SO_REUSEPORT
            # set afterwards only sockets with SO_REUSEPORT can bind it, and another gateway first tries an
            # exclusive bind, which fails.
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def share(self, worker: int) -> socket.socket:
        """The socket of ``worker``: the same one until it is released."""
        if not self._spread:
            return self._claim
        if worker not in self._shares:
            self._shares[worker] = self._bind_share()
        return self._shares[worker]

    def release(self, worker: int) -> None:
        """Close the socket of ``worker``: other workers get its new connections, its backlog is reset."""
        share = self._shares.pop(worker, None)
        if share is not None:
            share.close()

    def close(self) -> None:
        """Close this process's sockets; a worker's own copies stay open."""
        for worker in list(self._shares):
            self.release(worker)
        self._claim.close()

    def _bind_share(self) -> socket.socket:
        with contextlib.ExitStack() as failing:
            share = failing.enter_context(socket.socket(self._claim.family, self._claim.type))
            share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            share.bind(self._claim.getsockname())
            failing.pop_all()
        return share
