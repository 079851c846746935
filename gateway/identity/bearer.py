"""Bearer tokens: their places in a request, and their syntax.

A token is a secret: no message here repeats any part of it.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import CallerUnauthenticated

__all__ = ["bearer_token", "bearer_token_from_params", "unverified_expiry"]

# every visible ASCII character: a superset of RFC 6750's b64token, because Kubernetes' static tokens are free
# text
TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)
LONGEST_TOKEN = 32_768
LATEST_TIME = 2**53


class _Payload(msgspec.Struct):
    exp: float | None = None


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of ``Authorization: Bearer …``; None without that header.

    ``headers`` has lower-case names. Raises :class:`CallerUnauthenticated` for another scheme or a
    malformed value: a mistyped header must not become an anonymous request.
    """
    value = headers.get("authorization")
    return None if value is None else _parse(value)


def bearer_token_from_params(params: Mapping[Any, Any] | None) -> str | None:
    """The token in a ``connection_init`` payload; None without one.

    Accepts ``{"Authorization": "Bearer …"}``, in any case, at the top or inside ``{"headers": {…}}``.
    Raises :class:`CallerUnauthenticated` for a value that is not a bearer token.
    """
    if params is None:
        return None
    value = _find(params)
    if value is None and isinstance(params.get("headers"), Mapping):
        value = _find(params["headers"])
    if value is None:
        return None
    if not isinstance(value, str):
        raise CallerUnauthenticated("Authorization in connection_init has to be a string")
    return _parse(value)


def unverified_expiry(token: str) -> float | None:
    """The ``exp`` claim in seconds since the epoch; None without one, and for other tokens than JWTs.

    Nothing is verified: the API server decides on the token, and the claim can only end a connection earlier.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        expiry = msgspec.json.decode(payload, type=_Payload).exp
    except (binascii.Error, ValueError, RecursionError):
        return None
    return expiry if expiry is not None and abs(expiry) < LATEST_TIME else None


def _find(params: Mapping[Any, Any]) -> Any:
    found = [
        value for key, value in params.items() if isinstance(key, str) and key.lower() == "authorization"
    ]
    if len(found) > 1:
        raise CallerUnauthenticated("connection_init has Authorization more than once")
    return found[0] if found else None


def _parse(value: str) -> str:
    scheme, _, token = value.strip(" \t").partition(" ")
    token = token.strip(" \t")
    if scheme.lower() != "bearer":
        raise CallerUnauthenticated("the Authorization scheme has to be Bearer")
    if TOKEN.fullmatch(token) is None or len(token) > LONGEST_TOKEN:
        raise CallerUnauthenticated("the bearer token is malformed")
    return token
