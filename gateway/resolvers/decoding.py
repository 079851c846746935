"""The API server's bytes as answers: compiled where they can be, plain JSON for graphql-core where not."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from gateway.errors import UpstreamProtocolError
from schema.resources import GroupVersionKind
from schema.selection import Compiled, LargeSource, Selection, SelectionMismatch

__all__ = ["answer_list", "answer_object", "decode_list", "decode_object", "source"]

LARGE = 64 << 10
"""Bytes of JSON that are not executed on in the event loop: where YAML is asked for, they take 30 ms."""


def decode_object(body: bytes) -> dict[str, Any]:
    """One object; UpstreamProtocolError where it is not a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server's answer is not a JSON object: {error}") from error


def decode_list(body: bytes, kind: GroupVersionKind) -> dict[str, Any]:
    """A List; its items get the ``apiVersion`` and ``kind`` that the API server leaves out of them."""
    decoded = decode_object(body)
    type_meta = _type_meta(kind)
    decoded["items"] = [{**type_meta, **item} for item in decoded.get("items") or ()]
    return decoded


def answer_list(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """What is selected of a List; for graphql-core to execute where it is not as the schema promises."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body))

    def decode() -> dict[str, Any]:
        decoded = decode_list(body, kind)
        if selection is not None and selection.only_metadata:
            decoded["items"] = [{**item, **_type_meta(kind)} for item in decoded["items"]]
        return decoded

    return source(decode, len(body))


def answer_object(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """What is selected of an object; for graphql-core to execute where it is not as the schema promises."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body))

    def decode() -> dict[str, Any]:
        decoded = decode_object(body)
        only_metadata = selection is not None and selection.only_metadata
        return {**decoded, **_type_meta(kind)} if only_metadata else decoded

    return source(decode, len(body))


def source(make: Callable[[], dict[str, Any]], size: int) -> Any:
    """What graphql-core is to execute on, made of so many bytes."""
    return LargeSource(make) if size >= LARGE else make()


def _type_meta(kind: GroupVersionKind) -> dict[str, str]:
    return {"apiVersion": kind.api_version, "kind": kind.kind}
