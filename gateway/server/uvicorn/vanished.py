"""Clients whose host vanishes: no FIN and no RST comes, nor anything else any more.

Left to itself TCP repeats what nobody acknowledges for about fifteen minutes, and a subscription goes on for
as long. Every stream shows a sign of life at least every 15 s, so there is always something to acknowledge.
"""

import socket
import sys

__all__ = ["give_up_vanished_clients"]

BOUND = 60
"""Seconds that what was sent may wait for an acknowledgement, or for room at a client that does not read.

What proxies allow between two reads (nginx, ``send_timeout``), and far more than a route takes to come back.
"""
IDLE = 30
"""Seconds of silence after which a client's host is asked whether it is there."""
INTERVAL = 10
"""Seconds between such questions; after :data:`BOUND` seconds without an answer it is not."""


def give_up_vanished_clients(listening: socket.socket) -> None:
    """Have the system end connections that it accepts there, when nothing was heard for that long.

    Linux hands the options of a listening socket on to what it accepts. Other systems have no such bound for
    what is not acknowledged, and are left as they are.
    """
    if sys.platform != "linux" or listening.family not in (socket.AF_INET, socket.AF_INET6):
        return
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, BOUND * 1000)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
