"""The address: bound before anything else is done, and shared where several processes serve it.

Imports next to nothing: the process that only watches over workers needs no more than this.
"""

import contextlib
import socket
import sys
from types import TracebackType
from typing import Self

from gateway.errors import ConfigurationError

__all__ = ["SharedAddress", "bind", "cannot_listen"]

SPREADS = sys.platform == "linux"
"""Whether the system spreads connections over all sockets of one address; macOS gives them to one."""


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet; ConfigurationError where that address is not to be had."""
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
    """What to say where an address is not to be had."""
    return ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror or error}")


class SharedAddress:
    """One address for several workers: each listens on a share, and the system spreads connections evenly.

    A share outlives the process that listens on it: what comes in before the next one listens waits for it.
    Nobody else gets the address while this is open. Where the system does not spread connections, the workers
    listen on one socket, and whoever is quicker takes a connection.
    """

    def __init__(self, host: str, port: int, *, spread: bool = SPREADS) -> None:
        self._claim = bind(host, port)
        self._spread = spread
        self._shares: dict[int, socket.socket] = {}
        if spread:
            # In this order: the address was free of others when it was bound, and from here on it is to be
            # had only by asking for a share of it, which no gateway does before it has a claim of its own.
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def share(self, worker: int) -> socket.socket:
        """That worker's socket: the same one until it is given up."""
        if not self._spread:
            return self._claim
        if worker not in self._shares:
            self._shares[worker] = self._bind_share()
        return self._shares[worker]

    def give_up(self, worker: int) -> None:
        """Leave that worker's connections to the others, from now on; those that wait for it are reset."""
        share = self._shares.pop(worker, None)
        if share is not None:
            share.close()

    def close(self) -> None:
        """Take no more connections, as far as this process is concerned."""
        for worker in list(self._shares):
            self.give_up(worker)
        self._claim.close()

    def _bind_share(self) -> socket.socket:
        with contextlib.ExitStack() as failing:
            share = failing.enter_context(socket.socket(self._claim.family, self._claim.type))
            share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            share.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            share.bind(self._claim.getsockname())
            failing.pop_all()
        return share
