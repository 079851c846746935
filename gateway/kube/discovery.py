"""Asking an API server what it serves: aggregated discovery, and the lists of servers that have no such form.

What the documents mean is :mod:`schema.discovery`'s.
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

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
CONCURRENT_LISTS = 8


class CoreVersions(msgspec.Struct):
    versions: list[str] | None = None


class GroupVersionEntry(msgspec.Struct, rename="camel"):
    group_version: str


class Group(msgspec.Struct):
    versions: list[GroupVersionEntry] | None = None


class GroupList(msgspec.Struct):
    groups: list[Group] | None = None


async def fetch_discovery(client: KubeClient) -> Discovery:
    """Every resource that is served, with a problem for each group version that could not be asked.

    Two requests where the server has aggregated discovery (Kubernetes 1.26 and later), else one more
    for each group version. Raises GatewayError where the server cannot be asked at all.
    """
    api, apis = await fetch_roots(client, AGGREGATED)
    try:
        if is_aggregated(api) and is_aggregated(apis):
            return parse_aggregated(api.body, apis.body)
        return await fetch_legacy(client)
    except (MalformedDiscovery, msgspec.DecodeError) as error:
        raise UpstreamProtocolError(
            f"{client.config.server} is no Kubernetes API server, or one with broken discovery: {error}"
        ) from error


async def fetch_legacy(client: KubeClient) -> Discovery:
    api, apis = await fetch_roots(client, "application/json")
    lists: dict[GroupVersion, bytes] = {}
    failures: list[Problem] = []
    slots = asyncio.Semaphore(CONCURRENT_LISTS)

    async def fetch(group_version: GroupVersion) -> None:
        try:
            async with slots:
                lists[group_version] = (await client.get(group_version.path)).body
        except GatewayError as error:
            failures.append(Problem(group_version.api_version, f"discovery failed: {error.message}"))

    listed = list(listed_group_versions(api.body, apis.body))
    async with asyncio.TaskGroup() as tasks:
        for group_version in listed:
            tasks.create_task(fetch(group_version))
    discovery = parse_legacy(api.body, apis.body, lists)
    return replace(discovery, problems=with_causes(discovery.problems, failures))


async def fetch_roots(client: KubeClient, accept: str) -> tuple[Response, Response]:
    """``/api`` and ``/apis`` side by side; one that is not there, or not allowed, is empty (client-go)."""
    results = await asyncio.gather(
        *(client.get(path, accept=accept) for path in ("api", "apis")), return_exceptions=True
    )
    failures = [each for each in results if isinstance(each, BaseException)]
    for failure in failures:
        if not isinstance(failure, (NotFound, Forbidden)) or len(failures) == len(results):
            raise failure
    api, apis = (each if isinstance(each, Response) else EMPTY for each in results)
    return api, apis


EMPTY = Response(200, {}, b"{}")


def is_aggregated(response: Response) -> bool:
    """The API server says so in the Content-Type; an older one answers with what it always did."""
    return response is EMPTY or "as=APIGroupDiscoveryList" in response.headers.get("content-type", "")


def listed_group_versions(api: bytes, apis: bytes) -> Iterator[GroupVersion]:
    for version in msgspec.json.decode(api, type=CoreVersions).versions or ():
        yield GroupVersion("", version)
    for group in msgspec.json.decode(apis, type=GroupList).groups or ():
        for entry in group.versions or ():
            yield GroupVersion.parse(entry.group_version)


def with_causes(problems: tuple[Problem, ...], failures: list[Problem]) -> tuple[Problem, ...]:
    """Why a list is missing says more than that it is."""
    named = {failure.where for failure in failures}
    return (*(each for each in problems if each.where not in named), *failures)
