"""The API server's bytes as answers: compiled where they can be, plain JSON for graphql-core where not."""

from contextlib import suppress
from typing import Any

import msgspec

from gateway.errors import UpstreamProtocolError
from schema.resources import GroupVersionKind
from schema.selection import Compiled, Selection, SelectionMismatch

__all__ = ["answer_list", "answer_object", "decode_list", "decode_object"]


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
    decoded = decode_list(body, kind)
    if selection is not None and selection.only_metadata:
        decoded["items"] = [{**item, **_type_meta(kind)} for item in decoded["items"]]
    return decoded


def answer_object(body: bytes, kind: GroupVersionKind, selection: Selection | None) -> Any:
    """What is selected of an object; for graphql-core to execute where it is not as the schema promises."""
    if selection is not None:
        with suppress(SelectionMismatch):
            return Compiled(selection.decode(body))
    decoded = decode_object(body)
    return {**decoded, **_type_meta(kind)} if selection is not None and selection.only_metadata else decoded


def _type_meta(kind: GroupVersionKind) -> dict[str, str]:
    return {"apiVersion": kind.api_version, "kind": kind.kind}
