"""``serve``: from the settings to a server that listens, until a signal ends it."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import click

from gateway.binding import bind
from gateway.cli.cluster import Connected, connect
from gateway.cli.loop import run, stop_signal
from gateway.cli.memory import return_large_blocks
from gateway.execution.warm import WarmCaches, find_cacheable
from gateway.identity import Identity, Local, Passthrough
from gateway.server import Listener, Siblings, build_app
from gateway.settings import Auth, Settings
from gateway.telemetry import phases

__all__ = ["Site", "serve_at", "serve_until_stopped"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a gateway listens, and what is around it.

    ``begin`` is called in its event loop before anything else, ``announce`` with the line that says that it
    is ready. One of several workers has ``siblings``, who reach it by ``private``; they may share a ``demo``.
    """

    bound: socket.socket
    announce: Callable[[str], None] = click.echo
    begin: Callable[[], None] = lambda: None
    siblings: Siblings | None = None
    private: socket.socket | None = None
    demo_url: str = ""


def serve_until_stopped(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; raises GatewayError where it cannot begin."""
    settings.check_cache(settings.resolved_auth())
    # before the cluster is asked anything: a port in use is said at once
    with bind(settings.host, settings.port) as bound:
        serve_at(settings, Site(bound))


def serve_at(settings: Settings, site: Site) -> None:
    """Serve there until SIGINT or SIGTERM; raises GatewayError where it cannot begin."""
    return_large_blocks()
    run(_serve(settings, settings.resolved_auth(), site))


async def _serve(settings: Settings, auth: Auth, site: Site) -> None:
    site.begin()
    async with connect(settings, site.demo_url) as connected:
        caches = _warm_caches(settings, connected)
        identity = _identity(auth, connected)
        app = build_app(connected.gateway, identity, caches.waiting_for, site.siblings)

        def ready() -> None:
            site.announce(_greeting(site.bound, auth, connected))
            phases.report()

        listener = Listener(app, site.bound, ready=ready, private=site.private)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(connected.gateway.follow(), name="follow the cluster")
            warming = tasks.create_task(caches.run(), name="keep caches warm")
            await listener.run_until(stop_signal())
            following.cancel()
            warming.cancel()


def _identity(auth: Auth, connected: Connected) -> Identity:
    return Local(connected.client) if auth is Auth.LOCAL else Passthrough(connected.client)


def _warm_caches(settings: Settings, connected: Connected) -> WarmCaches:
    gateway = connected.gateway
    resources = find_cacheable(settings.cache, [each.resource for each in gateway.model.resources])
    return WarmCaches(gateway.informers, connected.client, resources)


def _greeting(bound: socket.socket, auth: Auth, connected: Connected) -> str:
    host, port = bound.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    config = connected.config
    kinds = len({each.resource.kind for each in connected.gateway.model.resources})
    cluster = config.context or config.cluster or "in-cluster"
    return f"{url} serves {kinds} kinds of {cluster} ({config.server}), auth {auth}"
