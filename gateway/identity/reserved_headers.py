"""Headers that assert an identity: ``Impersonate-*``, and the headers of a front proxy (``X-Remote-*``).

A client that could send them would choose its own rights. They are refused on every path, unless the sender
is the front proxy (:mod:`gateway.identity.front_proxy`). A refusal, other than silently ignoring a header,
reveals a proxy whose proof is missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.errors import CallerRefused, CallerUnauthenticated
from gateway.identity.caller import RequestHead

__all__ = [
    "DEFAULT_PROXY_HEADERS",
    "ProxyHeaders",
    "refuse_asserted_identity",
    "refuse_identity_in_params",
    "refuse_impersonation",
    "without_unknown",
]

_IMPERSONATE = "impersonate-"
_REMOTE = b"x-remote-"


@dataclass(frozen=True, slots=True)
class ProxyHeaders:
    """The header names of the front proxy, in lower case, as in kube-apiserver's ``--requestheader-*``.

    ``extra_prefixes`` precede the key of an extra.
    """

    user: tuple[str, ...] = ("x-remote-user",)
    uid: tuple[str, ...] = ("x-remote-uid",)
    group: tuple[str, ...] = ("x-remote-group",)
    extra_prefixes: tuple[str, ...] = ("x-remote-extra-",)

    def includes(self, name: str) -> bool:
        """Whether the header, by its name in lower case, asserts a part of an identity."""
        return name in (*self.user, *self.uid, *self.group) or name.startswith(self.extra_prefixes)


DEFAULT_PROXY_HEADERS = ProxyHeaders()


def refuse_impersonation(head: RequestHead) -> None:
    """Raise CallerRefused for ``Impersonate-*``, which not even the front proxy may send."""
    _refuse(name for name in head.names if name.startswith(_IMPERSONATE))


def refuse_asserted_identity(head: RequestHead, expected: ProxyHeaders = DEFAULT_PROXY_HEADERS) -> None:
    """Raise CallerRefused for a header that asserts an identity, by its default name or the expected one."""
    prefixes = _prefixes(expected)
    # most requests have none: one pass over the bytes of the names
    suspects = [name for name, _ in head.fields if name.startswith(prefixes)]
    if suspects:
        names = [name.decode("latin-1") for name in suspects]
        _refuse(name for name in names if _is_reserved(name, expected))


@lru_cache(maxsize=8)
def _prefixes(expected: ProxyHeaders) -> tuple[bytes, ...]:
    """The beginnings of all reserved names."""
    names = {
        _IMPERSONATE,
        *(
            name
            for headers in (expected, DEFAULT_PROXY_HEADERS)
            for name in (*headers.user, *headers.uid, *headers.group, *headers.extra_prefixes)
        ),
    }
    return tuple(name.encode("latin-1") for name in sorted(names))


def refuse_identity_in_params(
    params: Mapping[Any, Any] | None, expected: ProxyHeaders = DEFAULT_PROXY_HEADERS
) -> None:
    """Raise CallerUnauthenticated for such a name in ``connection_init``: at the top or in ``headers``.

    The payload comes from the user, even through a front proxy.
    """
    for name in _names_in(params):
        if _is_reserved(name, expected):
            raise CallerUnauthenticated(f"connection_init may not contain {name[:100]!r}")


def without_unknown(
    fields: Sequence[tuple[bytes, bytes]], expected: ProxyHeaders
) -> list[tuple[bytes, bytes]]:
    """The headers without any ``X-Remote-*`` that is not one of the expected names."""
    return [
        item
        for item in fields
        if not (item[0].startswith(_REMOTE) and _is_unknown(item[0].decode("latin-1"), expected))
    ]


def _is_reserved(name: str, expected: ProxyHeaders) -> bool:
    return name.startswith(_IMPERSONATE) or expected.includes(name) or DEFAULT_PROXY_HEADERS.includes(name)


def _is_unknown(name: str, expected: ProxyHeaders) -> bool:
    return not expected.includes(name)


def _names_in(params: Mapping[Any, Any] | None) -> Iterator[str]:
    for key, value in (params or {}).items():
        if isinstance(key, str):
            yield key.lower()
        if isinstance(value, Mapping) and isinstance(key, str) and key.lower() == "headers":
            yield from (name.lower() for name in value if isinstance(name, str))


def _refuse(names: Iterable[str]) -> None:
    for name in names:
        raise CallerRefused(
            f"this gateway does not accept the header {name[:100]!r} from this sender: "
            "only a front proxy that has proved itself may name the user"
        )
