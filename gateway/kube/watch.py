"""WATCH as a stream of events; the objects stay JSON bytes as received."""

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

__all__ = ["MAX_EVENT_BYTES", "WatchEvent", "watch_events"]

# The second media type is for API servers that cannot send metadata only: they send whole objects.
_METADATA = f"{JSON};as={METADATA_KIND};g=meta.k8s.io;v=v1,{JSON}"
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
# etcd limits objects to 1.5 MB, a few API servers to more. The bound protects against a peer that sends no
# line end.
MAX_EVENT_BYTES = 64 << 20


class WatchEvent(msgspec.Struct, frozen=True, gc=False):
    """``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``; an ERROR event is raised as StatusError instead.

    A bookmark's object has only a resource version. ``initial_events_end`` marks the bookmark that ends the
    initial events of a watch with ``sendInitialEvents=true``.
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
    """WATCH a collection until the API server ends the stream.

    With ``metadata_of`` the API server sends metadata only; the objects get that kind.

    Raises StatusError for a failed response and for an ERROR event (``Gone`` for 410), UpstreamTimeout after
    ``read_timeout`` seconds of silence, another UpstreamError when the connection breaks.
    Use it in :func:`contextlib.aclosing`: leaving it early then closes the connection at once.
    """
    accept = _METADATA if metadata_of else JSON
    prefix = type_meta(metadata_of) if metadata_of else b""
    stream = client.stream(path, {**params, "watch": "true"}, accept=accept, read_timeout=read_timeout)
    async with stream as chunks:
        async for line in _split_lines(chunks):
            yield _decode_event(line, header, prefix)


async def _split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    partial: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*partial, end)) if partial else end
            partial, size = [], 0
            if line.strip():
                yield line
        if rest:
            partial.append(rest)
            size += len(rest)
        if size > MAX_EVENT_BYTES:
            raise UpstreamProtocolError(f"the API server sent an event of more than {MAX_EVENT_BYTES} bytes")
    if partial:
        raise UpstreamUnavailable("the watch broke off in the middle of an event")


def _decode_event(line: bytes, header: type[ObjectHeader], prefix: bytes = b"") -> WatchEvent:
    decoded = decode(line, _Line, "a watch event")
    match decoded.type:
        case "ADDED" | "MODIFIED" | "DELETED":
            return WatchEvent(decoded.type, receive(decoded.object, header, prefix))
        case "BOOKMARK":
            annotations = decode(decoded.object, _Bookmark, "a bookmark").metadata.annotations or {}
            ends = annotations.get(_INITIAL_EVENTS_END) == "true"
            return WatchEvent(decoded.type, receive(decoded.object, header), ends)
        case "ERROR":
            raise _error(decoded.object)
        case unknown:
            raise UpstreamProtocolError(f"the API server sent a watch event of type {unknown!r}")


def _error(raw: msgspec.Raw) -> StatusError:
    status = decode(raw, _Status, "a Status")
    return failed_status(status.code, {}, bytes(raw))
