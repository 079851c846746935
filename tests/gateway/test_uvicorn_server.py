"""The settings of the HTTP server that the gateway and the demo share."""

from starlette.applications import Starlette

from gateway.uvicorn_server import UvicornServer

LONGEST_POOL_SECONDS = 60


def test_clients_close_idle_connections_before_the_server_does() -> None:
    server = UvicornServer(Starlette(), [], ready=lambda: None)
    assert server.config.timeout_keep_alive > LONGEST_POOL_SECONDS
