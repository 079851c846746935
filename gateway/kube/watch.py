"""WATCH as a stream of events, whose objects stay the bytes that came."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import msgspec

from gateway.errors import StatusError, UpstreamProtocolError, UpstreamUnavailable
from gateway.kube.client import KubeClient
from gateway.kube.received import (
    JSON,
    METADATA_KIND,
    ObjectHeader,
    ReceivedObject,
    decode,
    receive,
    type_meta,
)
from gateway.kube.upstream_errors import failed_status
from schema.resources import GroupVersionKind

__all__ = ["LONGEST_EVENT", "WatchEvent", "watch_events"]

# an API server that cannot leave the rest out sends whole objects
METADATA = f"{JSON};as={METADATA_KIND};g=meta.k8s.io;v=v1,{JSON}"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# etcd takes 1.5 MB and a few API servers more; this is against a peer that never ends a line
LONGEST_EVENT = 64 << 20


class WatchEvent(msgspec.Struct, frozen=True, gc=False):
    """``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``; ERROR events are raised instead.

    A bookmark's object has only a resource version; ``initial_events_end`` marks the bookmark that
    closes the initial events of a watch with ``sendInitialEvents=true``.
    """

    type: str
    received: ReceivedObject
    initial_events_end: bool = False

    @property
    def resource_version(self) -> str:
        return self.received.header.metadata.resource_version


class _Line(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


class _BookmarkMetadata(msgspec.Struct, gc=False, rename="camel"):
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct, gc=False):
    metadata: _BookmarkMetadata


class _Status(msgspec.Struct, gc=False):
    code: int = 500


async def watch_events(
    client: KubeClient,
    path: str,
    params: Mapping[str, str],
    *,
    header: type[ObjectHeader] = ObjectHeader,
    metadata_of: GroupVersionKind | None = None,
    read_timeout: float = 60.0,
) -> AsyncGenerator[WatchEvent, None]:
    """WATCH a collection; ends when the API server ends it.

    With ``metadata_of`` only the metadata comes, in objects of that kind.

    Raises StatusError for a refusal and for an ERROR event (``Gone`` for 410), UpstreamTimeout when
    nothing came for ``read_timeout`` seconds, another UpstreamError when the connection broke.
    Wrap it in :func:`contextlib.aclosing`, so that leaving it early closes the connection at once.
    """
    accept = METADATA if metadata_of else JSON
    prefix = type_meta(metadata_of) if metadata_of else b""
    stream = client.stream(path, {**params, "watch": "true"}, accept=accept, read_timeout=read_timeout)
    async with stream as chunks:
        async for line in _split_lines(chunks):
            yield _decode_event(line, header, prefix)


async def _split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    begun: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*begun, end)) if begun else end
            begun, size = [], 0
            if line.strip():
                yield line
        if rest:
            begun.append(rest)
            size += len(rest)
        if size > LONGEST_EVENT:
            raise UpstreamProtocolError(f"the API server sent an event of more than {LONGEST_EVENT} bytes")
    if begun:
        raise UpstreamUnavailable("the watch broke off in the middle of an event")


def _decode_event(line: bytes, header: type[ObjectHeader], prefix: bytes = b"") -> WatchEvent:
    decoded = decode(line, _Line, "a watch event")
    match decoded.type:
        case "ADDED" | "MODIFIED" | "DELETED":
            return WatchEvent(decoded.type, receive(decoded.object, header, prefix))
        case "BOOKMARK":
            annotations = decode(decoded.object, _Bookmark, "a bookmark").metadata.annotations or {}
            ends = annotations.get(INITIAL_EVENTS_END) == "true"
            return WatchEvent(decoded.type, receive(decoded.object, header), ends)
        case "ERROR":
            raise _error(decoded.object)
        case unknown:
            raise UpstreamProtocolError(f"the API server sent a watch event of type {unknown!r}")


def _error(raw: msgspec.Raw) -> StatusError:
    status = decode(raw, _Status, "a Status")
    return failed_status(status.code, {}, bytes(raw))
