"""Writes whose answers would show a masked value, or confirm a guess of it (``--redact``).

An answer that depends on a stored value tells whether a guess is right, and guesses find a short value. So a
refusal depends only on the request, and on parts of the object that are not masked:

- A JSON Patch that tests, copies or moves a masked value is refused.
- A dry run that writes one is refused: managers and version of the object change only if the value does.
- So is a write to an immutable Secret, which the API server accepts only if the value stays the same.
- So is a server-side apply without ``force`` to a value of another manager: a conflict, unless equal.

Any other write is sent: it replaces the stored value, so that a wrong guess destroys that value.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.errors import BadArgument, NotFound
from gateway.kube.client import KubeClient
from gateway.kube.received import decode
from gateway.kube.redaction import is_secret_path, masked_fields

__all__ = ["expect_nothing_revealed", "exposes_masked_values", "written_masked_values"]

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_POINTERS = {"test": ("path",), "copy": ("from", "path"), "move": ("from", "path")}
"""The JSON Pointers of the operations that read a value; to copy onto a masked value is to write it."""

Keys = tuple[str, ...]


async def expect_nothing_revealed(
    client: KubeClient, path: str, content_type: str, parameters: Mapping[str, str], body: Any
) -> None:
    """Check a PATCH before it is sent. Raises BadArgument, and the errors of the GET of the object."""
    if content_type == _JSON_PATCH and exposes_masked_values(path, body):
        raise _refused("a JSON Patch cannot test, copy or move them")
    written = set(written_masked_values(path, body))
    if not written:
        return
    if "dryRun" in parameters:
        raise _refused("a dry run cannot write them: it would tell whether they change")
    is_secret = is_secret_path(path)
    respects_managers = content_type == _APPLY and parameters.get("force") != "true"
    if not (is_secret or respects_managers):
        return
    try:
        stored = decode((await client.get(path)).body, dict[str, Any], "an object")
    except NotFound:
        return
    if is_secret and stored.get("immutable"):
        raise _refused("those of an immutable Secret cannot be written")
    if respects_managers and (manager := _other_manager(stored, written, parameters.get("fieldManager"))):
        raise _refused(f"one of them belongs to the field manager {manager!r}; apply with force: true")


def _refused(reason: str) -> BadArgument:
    return BadArgument(f"this gateway masks values (--redact): {reason}")


def exposes_masked_values(path: str, operations: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a JSON Patch (RFC 6902) of an object at the path tests, copies or moves a masked value."""
    pointers = [
        _keys(operation.get(name))
        for operation in operations
        for name in _POINTERS.get(str(operation.get("op")), ())
    ]
    return any(_overlap(keys, field) for keys in pointers for field in masked_fields(path))


def written_masked_values(path: str, body: Any) -> Iterator[Keys]:
    """The keys of the masked values that a patch, a JSON Patch or an applied object sets."""
    if not isinstance(body, list):
        yield from _below(path, (), body)
        return
    for operation in body:
        if operation.get("op") in ("add", "replace"):
            yield from _below(path, _keys(operation.get("path")), operation.get("value"))


def _below(path: str, keys: Keys, value: Any) -> Iterator[Keys]:
    """The keys of masked values in a value that is set at ``keys``."""
    for field in masked_fields(path):
        if keys[: len(field)] == field:
            inner, place = value, keys
        elif field[: len(keys)] == keys:
            inner, place = value, field
            for key in field[len(keys) :]:
                inner = inner.get(key) if isinstance(inner, dict) else None
        else:
            continue
        if isinstance(inner, dict):
            yield from ((*place, key) for key, item in inner.items() if item is not None)
        elif inner is not None:
            yield place


def _keys(pointer: Any) -> Keys:
    """The keys of a JSON Pointer (RFC 6901); no keys, the whole object, for any other text."""
    if not isinstance(pointer, str):
        return ()
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:])


def _overlap(one: Keys, other: Keys) -> bool:
    """Whether one of the places is the other, or inside of it."""
    return one[: len(other)] == other[: len(one)]


def _other_manager(stored: Mapping[str, Any], written: Iterable[Keys], own: str | None) -> str | None:
    """A manager of one of the values that is not the applying one."""
    # the API server stores stringData as data
    owned = [("data", *keys[1:]) if keys[0] == "stringData" else keys for keys in written]
    for entry in (stored.get("metadata") or {}).get("managedFields") or ():
        is_own = (entry.get("manager"), entry.get("operation"), entry.get("subresource")) == (
            own,
            "Apply",
            None,
        )
        if not is_own and any(_has_field(entry.get("fieldsV1"), keys) for keys in owned):
            return str(entry.get("manager"))
    return None


def _has_field(fields: Any, keys: Keys) -> bool:
    for key in keys:
        fields = fields.get(f"f:{key}") if isinstance(fields, dict) else None
    return fields is not None
