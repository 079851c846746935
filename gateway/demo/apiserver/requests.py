"""The parameters and bodies of requests, validated as the API server does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
import yaml
from starlette.requests import Request

from gateway.demo.apiserver.statuses import (
    ApiError,
    Cause,
    bad_request,
    internal,
    invalid_options,
    unsupported_media_type,
)

__all__ = [
    "ListOptions",
    "Patch",
    "PatchType",
    "WriteOptions",
    "parse_list_options",
    "parse_version",
    "parse_write_options",
    "read_body",
    "read_patch",
]

MATCHES = ("Exact", "NotOlderThan", "")
VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_UINT64_DIGITS = 20


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The parameters of a LIST or a WATCH; absent numbers are None."""

    watch: bool = False
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The parameters of a write; ``kind`` is that of the options (``PatchOptions``)."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool | None = None


def parse_list_options(query: Mapping[str, str]) -> ListOptions:
    """Parse the parameters; refuses (400, 422) malformed or contradictory ones."""
    options = ListOptions(
        watch=_boolean(query, "watch") or False,
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        limit=_integer(query, "limit") or 0,
        continue_token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        resource_version_match=query.get("resourceVersionMatch", ""),
        allow_watch_bookmarks=_boolean(query, "allowWatchBookmarks") or False,
        send_initial_events=_boolean(query, "sendInitialEvents"),
        timeout_seconds=_integer(query, "timeoutSeconds"),
    )
    if causes := (_watch_causes(options) if options.watch else _list_causes(options)):
        raise invalid_options("ListOptions", causes)
    return options


def _list_causes(options: ListOptions) -> list[Cause]:
    match = options.resource_version_match
    causes = []
    if match and options.continue_token:
        causes.append(_match_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    elif match and not options.resource_version:
        causes.append(
            _match_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")
        )
    if match not in MATCHES:
        causes.append(Cause.unsupported("resourceVersionMatch", f'"{match}"', MATCHES))
    if match == "Exact" and options.resource_version == "0":
        causes.append(_match_forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial_events is not None:
        causes.append(Cause.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _watch_causes(options: ListOptions) -> list[Cause]:
    match = options.resource_version_match
    if options.send_initial_events is None:
        if options.continue_token:
            return [_match_forbidden("resourceVersionMatch is forbidden when continue is provided")]
        if match:
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            return [_match_forbidden(why)]
    elif match != "NotOlderThan":
        return [_match_forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")]
    return []


def _match_forbidden(why: str) -> Cause:
    return Cause.forbidden("resourceVersionMatch", why)


def parse_write_options(query: Mapping[str, str], kind: str) -> WriteOptions:
    """Parse the parameters of a write; refuses (422) unsupported ones."""
    causes = []
    dry_run, validation = query.get("dryRun", ""), query.get("fieldValidation", "")
    manager = query.get("fieldManager", "")
    if dry_run not in ("", "All"):
        causes.append(Cause.unsupported("dryRun", f'["{dry_run}"]', ("All",)))
    if len(manager.encode()) > 128:
        causes.append(Cause("FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes"))
    if validation not in VALIDATIONS:
        causes.append(Cause.unsupported("fieldValidation", f'"{validation}"', VALIDATIONS))
    if causes:
        raise invalid_options(kind, causes)
    return WriteOptions(
        dry_run=dry_run == "All",
        field_manager=manager,
        field_validation=validation or "Warn",
        force=_boolean(query, "force"),
    )


def _boolean(query: Mapping[str, str], name: str) -> bool | None:
    # any other text counts as true, as it does upstream
    return query[name].lower() not in ("false", "0") if query.get(name) else None


def _integer(query: Mapping[str, str], name: str) -> int | None:
    if not (text := query.get(name, "")):
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def parse_version(text: str, *, listing: bool = False) -> int:
    """Parse a resource version, absent as 0; refuses any other text."""
    if not text:
        return 0
    reason = "invalid syntax"
    if text.isascii() and text.isdigit():
        if len(text.lstrip("0")) <= _UINT64_DIGITS and (version := int(text.lstrip("0") or 0)) < 2**64:
            return version
        reason = "value out of range"
    why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": {reason}'
    # a LIST says 400, a GET and a WATCH say 500, upstream too
    raise bad_request(f"invalid resource version: {why}") if listing else internal(why)


OBJECTS = ("application/json", "application/yaml")


class PatchType(StrEnum):
    """The kinds of patches, by their media types."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch as it was sent: a list of operations for JSON Patch, else a partial object."""

    type: PatchType
    content: Any = field(repr=False)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, required: bool = True) -> dict[str, Any]:
    """The object in the body; refuses (400, 415) any other body."""
    raw = await request.body()
    if not raw and not required:
        return {}
    media_type = _media_type(request) or OBJECTS[0]
    if media_type not in OBJECTS:
        raise unsupported_media_type(OBJECTS)
    try:
        value = yaml.safe_load(raw) if media_type == OBJECTS[1] else msgspec.json.decode(raw)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise bad_request(f"the object provided is unrecognized: {why}") from error
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized: it is not an object")
    return value


async def read_patch(request: Request, *, custom: bool) -> Patch:
    """The patch in the body; refuses (400, 415) any other body, and strategic patches of custom resources."""
    media_type = _media_type(request)
    if custom and media_type == PatchType.STRATEGIC:
        raise unsupported_media_type(item for item in PatchType if item is not PatchType.STRATEGIC)
    if media_type not in PatchType.__members__.values():
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    patch_type = PatchType(media_type)
    raw = await request.body()
    try:
        content = yaml.safe_load(raw) if patch_type is PatchType.APPLY else msgspec.json.decode(raw)
    except (msgspec.DecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding patch: {error}") from error
    wanted = list if patch_type is PatchType.JSON else dict
    if not isinstance(content, wanted):
        raise bad_request(f"error decoding patch: it must be an {'array' if wanted is list else 'object'}")
    return Patch(patch_type, content)
