"""Paths of the Kubernetes API. All paths are built here.

Every caller-supplied part is validated by Kubernetes' own rule and then percent-escaped: no argument can
reach another path or add a query.
"""

import re
from functools import lru_cache
from urllib.parse import quote

from gateway.errors import BadArgument
from schema.resources import Resource

__all__ = ["is_unreserved", "resource_path", "validate_name", "validate_namespace"]

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def is_unreserved(text: str) -> bool:
    """Whether no character needs an escape in any part of a URL (RFC 3986, 2.3)."""
    return _UNRESERVED.fullmatch(text) is not None


def resource_path(
    resource: Resource, namespace: str | None = None, name: str | None = None, subresource: str | None = None
) -> str:
    """The path of a collection, an object or a subresource, relative to the server's URL.

    A namespaced resource without ``namespace`` gives the collection of all namespaces. Raises BadArgument.
    """
    plural = resource.gvr.resource
    parts = [_quoted(resource.gvr.group_version.path, "/")]
    if namespace is not None:
        if not resource.namespaced:
            raise BadArgument(f"{plural} are not namespaced: leave the namespace out")
        parts += ["namespaces", validate_namespace(namespace)]
    parts.append(_quoted(plural, ""))
    if name is not None:
        if resource.namespaced and namespace is None:
            raise BadArgument(f"one of the {plural} needs a namespace beside its name")
        parts.append(_escape(validate_name(name)))
    if subresource is not None:
        if name is None:
            raise BadArgument(f"the subresource {subresource!r} needs the name of an object")
        parts.append(_escape(validate_name(subresource)))
    return "/".join(parts)


def validate_namespace(namespace: str) -> str:
    """Return ``namespace`` if it is a DNS label (RFC 1123). Raises BadArgument."""
    if len(namespace) > 63 or not _DNS_LABEL.fullmatch(namespace):
        raise BadArgument(
            f"namespace {namespace[:80]!r} is not valid: at most 63 lower case letters, digits and '-',"
            " starting and ending with a letter or digit"
        )
    return namespace


def validate_name(name: str) -> str:
    """Return ``name`` if it passes apimachinery's IsPathSegmentName: not '.' or '..', no '/' or '%'.

    Raises BadArgument.
    """
    if not name:
        raise BadArgument("a name must not be empty")
    if name in (".", "..") or "/" in name or "%" in name:
        raise BadArgument(
            f"name {name[:80]!r} is not valid: it may not be '.' or '..' nor contain '/' or '%'"
        )
    return name


@lru_cache(maxsize=1024)
def _quoted(part_of_resource: str, safe: str) -> str:
    return quote(part_of_resource, safe=safe)


def _escape(segment: str) -> str:
    if is_unreserved(segment):
        return segment
    try:
        # Colons are legal in a path and frequent in the names of RBAC objects.
        return quote(segment, safe=":")
    except UnicodeEncodeError as error:
        raise BadArgument(f"name {segment[:80]!a} is not valid: it is not Unicode text") from error
