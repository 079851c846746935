"""``serve``: from the settings to a server that listens, until a signal ends it."""

import asyncio
import signal
import socket

import click

from gateway.cli.cluster import Connected, connect, run
from gateway.cli.memory import return_large_blocks
from gateway.execution.warm import WarmCaches, find_cacheable
from gateway.identity import Identity, Local, Passthrough
from gateway.server import Listener, bind, build_app
from gateway.settings import Auth, Settings
from gateway.telemetry import phases

__all__ = ["serve_until_stopped"]


def serve_until_stopped(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; raises GatewayError where it cannot begin."""
    return_large_blocks()
    auth = settings.resolved_auth()
    settings.check_cache(auth)
    # before the cluster is asked anything: a port in use is said at once
    with bind(settings.host, settings.port) as bound:
        run(_serve(settings, auth, bound))


async def _serve(settings: Settings, auth: Auth, bound: socket.socket) -> None:
    async with connect(settings) as connected:
        caches = _warm_caches(settings, connected)
        app = build_app(connected.gateway, _identity(auth, connected), caches.waiting_for)

        def ready() -> None:
            click.echo(_greeting(bound, auth, connected))
            phases.report()

        listener = Listener(app, bound, ready=ready)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(connected.gateway.follow(), name="follow the cluster")
            warming = tasks.create_task(caches.run(), name="keep caches warm")
            await listener.run_until(_stop_signal())
            following.cancel()
            warming.cancel()


def _identity(auth: Auth, connected: Connected) -> Identity:
    return Local(connected.client) if auth is Auth.LOCAL else Passthrough(connected.client)


def _warm_caches(settings: Settings, connected: Connected) -> WarmCaches:
    gateway = connected.gateway
    resources = find_cacheable(settings.cache, [each.resource for each in gateway.model.resources])
    return WarmCaches(gateway.informers, connected.client, resources)


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; only from here on, so that Ctrl-C also ends a slow start."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop


def _greeting(bound: socket.socket, auth: Auth, connected: Connected) -> str:
    host, port = bound.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    config = connected.config
    kinds = len({each.resource.kind for each in connected.gateway.model.resources})
    cluster = config.context or config.cluster or "in-cluster"
    return f"{url} serves {kinds} kinds of {cluster} ({config.server}), auth {auth}"
