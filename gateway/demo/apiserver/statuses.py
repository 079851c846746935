"""Refusals: ``Status`` objects in the shape and words of the real API server."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schema.resources import Resource

__all__ = [
    "ApiError",
    "Cause",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "internal",
    "invalid",
    "invalid_options",
    "invalid_patch",
    "method_not_allowed",
    "no_such_resource",
    "not_acceptable",
    "not_found",
    "qualified",
    "success",
    "too_large_version",
    "unauthorized",
    "unprocessable",
    "unsupported_media_type",
]


class ApiError(Exception):
    """A refusal; ``status`` is the whole ``Status`` object that goes to the client."""

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details
        self.status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": dict(details)} if details is not None else {}),
            "code": code,
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of an invalid object; ``message`` begins with the kind of the error."""

    reason: str
    field: str
    message: str

    @classmethod
    def required(cls, field: str, why: str = "") -> "Cause":
        return cls("FieldValueRequired", field, f"Required value: {why}" if why else "Required value")

    @classmethod
    def invalid(cls, field: str, value: str, why: str) -> "Cause":
        """``value`` is written as JSON."""
        return cls("FieldValueInvalid", field, f"Invalid value: {value}: {why}")

    @classmethod
    def unsupported(cls, field: str, value: str, supported: Iterable[str]) -> "Cause":
        """``value`` is written as JSON."""
        values = ", ".join(f'"{item}"' for item in supported)
        return cls("FieldValueNotSupported", field, f"Unsupported value: {value}: supported values: {values}")

    @classmethod
    def forbidden(cls, field: str, why: str) -> "Cause":
        return cls("FieldValueForbidden", field, f"Forbidden: {why}")

    def as_json(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message, "field": self.field}


def qualified(name: str, group: str) -> str:
    """A resource or a kind with its group behind it, as messages name it."""
    return f"{name}.{group}" if group else name


def _about(resource: Resource, name: str, kind: str) -> dict[str, str]:
    group = resource.gvr.group
    return {
        **({"name": name} if name else {}),
        **({"group": group} if group else {}),
        "kind": kind,
    }


def not_found(resource: Resource, name: str) -> ApiError:
    """404: the object does not exist."""
    what = qualified(resource.gvr.resource, resource.gvr.group)
    return ApiError(
        404, "NotFound", f'{what} "{name}" not found', _about(resource, name, resource.gvr.resource)
    )


def no_such_resource() -> ApiError:
    """404: nothing is served under that path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """405: the resource does not have that verb."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: the name is taken."""
    what = qualified(resource.gvr.resource, resource.gvr.group)
    about = _about(resource, name, resource.gvr.resource)
    return ApiError(409, "AlreadyExists", f'{what} "{name}" already exists', about)


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: Resource, name: str, why: str = MODIFIED, *, kind: str = "") -> ApiError:
    """409: a precondition of the client failed; ``kind`` replaces the resource in the details."""
    what = kind or resource.gvr.resource
    message = f'Operation cannot be fulfilled on {qualified(what, resource.gvr.group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(resource, name, what))


def invalid(resource: Resource, name: str, causes: list[Cause], *, kind: str = "") -> ApiError:
    """422: the object is invalid, with every cause; ``kind`` replaces its own kind in the message."""
    return _invalid(kind or resource.kind.kind, resource.gvr.group, name, causes)


def invalid_options(kind: str, causes: list[Cause]) -> ApiError:
    """422: the query's parameters (``ListOptions``, ``PatchOptions``…) break rules."""
    return _invalid(kind, "meta.k8s.io", "", causes)


def invalid_patch(cause: Cause) -> ApiError:
    """422: the patched object is not a valid object of its kind."""
    return _invalid("", "", "", [cause])


def _invalid(kind: str, group: str, name: str, causes: list[Cause]) -> ApiError:
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    why = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    details = {
        **({"name": name} if name else {}),
        **({"group": group} if group else {}),
        **({"kind": kind} if kind else {}),
        "causes": [cause.as_json() for cause in causes],
    }
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {why}', details)


def unprocessable() -> ApiError:
    """422: a JSON Patch that cannot be applied; like the real server, without the reason."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def internal(message: str) -> ApiError:
    """500, without a reason: the real server's response to an unexpected error."""
    return ApiError(500, "", message)


def forbidden(resource: Resource, name: str, why: str, causes: list[Cause] | None = None) -> ApiError:
    """403."""
    what = qualified(resource.gvr.resource, resource.gvr.group)
    about: dict[str, Any] = _about(resource, name, resource.gvr.resource)
    if causes:
        about["causes"] = [cause.as_json() for cause in causes]
    return ApiError(403, "Forbidden", f'{what} "{name}" is forbidden: {why}', about)


def unauthorized() -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> ApiError:
    """410: the version has been compacted."""
    return ApiError(410, "Expired", message)


def too_large_version(asked: int, current: int) -> ApiError:
    """504: the storage has not reached the version."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        {"causes": [cause], "retryAfterSeconds": 1},
    )


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    """415."""
    listed = ", ".join(accepted)
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {listed}",
    )


def not_acceptable() -> ApiError:
    """406."""
    return ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
        {},
    )


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """The response to a completed deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_about(resource, name, resource.gvr.resource), "uid": uid},
    }
