"""Fetch the discovery documents of an API server: aggregated discovery, else one list per group version.

:mod:`schema.discovery` parses the documents.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import compress

import msgspec

from gateway.errors import Forbidden, GatewayError, NotFound, UpstreamProtocolError
from gateway.kube.client import KubeClient, Response
from schema.discovery import Discovery, MalformedDiscovery, parse_aggregated, parse_legacy
from schema.model import Problem
from schema.resources import GroupVersion

__all__ = ["Discovery", "fetch_discovery"]

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
_CONCURRENT_LISTS = 8
_ROOTS = ("api", "apis")
_API_SERVICES = "apis/apiregistration.k8s.io/v1/apiservices"


class _CoreVersions(msgspec.Struct):
    versions: list[str] | None = None


class _GroupVersionEntry(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct):
    versions: list[_GroupVersionEntry] | None = None


class _GroupList(msgspec.Struct):
    groups: list[_Group] | None = None


async def fetch_discovery(client: KubeClient, before: Discovery | None = None) -> Discovery:
    """All served resources, and a Problem for each group version whose discovery failed.

    A group version of ``before`` keeps its resources while its server does not answer, and is removed only
    with its APIService.

    Takes two requests with aggregated discovery (Kubernetes 1.26 and later), else one more per group version.
    Raises GatewayError when both ``/api`` and ``/apis`` fail, or the one that ``before`` has resources of.
    """
    discovery = await _fetch(client, before)
    return discovery if before is None else await _keep_registered(client, discovery, before)


async def _fetch(client: KubeClient, before: Discovery | None) -> Discovery:
    api, apis = await _fetch_roots(client, _AGGREGATED, before)
    try:
        if _is_aggregated(api) and _is_aggregated(apis):
            return parse_aggregated(api.body, apis.body)
        return await _fetch_legacy(client, before)
    except (MalformedDiscovery, msgspec.DecodeError) as error:
        raise UpstreamProtocolError(
            f"{client.config.server} is no Kubernetes API server, or one with broken discovery: {error}"
        ) from error


async def _fetch_legacy(client: KubeClient, before: Discovery | None) -> Discovery:
    api, apis = await _fetch_roots(client, "application/json", before)
    lists: dict[GroupVersion, bytes] = {}
    failures: list[Problem] = []
    slots = asyncio.Semaphore(_CONCURRENT_LISTS)

    async def fetch(group_version: GroupVersion) -> None:
        try:
            async with slots:
                lists[group_version] = (await client.get(group_version.path)).body
        except GatewayError as error:
            failures.append(Problem(group_version.api_version, f"discovery failed: {error.message}"))

    listed = list(_listed_group_versions(api.body, apis.body))
    async with asyncio.TaskGroup() as tasks:
        for group_version in listed:
            tasks.create_task(fetch(group_version))
    discovery = parse_legacy(api.body, apis.body, lists)
    return replace(discovery, problems=_with_causes(discovery.problems, failures))


async def _keep_registered(client: KubeClient, discovery: Discovery, before: Discovery) -> Discovery:
    """Keep the group versions that vanished from discovery, but have an APIService."""
    slots = asyncio.Semaphore(_CONCURRENT_LISTS)

    async def is_registered(group_version: GroupVersion) -> bool:
        async with slots:
            return await _is_registered(client, group_version)

    listed = frozenset(discovery.group_versions)
    vanished = [item for item in before.group_versions if item not in listed]
    registered = await asyncio.gather(*map(is_registered, vanished))
    return discovery.keeping(before, list(compress(vanished, registered)))


async def _is_registered(client: KubeClient, group_version: GroupVersion) -> bool:
    """Whether the group version has an APIService; False if that may not be read. Raises GatewayError."""
    try:
        await client.get(f"{_API_SERVICES}/{group_version.version}.{group_version.group}")
    except (NotFound, Forbidden):
        return False
    return True


async def _fetch_roots(
    client: KubeClient, accept: str, before: Discovery | None
) -> tuple[Response, Response]:
    """``/api`` and ``/apis``, fetched concurrently; one that answers 403 or 404 is empty, as in client-go.

    An API server that has just restarted may refuse either: one that ``before`` has resources of is required.
    """
    results = await asyncio.gather(
        *(client.get(path, accept=accept) for path in _ROOTS), return_exceptions=True
    )
    required = {_root(group_version) for group_version in before.group_versions} if before else set()
    failures = [result for result in results if isinstance(result, BaseException)]
    for path, failure in zip(_ROOTS, results, strict=True):
        if isinstance(failure, BaseException) and (
            not isinstance(failure, (NotFound, Forbidden))
            or len(failures) == len(results)
            or path in required
        ):
            raise failure
    api, apis = (result if isinstance(result, Response) else _EMPTY for result in results)
    return api, apis


def _root(group_version: GroupVersion) -> str:
    return "apis" if group_version.group else "api"


_EMPTY = Response(200, {}, b"{}")


def _is_aggregated(response: Response) -> bool:
    """Whether the Content-Type is the aggregated form; an older API server answers with its legacy lists."""
    return response is _EMPTY or "as=APIGroupDiscoveryList" in response.headers.get("content-type", "")


def _listed_group_versions(api: bytes, apis: bytes) -> Iterator[GroupVersion]:
    for version in msgspec.json.decode(api, type=_CoreVersions).versions or ():
        yield GroupVersion("", version)
    for group in msgspec.json.decode(apis, type=_GroupList).groups or ():
        for entry in group.versions or ():
            yield GroupVersion.parse(entry.group_version)


def _with_causes(problems: tuple[Problem, ...], failures: list[Problem]) -> tuple[Problem, ...]:
    """``problems``, where a failure (with its cause) replaces the problem of the same group version."""
    explained = {failure.where for failure in failures}
    return (*(problem for problem in problems if problem.where not in explained), *failures)
