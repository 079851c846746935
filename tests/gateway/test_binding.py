"""Binding an address, and sharing it between workers."""

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.binding import SPREADS, SharedAddress, bind
from gateway.errors import ConfigurationError

HOST = "127.0.0.1"
MANY = 200


def test_a_port_in_use_is_a_configuration_error() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1 port {port}: Address already in use"):
            bind(HOST, port)
        with pytest.raises(ConfigurationError, match="already in use"):
            SharedAddress(HOST, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_foreign_or_unknown_host_is_a_configuration_error(host: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        bind(host, 0)


def test_nothing_listens_before_the_server_is_ready() -> None:
    with bind(HOST, 0) as bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname(), timeout=5)
    with SharedAddress(HOST, 0) as address, pytest.raises(ConnectionRefusedError):
        socket.create_connection(address.share(0).getsockname(), timeout=5)


spreads = pytest.mark.skipif(not SPREADS, reason="only Linux spreads connections over sockets")


@pytest.fixture(params=[pytest.param(True, marks=spreads), False], ids=["spread", "one socket"])
def address(request: pytest.FixtureRequest) -> Iterator[SharedAddress]:
    """An address with one socket per share, or with one socket for all shares."""
    with SharedAddress(HOST, 0, spread=request.param) as shared:
        yield shared


def listen(share: socket.socket) -> socket.socket:
    share.listen(MANY)
    share.setblocking(False)
    return share


def connect(share: socket.socket, number: int) -> list[socket.socket]:
    return [socket.create_connection(share.getsockname(), timeout=5) for _ in range(number)]


def accepted(shares: list[socket.socket]) -> list[int]:
    """Accept and close the waiting connections of each share; returns their numbers."""
    found: Counter[int] = Counter()
    for index, share in enumerate(shares):
        while True:
            try:
                connection, _ = share.accept()
            except BlockingIOError:
                break
            connection.close()
            found[index] += 1
    return [found[index] for index in range(len(shares))]


def test_a_worker_keeps_its_share(address: SharedAddress) -> None:
    assert address.share(1) is address.share(1)
    assert len({address.share(worker).getsockname() for worker in range(4)}) == 1


def test_every_connection_reaches_one_share(address: SharedAddress) -> None:
    shares = [listen(address.share(worker)) for worker in range(4)]
    connections = connect(shares[0], MANY)
    assert sum(accepted(shares)) == MANY
    for connection in connections:
        connection.close()


@spreads
def test_connections_are_spread_evenly() -> None:
    with SharedAddress(HOST, 0) as address:
        shares = [listen(address.share(worker)) for worker in range(4)]
        connections = connect(shares[0], MANY)
        # 50 on average; fewer than 20 has a probability of one in ten million
        assert min(accepted(shares)) > 20
        for connection in connections:
            connection.close()


def test_connections_wait_for_the_replacement_of_a_worker(address: SharedAddress) -> None:
    theirs = listen(address.share(0)).dup()
    connections = connect(theirs, 3)
    theirs.close()
    assert accepted([address.share(0)]) == [3]
    for connection in connections:
        connection.close()


@spreads
def test_other_shares_get_the_connections_of_a_released_share() -> None:
    with SharedAddress(HOST, 0) as address:
        shares = [listen(address.share(worker)) for worker in range(2)]
        address.release(0)
        connections = connect(shares[1], 20)
        assert accepted(shares[1:]) == [20]
        again = listen(address.share(0))
        connections += connect(again, MANY)
        assert min(accepted([again, shares[1]])) > 20
        for connection in connections:
            connection.close()


def assert_unavailable(port: int) -> None:
    for other in (bind, SharedAddress):
        with pytest.raises(ConfigurationError, match="already in use"):
            other(HOST, port)


def test_no_other_process_can_bind_an_address_in_use(address: SharedAddress) -> None:
    assert_unavailable(listen(address.share(0)).getsockname()[1])


@spreads
def test_no_other_process_can_bind_an_address_without_a_listener() -> None:
    """Neither before the first worker listens, nor after the last share is released."""
    with SharedAddress(HOST, 0) as address:
        port = listen(address.share(0)).getsockname()[1]
        address.release(0)
        assert_unavailable(port)
        address.share(0)
        assert_unavailable(port)


def test_a_closed_address_is_free_at_once(address: SharedAddress) -> None:
    """Connections in TIME_WAIT do not block the address."""
    share = listen(address.share(0))
    host, port = share.getsockname()
    connections = connect(share, 3)
    assert accepted([share]) == [3]
    address.close()
    for connection in connections:
        connection.close()
    with SharedAddress(host, port) as again:
        listen(again.share(0))
