"""The body of a request: an object, or one of the kinds of patches."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import yaml
from starlette.requests import Request

from gateway.demo.statuses import ApiError, bad_request, unsupported_media_type

__all__ = ["Patch", "PatchType", "read_body", "read_patch"]

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
    content: Any


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, required: bool = True) -> dict[str, Any]:
    """The object that was sent; refuses (400, 415) what is none."""
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
    """The patch that was sent; refuses (400, 415) what is none. Custom resources have no strategic one."""
    media_type = _media_type(request)
    if custom and media_type == PatchType.STRATEGIC:
        raise unsupported_media_type(each for each in PatchType if each is not PatchType.STRATEGIC)
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
