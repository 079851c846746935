"""From the settings to a started gateway on a cluster: that of a kubeconfig, or the demo."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import memory
from gateway.errors import ConfigurationError
from gateway.execution import GraphQLAPI
from gateway.identity import AccessReviews, Leases, Sharing
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.config.loading import load_config
from gateway.kube.openapi import OpenAPICache, default_directory
from gateway.resolvers.concurrency_limits import ConcurrencyLimits, InProgress
from gateway.resolvers.context import OperationLogs, Shared
from gateway.resolvers.encoded_selections import EncodedSelections
from gateway.resolvers.limits import Limits
from gateway.settings import SchemaAccess, Settings
from gateway.telemetry import json_lines, phases
from schema.filters import Filters, MalformedPattern
from schema.relations_file import InvalidRelationsFile, RelationsFile, parse_relations_file

__all__ = ["Connected", "connect"]


@dataclass(frozen=True, slots=True)
class Connected:
    """A started gateway with its cluster configuration and its API client."""

    config: ClusterConfig
    client: KubeClient
    api: GraphQLAPI


@asynccontextmanager
async def connect(settings: Settings, demo_url: str = "") -> AsyncIterator[Connected]:
    """Start a gateway on the cluster that the settings name; closes it, its client and its demo on exit.

    ``demo_url`` is the base URL of a running demo; with ``settings.demo`` and no URL a demo is started.
    Raises GatewayError, with one line of advice, for a missing cluster and for one that does not answer.
    """
    filters, rules = _filters(settings), _rules(settings)
    async with AsyncExitStack() as stack:
        with phases.phase("demo" if settings.demo else "kubeconfig"):
            if settings.demo:
                url = demo_url or await stack.enter_async_context(_own_demo())
                config = ClusterConfig(server=url, context="demo", cluster="demo")
            else:
                config = load_config(settings.kubeconfig, settings.context)
            client = await stack.enter_async_context(
                aclosing(KubeClient.connect(config, redacts=settings.redact))
            )
        api = await GraphQLAPI.start(
            client,
            default_namespace=config.namespace,
            openapi_cache=OpenAPICache(None if settings.demo else default_directory()),
            informers=InformerRegistry(grace_period=settings.grace_period),
            filters=filters,
            phases=phases,
            shared=_shared(settings, client),
            rules=rules,
        )
        await stack.enter_async_context(aclosing(api))
        memory.begin_collection()
        yield Connected(config, client, api)


def _shared(settings: Settings, client: KubeClient) -> Shared:
    reviews = AccessReviews()
    sharing = Sharing(client, Leases(reviews)) if settings.shares_informers() else None
    limits = _limits(settings)
    encoded = EncodedSelections(max_object_bytes=limits.max_response)
    return Shared(
        reviews=reviews,
        sharing=sharing,
        encoded=encoded,
        limits=limits,
        in_progress=InProgress(_concurrency_limits(settings)),
        schema_access=SchemaAccess(settings.introspection),
        operation_logs=_operation_logs(settings),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_values=settings.max_values,
        max_document=settings.max_document,
        max_tokens=settings.max_tokens,
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        timeout=settings.operation_timeout,
        max_upstream_requests=settings.max_upstream_requests,
        max_response=settings.max_response,
    )


def _concurrency_limits(settings: Settings) -> ConcurrencyLimits:
    return ConcurrencyLimits(
        operations=settings.max_operations,
        operations_per_identity=settings.max_operations_per_identity,
        subscriptions=settings.max_subscriptions,
        subscriptions_per_identity=settings.max_subscriptions_per_identity,
        pending_connections=settings.max_pending_connections,
        connection_init_timeout=settings.connection_init_timeout,
    )


def _operation_logs(settings: Settings) -> OperationLogs | None:
    access = json_lines(settings.access_log) if settings.access_log else None
    audit = json_lines(settings.audit_log) if settings.audit_log else None
    return OperationLogs(access, audit) if access or audit else None


@asynccontextmanager
async def _own_demo() -> AsyncIterator[str]:
    from gateway.demo import run_demo  # noqa: PLC0415  (its recorded API costs start-up time)

    async with run_demo() as demo:
        yield demo.url


def _rules(settings: Settings) -> RelationsFile:
    if settings.relations is None:
        return RelationsFile()
    if not settings.relations:
        raise ConfigurationError("--relations needs a file")
    try:
        return parse_relations_file(Path(settings.relations).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read --relations {settings.relations}: {error}") from error
    except InvalidRelationsFile as error:
        raise ConfigurationError(f"--relations {settings.relations}: {error}") from error


def _filters(settings: Settings) -> Filters:
    try:
        return Filters.parse(
            include=settings.include, exclude=settings.exclude, groups=settings.groups, kinds=settings.kinds
        )
    except MalformedPattern as error:
        raise ConfigurationError(str(error)) from error
