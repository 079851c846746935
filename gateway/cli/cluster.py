"""From the settings to a cluster that answers: the one of a kubeconfig, or the demo."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

from gateway.errors import ConfigurationError
from gateway.execution.gateway import Gateway
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.kubeconfig import ClusterConfig, load_config
from gateway.kube.openapi import OpenAPICache, default_directory
from gateway.settings import Settings
from gateway.telemetry import phases
from schema.filters import Filters, MalformedPattern

__all__ = ["Connected", "connect"]

COLLECTIONS = 10_000, 2, 2
"""The youngest objects are looked at after 10,000 allocations, not CPython's 700: with 1,000 subscribers,
that was a tenth of what a message cost. All others after about as many as ever, lest garbage pile up."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A gateway that has started, and what it stands on."""

    config: ClusterConfig
    client: KubeClient
    gateway: Gateway


@asynccontextmanager
async def connect(settings: Settings, demo_url: str = "") -> AsyncIterator[Connected]:
    """Start a gateway on the cluster that the settings name, and close everything in the end.

    ``demo_url`` is that of a demo that runs already.
    Raises GatewayError, with one line that says what to do, where there is no such cluster or no answer.
    """
    filters = _filters(settings)
    async with AsyncExitStack() as stack:
        with phases.phase("demo" if settings.demo else "kubeconfig"):
            if settings.demo:
                url = demo_url or await stack.enter_async_context(_own_demo())
                config = ClusterConfig(server=url, context="demo", cluster="demo")
            else:
                config = load_config(settings.kubeconfig, settings.context)
            client = await stack.enter_async_context(aclosing(KubeClient.connect(config)))
        gateway = await Gateway.start(
            client,
            default_namespace=config.namespace,
            openapi_cache=OpenAPICache(None if settings.demo else default_directory()),
            informers=InformerRegistry(grace_period=settings.grace_period),
            filters=filters,
            phases=phases,
        )
        await stack.enter_async_context(aclosing(gateway))
        # the schema stays: no later collection need look at it
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        gc.enable()
        yield Connected(config, client, gateway)


@asynccontextmanager
async def _own_demo() -> AsyncIterator[str]:
    from gateway.demo import run_demo  # noqa: PLC0415  (its recorded API costs start-up time)

    async with run_demo() as demo:
        yield demo.url


def _filters(settings: Settings) -> Filters:
    try:
        return Filters.parse(
            include=settings.include, exclude=settings.exclude, groups=settings.groups, kinds=settings.kinds
        )
    except MalformedPattern as error:
        raise ConfigurationError(str(error)) from error
