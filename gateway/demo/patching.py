"""PATCH: which patch does what to an object, and what the API server says when it cannot."""

import json
from typing import Any

from gateway.demo.apply import apply_object
from gateway.demo.body import Patch, PatchType
from gateway.demo.catalog import Target
from gateway.demo.conversion import from_stored
from gateway.demo.decoding import DecodingError, decode
from gateway.demo.options import WriteOptions
from gateway.demo.patches import PatchError, apply_json_patch, apply_merge_patch
from gateway.demo.scale import SCALE, read_scale, scaled
from gateway.demo.statuses import Cause, bad_request, internal, invalid_options, invalid_patch, unprocessable
from gateway.demo.storage import Stored
from gateway.demo.strategic import apply_strategic_patch
from gateway.demo.writes import Writer, Written
from schema.resources import Resource

__all__ = ["patch_object", "patch_scale"]

Object = dict[str, Any]


def patch_object(writer: Writer, target: Target, patch: Patch, options: WriteOptions) -> Written:
    """Patch an object or its status."""
    if patch.type is PatchType.APPLY:
        return apply_object(writer, target, patch.content, options)
    _refuse_force(options)
    old = writer.find(target)
    result = patched(writer, target.resource, _served(target, old), patch)
    try:
        custom = writer.catalog.is_custom(target.resource)
        decode(writer.kinds.node(target.resource), result, lenient=custom)
    except DecodingError as error:
        # a patch that leaves a wrong type is Invalid, where a whole object with one is a BadRequest
        cause = Cause.invalid("patch", json.dumps(patch.content), str(error))
        raise invalid_patch(cause) from error
    return writer.update(target, old, result, options)


def patch_scale(writer: Writer, target: Target, patch: Patch, options: WriteOptions) -> Written:
    """Patch the scale of an object."""
    if patch.type is PatchType.APPLY:
        raise bad_request("server-side apply is not served for the scale subresource")
    _refuse_force(options)
    old = writer.find(target)
    # plain merging is what a strategic patch of a Scale comes to: it has no lists
    plain = Patch(PatchType.MERGE, patch.content) if patch.type is PatchType.STRATEGIC else patch
    paths = writer.catalog.custom(target.resource).scale
    scale = patched(writer, SCALE, read_scale(old, paths), plain)
    return writer.update(target, old, scaled(target.resource, old, scale, paths), options)


def _served(target: Target, old: Stored) -> Object:
    kind = target.resource.kind
    typed = {"kind": kind.kind, "apiVersion": kind.api_version}
    return {**typed, **from_stored(target.resource.gvr, old.object)}


def _refuse_force(options: WriteOptions) -> None:
    if options.force is not None:
        cause = Cause.forbidden("force", "may not be specified for non-apply patch")
        raise invalid_options("PatchOptions", [cause])


def patched(writer: Writer, resource: Resource, value: Object, patch: Patch) -> Object:
    """The object with the patch done to it; refuses what cannot be done."""
    if patch.type is PatchType.JSON:
        try:
            result = apply_json_patch(value, patch.content)
        except PatchError as error:
            raise unprocessable() from error
        if not isinstance(result, dict):
            raise bad_request("the patch leaves no object")
        return result
    if patch.type is PatchType.MERGE:
        merged: Object = apply_merge_patch(value, patch.content)
        return merged
    try:
        return apply_strategic_patch(writer.kinds.node(resource), value, patch.content)
    except PatchError as error:
        raise internal(str(error)) from error
