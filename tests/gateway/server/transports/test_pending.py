"""Websockets that wait for ``connection_init``."""

from typing import Any

import pytest

from gateway.errors import Busy
from gateway.server.transports.pending import PendingConnections, acknowledge


def scope() -> dict[str, Any]:
    return {"type": "websocket"}


def test_a_connection_beyond_the_limit_is_refused() -> None:
    pending = PendingConnections(2)
    with pending.admit(scope()), pending.admit(scope()):
        assert len(pending) == 2
        with pytest.raises(Busy, match="--max-pending-connections"):
            pending.admit(scope())
    assert len(pending) == 0
    with pending.admit(scope()):
        assert len(pending) == 1


def test_an_acknowledged_connection_waits_no_more() -> None:
    pending, first = PendingConnections(1), scope()
    with pending.admit(first):
        acknowledge(first)
        acknowledge(first)
        assert len(pending) == 0
        with pending.admit(scope()):
            assert len(pending) == 1


def test_the_place_of_a_failed_connection_is_free() -> None:
    pending = PendingConnections(1)
    with pytest.raises(OSError, match="gone"), pending.admit(scope()):
        raise OSError("gone")
    assert len(pending) == 0


def test_a_connection_that_was_never_counted_may_be_acknowledged() -> None:
    acknowledge(scope())
