import inspect
import socket
import ssl

import httpx
import pytest

from gateway.errors import GatewayError, UpstreamTimeout, UpstreamUnavailable
from gateway.kube.upstream_errors import CAUGHT, ERRORS, upstream_error
from tests.gateway.kube.conftest import Connect

HTTPX_ERRORS = [
    each for _, each in inspect.getmembers(httpx, inspect.isclass) if issubclass(each, BaseException)
]


def made(kind: type[BaseException]) -> BaseException:
    """An instance, whatever its constructor wants."""
    error = kind.__new__(kind)
    BaseException.__init__(error, "what httpx says")
    return error


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_caught_and_mapped(kind: type[Exception]) -> None:
    assert issubclass(kind, CAUGHT)
    assert kind in ERRORS
    error = upstream_error(made(kind), "host:6443")  # type: ignore[arg-type]  # an Exception, by the line above
    assert isinstance(error, GatewayError)
    assert "host:6443" in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused: is it running"),
        (socket.gaierror(-2, "Name or service not known"), "DNS"),
        (OSError(113, "No route to host"), "no route to host"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
        (ExceptionGroup("all failed", [ConnectionRefusedError(111, "refused")]), "connection refused"),
    ],
)
def test_message_says_what_failed_and_what_to_do(cause: Exception, says: str) -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("wrapped")
    error.__cause__.__cause__ = cause
    assert says in upstream_error(error, "host:6443").message


async def test_refused_connection_names_host_and_port(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(
            UpstreamUnavailable, match=f"127.0.0.1:{port} cannot be reached: connection refused"
        ):
            await connect(f"http://127.0.0.1:{port}").get("api")


async def test_name_that_nobody_knows_is_told_apart(connect: Connect) -> None:
    with pytest.raises((UpstreamUnavailable, UpstreamTimeout), match=r"no-such-host\.invalid:6443"):
        await connect("https://no-such-host.invalid:6443").get("api")
