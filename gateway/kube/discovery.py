"""Fetch the discovery documents of an API server: aggregated discovery, else one list per group version.

:mod:`schema.discovery` parses the documents.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

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


class _CoreVersions(msgspec.Struct):
    versions: list[str] | None = None


class _GroupVersionEntry(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct):
    versions: list[_GroupVersionEntry] | None = None


class _GroupList(msgspec.Struct):
    groups: list[_Group] | None = None


async def fetch_discovery(client: KubeClient) -> Discovery:
    """All served resources, and a Problem for each group version whose discovery failed.

    Takes two requests with aggregated discovery (Kubernetes 1.26 and later), else one more per group version.
    Raises GatewayError when both ``/api`` and ``/apis`` fail.
    """
    api, apis = await _fetch_roots(client, _AGGREGATED)
    try:
        if _is_aggregated(api) and _is_aggregated(apis):
            return parse_aggregated(api.body, apis.body)
        return await _fetch_legacy(client)
    except (MalformedDiscovery, msgspec.DecodeError) as error:
        raise UpstreamProtocolError(
            f"{client.config.server} is no Kubernetes API server, or one with broken discovery: {error}"
        ) from error


async def _fetch_legacy(client: KubeClient) -> Discovery:
    api, apis = await _fetch_roots(client, "application/json")
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


async def _fetch_roots(client: KubeClient, accept: str) -> tuple[Response, Response]:
    """``/api`` and ``/apis``, fetched concurrently; one that answers 403 or 404 is empty, as in client-go."""
    results = await asyncio.gather(
        *(client.get(path, accept=accept) for path in ("api", "apis")), return_exceptions=True
    )
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, (NotFound, Forbidden)) or len(failures) == len(results):
            raise failure
    api, apis = (result if isinstance(result, Response) else _EMPTY for result in results)
    return api, apis


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
