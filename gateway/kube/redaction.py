"""Secret values, masked in responses before any other part of the gateway sees them (``--redact``).

Masked are the values of ``data`` and ``stringData`` of Secrets and, of every kind, the annotation in which
``kubectl apply`` keeps a copy of the object. Keys, labels and types stay readable.
"""

import base64
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from gateway.errors import UpstreamProtocolError

__all__ = [
    "REDACTED",
    "has_copies",
    "is_secret_path",
    "mask_copies",
    "masked_fields",
    "masked_lines",
    "redact",
]

REDACTED = "REDACTED"
_MAX_LINE_BYTES = 64 << 20
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_COPY = re.compile(rb'("%b"\s*:\s*)"(?:[^"\\]++|\\.)*+"' % re.escape(_LAST_APPLIED).encode(), re.DOTALL)
_MASKS = {"data": base64.b64encode(REDACTED.encode()).decode(), "stringData": REDACTED}
_SECRETS = re.compile(r"api/v1/(watch/)?(namespaces/[^/]+/)?secrets(/.*)?")


def is_secret_path(path: str) -> bool:
    """Whether responses of a path of the API, without a leading slash, may hold Secrets."""
    return _SECRETS.fullmatch(path) is not None


def masked_fields(path: str) -> list[tuple[str, ...]]:
    """The fields with masked values, or maps of them, in objects of a path of the API."""
    fields: list[tuple[str, ...]] = [("metadata", "annotations", _LAST_APPLIED)]
    return [*fields, *((name,) for name in _MASKS)] if is_secret_path(path) else fields


def redact(body: bytes) -> bytes:
    """The JSON of an object, a list or a watch event with masked values.

    Raises UpstreamProtocolError for anything but JSON: a body that cannot be read is never passed on.
    """
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamProtocolError("the API server sent a Secret that cannot be read") from None
    if isinstance(decoded, dict):
        _mask(decoded)
        for item in (decoded.get("object"), *_items(decoded)):
            if isinstance(item, dict):
                _mask(item)
    return msgspec.json.encode(decoded)


def has_copies(body: bytes) -> bool:
    """Whether JSON has the annotation of ``kubectl apply``."""
    return _LAST_APPLIED.encode() in body


def mask_copies(body: bytes) -> bytes:
    """The JSON with masked values of the annotation of ``kubectl apply``; nothing is decoded."""
    return _COPY.sub(rb'\1"%b"' % REDACTED.encode(), body) if has_copies(body) else body


async def masked_lines(chunks: AsyncIterator[bytes], mask: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
    """The complete lines of a watch, masked; raises the errors of ``mask``, and UpstreamProtocolError."""
    partial = bytearray()
    async for chunk in chunks:
        partial += chunk
        if len(partial) > _MAX_LINE_BYTES:
            raise UpstreamProtocolError("the API server sent an event that is too large")
        if b"\n" not in chunk:
            continue
        *lines, rest = partial.split(b"\n")
        for line in lines:
            if line.strip():
                yield mask(bytes(line)) + b"\n"
        partial = rest
    if partial.strip():
        # an incomplete line cannot be masked; its beginning lets the reader report the broken stream
        yield b"{"


def _items(decoded: dict[str, Any]) -> list[Any]:
    items = decoded.get("items")
    return items if isinstance(items, list) else []


def _mask(item: dict[str, Any]) -> None:
    for name, mask in _MASKS.items():
        if isinstance(item.get(name), dict):
            item[name] = dict.fromkeys(item[name], mask)
    metadata = item.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and _LAST_APPLIED in annotations:
        annotations[_LAST_APPLIED] = REDACTED
