"""The API server's bytes as plain JSON values."""

from typing import Any

import msgspec

from gateway.errors import UpstreamProtocolError
from schema.resources import GroupVersionKind

__all__ = ["decode_list", "decode_object"]


def decode_object(body: bytes) -> dict[str, Any]:
    """One object; UpstreamProtocolError where it is not a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a JSON object: {error}") from error


def decode_list(body: bytes, kind: GroupVersionKind) -> dict[str, Any]:
    """A List; its items get the ``apiVersion`` and ``kind`` that the API server leaves out of them."""
    decoded = decode_object(body)
    type_meta = {"apiVersion": kind.api_version, "kind": kind.kind}
    decoded["items"] = [{**type_meta, **item} for item in decoded.get("items") or ()]
    return decoded
