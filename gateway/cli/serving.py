"""``serve``: from the settings to a listening server, until a signal stops it."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.binding import bind
from gateway.cli.connect import Connected, connect
from gateway.cli.event_loop import run, stop_event
from gateway.execution.warm import WarmCaches, find_cacheable
from gateway.identity import Identity, Origins, identity_for
from gateway.memory import return_freed_memory, return_large_blocks, use_huge_pages
from gateway.server import Listener, RequestPolicy, ServerTLS, Siblings, Timeouts, build_app
from gateway.server.documents import Documents, load_trusted
from gateway.settings import Auth, Settings, is_loopback, split_list
from gateway.telemetry import phases

__all__ = ["ListenConfig", "serve_on", "serve_until_stopped"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """The sockets of a gateway, and its callbacks.

    ``bound`` is the public socket. ``on_loop_start`` runs first in the event loop; ``announce`` receives the
    greeting when the gateway is ready. With several workers, ``siblings`` are the other workers and
    ``private`` the socket on which they reach this one; ``demo_url`` is the base URL of the demo that all
    workers share.
    """

    bound: socket.socket
    announce: Callable[[str], None] = click.echo
    on_loop_start: Callable[[], None] = lambda: None
    siblings: Siblings | None = None
    private: socket.socket | None = None
    demo_url: str = ""


def serve_until_stopped(settings: Settings) -> None:
    """Bind the address and serve until SIGINT or SIGTERM; raises GatewayError when it cannot start."""
    settings.check()
    # bind first: a port in use is reported before the slow connection to the cluster
    with bind(settings.host, settings.port) as bound:
        serve_on(settings, ListenConfig(bound))


def serve_on(settings: Settings, listen: ListenConfig) -> None:
    """Serve on bound sockets until SIGINT or SIGTERM; raises GatewayError when it cannot start."""
    return_large_blocks()
    run(_serve(settings, settings.check(), listen))


async def _serve(settings: Settings, auth: Auth, listen: ListenConfig) -> None:
    listen.on_loop_start()
    policy = _request_policy(settings)
    async with connect(settings, listen.demo_url) as connected:
        caches = _warm_caches(settings, connected)
        identity = identity_for(auth, connected.client, settings)
        _warn_of_plain_http(settings, auth)
        app = build_app(
            connected.api,
            identity,
            caches.waiting_for,
            listen.siblings,
            settings.max_body,
            (settings.compression_level, settings.compression_threshold),
            policy,
        )

        def ready() -> None:
            listen.announce(
                _greeting(listen.bound, auth, connected, "https" if settings.tls_cert else "http")
            )
            phases.report()

        listener = Listener(
            app,
            listen.bound,
            ready=ready,
            private=listen.private,
            timeouts=Timeouts(settings.header_timeout, settings.body_timeout, settings.idle_timeout),
            max_message=settings.max_body,
            tls=_server_tls(settings, identity),
        )
        async with asyncio.TaskGroup() as tasks:
            background = (
                tasks.create_task(connected.api.follow(), name="follow the cluster"),
                tasks.create_task(caches.run(), name="keep caches warm"),
                tasks.create_task(return_freed_memory(), name="return freed memory"),
                tasks.create_task(use_huge_pages(), name="use huge pages"),
            )
            await listener.run_until(stop_event())
            for task in background:
                task.cancel()


def _request_policy(settings: Settings) -> RequestPolicy:
    trusted = None if settings.operations is None else load_trusted(Path(settings.operations))
    return RequestPolicy(
        Documents(trusted, only_trusted=settings.only_trusted, persisted_bytes=settings.persisted_queries),
        Origins(split_list(settings.cors_origins)),
        examples=not settings.no_examples,
    )


def _server_tls(settings: Settings, identity: Identity) -> ServerTLS | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return ServerTLS(settings.tls_cert, settings.tls_key, identity.client_authorities)


def _warn_of_plain_http(settings: Settings, auth: Auth) -> None:
    if auth is Auth.IMPERSONATE and settings.tls_cert is None and not is_loopback(settings.host):
        logger.warning(
            "without --tls-cert the credentials of callers and of the front proxy cross the network to %s "
            "in plain text: listen on loopback beside the proxy, or serve HTTPS",
            settings.host,
        )


def _warm_caches(settings: Settings, connected: Connected) -> WarmCaches:
    gateway = connected.api
    resources = find_cacheable(settings.cache, [item.resource for item in gateway.model.resources])
    return WarmCaches(gateway.informers, connected.client, resources)


def _greeting(bound: socket.socket, auth: Auth, connected: Connected, scheme: str) -> str:
    host, port = bound.getsockname()[:2]
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    config = connected.config
    kinds = len({item.resource.kind for item in connected.api.model.resources})
    cluster = config.context or config.cluster or "in-cluster"
    return f"{url} serves {kinds} kinds of {cluster} ({config.server}), auth {auth}"
