"""Fetching OpenAPI v3: one document for each group version, only those whose hash is not known yet.

What the documents mean is :mod:`schema.openapi`'s.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from gateway.errors import GatewayError, UpstreamProtocolError
from gateway.kube.client import KubeClient
from gateway.kube.openapi_cache import DocumentKey, OpenAPICache, default_directory
from schema.model import Problem
from schema.resources import GroupVersion

__all__ = ["OpenAPICache", "OpenAPIDocuments", "default_directory", "fetch_openapi"]

CONCURRENT_DOCUMENTS = 4
"""Measured on two cores, the API server on the same ones: 46 ms; one at a time 84 ms, 16 at a time 90 ms."""


@dataclass(frozen=True, slots=True)
class OpenAPIDocuments:
    """The raw documents, and a problem for each that could not be had."""

    documents: Mapping[GroupVersion, bytes]
    problems: tuple[Problem, ...] = ()


class IndexEntry(msgspec.Struct):
    url: str = msgspec.field(name="serverRelativeURL")


class Index(msgspec.Struct):
    paths: dict[str, IndexEntry] = {}


@dataclass(frozen=True, slots=True)
class Location:
    """Where one document is, relative to the client's server; ``key`` is None where it has no hash."""

    group_version: GroupVersion
    path: str
    params: Mapping[str, str]
    key: DocumentKey | None


async def fetch_openapi(
    client: KubeClient,
    group_versions: Collection[GroupVersion] | None = None,
    cache: OpenAPICache | None = None,
) -> OpenAPIDocuments:
    """The documents of those group versions, else of all that have one; never raises GatewayError.

    Without ``group_versions`` it needs nothing of discovery, so that the two can run side by side.
    """
    try:
        index = parse_index((await client.get("openapi/v3")).body)
    except GatewayError as error:
        return OpenAPIDocuments({}, (Problem("openapi/v3", f"cannot be fetched: {error.message}"),))
    fetch = DocumentFetch(client, cache or OpenAPICache(None))
    wanted = dict.fromkeys(index if group_versions is None else group_versions)
    for group_version in wanted:
        if group_version in index:
            fetch.locate(group_version, index[group_version])
        else:
            fetch.problems.append(Problem(group_version.api_version, "has no OpenAPI document"))
    await fetch.run()
    in_order = {each: fetch.documents[each] for each in wanted if each in fetch.documents}
    return OpenAPIDocuments(in_order, tuple(fetch.problems))


class DocumentFetch:
    """One round of fetching: from the cache what it has, the rest side by side."""

    def __init__(self, client: KubeClient, cache: OpenAPICache) -> None:
        self._client = client
        self._cache = cache
        self._server = client.config.server
        self._locations: list[Location] = []
        self._slots = asyncio.Semaphore(CONCURRENT_DOCUMENTS)
        self._fresh: set[GroupVersion] = set()
        self.documents: dict[GroupVersion, bytes] = {}
        self.problems: list[Problem] = []

    def locate(self, group_version: GroupVersion, url: str) -> None:
        try:
            self._locations.append(parse_location(group_version, url, self._server))
        except GatewayError as error:
            self.problems.append(Problem(group_version.api_version, error.message))

    async def run(self) -> None:
        keys = [each.key for each in self._locations if each.key is not None]
        known = await asyncio.to_thread(self._cache.load, self._server, keys)
        missing = []
        for location in self._locations:
            if location.key is not None and location.key in known:
                self.documents[location.group_version] = known[location.key]
            else:
                missing.append(location)
        self._fresh = {each.group_version for each in missing}
        async with asyncio.TaskGroup() as tasks:
            for location in missing:
                tasks.create_task(self._fetch(location))
        fresh = {
            each.key: self.documents[each.group_version]
            for each in missing
            if each.key is not None and each.group_version in self._fresh & self.documents.keys()
        }
        await asyncio.to_thread(self._cache.store, self._server, fresh)

    async def _fetch(self, location: Location) -> None:
        try:
            async with self._slots:
                self.documents[location.group_version] = await self._fetch_document(location)
        except GatewayError as error:
            where = location.group_version.api_version
            self.problems.append(Problem(where, f"OpenAPI cannot be fetched: {error.message}"))

    async def _fetch_document(self, location: Location) -> bytes:
        try:
            return (await self._client.get(location.path, location.params)).body
        except UpstreamProtocolError:
            # the API server redirects from a hash that is no longer the document's; what it has now is
            # not kept, as its hash is not known
            self._fresh.discard(location.group_version)
            return (await self._client.get(location.path)).body


def parse_index(body: bytes) -> dict[GroupVersion, str]:
    """The server-relative URL of each group version's document; other documents are no resources'."""
    try:
        index = msgspec.json.decode(body, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the index is malformed: {error}") from error
    found = {}
    for path, entry in index.paths.items():
        root, _, api_version = path.partition("/")
        group_version = GroupVersion.parse(api_version)
        if group_version.path == path and (root == "apis" or not group_version.group):
            found[group_version] = entry.url
    return found


def parse_location(group_version: GroupVersion, url: str, server: str) -> Location:
    """Where that URL is below the server's own. Raises UpstreamProtocolError where it leads anywhere else.

    Servers behind a path prefix differ in whether their URLs have it.
    """
    prefix = urlsplit(server).path.rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    path = unquote(parts.path).removeprefix(prefix) if prefix else unquote(parts.path)
    if parts.scheme or parts.netloc or not path.startswith("/openapi/v3/") or "//" in path or ".." in path:
        raise UpstreamProtocolError(
            f"its OpenAPI document is said to be at {url[:200]!r}, which is elsewhere"
        )
    params = dict(parse_qsl(parts.query))
    key = DocumentKey(group_version.path, params["hash"]) if params.get("hash") else None
    return Location(group_version, path.lstrip("/"), params, key)
