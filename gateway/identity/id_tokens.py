"""ID tokens of ``impersonate``: validation, and the user that their claims name.

The rules follow kube-apiserver's ``--oidc-*`` options. Beyond them a name with the prefix
``system:`` is refused, which Kubernetes reserves for itself: an issuer must not grant the rights of
components or of ``system:masters``.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from gateway.errors import CallerUnauthenticated
from gateway.identity.signing_keys import SigningKey, SigningKeys
from gateway.kube.config.cluster_config import Impersonation
from gateway.lru import LRU

__all__ = ["ALGORITHMS", "Claims", "IDTokens", "ValidToken"]

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
"""The algorithms that may be allowed: signatures with a public key."""

_NOT_BEFORE_LEEWAY_SECONDS = 60.0
_CACHE_SECONDS = 10.0
_CACHED_TOKENS = 1024
_LONGEST_PART = 32_768
_LATEST_TIME = 2**53
_RESERVED = "system:"
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claims:
    """The expected claims, and the claims that name the user.

    ``username_prefix`` None means the default: the issuer and ``#``, or nothing if the claim is ``email``.
    """

    issuer: str
    client_id: str
    username: str = "sub"
    username_prefix: str | None = None
    groups: str = ""
    groups_prefix: str = ""
    required: tuple[tuple[str, str], ...] = ()
    algorithms: tuple[str, ...] = ("RS256",)

    @property
    def prefix(self) -> str:
        if self.username_prefix is None:
            return "" if self.username == "email" else f"{self.issuer}#"
        return self.username_prefix


@dataclass(frozen=True, slots=True)
class ValidToken:
    """The user of a token; ``expires_at`` is its ``exp``, in seconds since the epoch."""

    user: Impersonation
    expires_at: float
    validated_at: float = field(default=0.0, compare=False)


class IDTokens:
    """Validates ID tokens; a valid one is cached for ten seconds by its digest."""

    def __init__(self, claims: Claims, keys: SigningKeys, now: Callable[[], float] = time.time) -> None:
        self._claims = claims
        self._keys = keys
        self._now = now
        self._valid: LRU[bytes, ValidToken] = LRU(_CACHED_TOKENS)
        self._registry = jws.JWSRegistry(algorithms=list(claims.algorithms), strict_check_header=False)
        self._registry.max_header_length = self._registry.max_payload_length = _LONGEST_PART
        self._registry.max_signature_length = _LONGEST_PART

    async def validate(self, token: str) -> ValidToken:
        """The user that the token names. Raises CallerUnauthenticated, or IssuerUnavailable."""
        digest = hashlib.sha256(token.encode()).digest()
        cached = self._valid.get(digest)
        if cached is not None and self._now() < min(cached.expires_at, cached.validated_at + _CACHE_SECONDS):
            return cached
        claims = await self._verified_claims(token)
        valid = self._valid_token(claims)
        self._valid.put(digest, valid)
        return valid

    async def _verified_claims(self, token: str) -> dict[str, Any]:
        """The payload of the token, after the check of its signature."""
        if not _JWT.fullmatch(token):
            raise _refusal("it is not a signed JSON Web Token")
        try:
            signed = jws.extract_compact(token.encode(), None, self._registry)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise _refusal("it is malformed") from error
        header = signed.headers()
        if header.get("alg") not in self._claims.algorithms:
            raise _refusal("its signature algorithm is not allowed (--oidc-signing-algs)")
        if "crit" in header or "b64" in header:
            raise _refusal("its header has extensions that this gateway does not know")
        key_id = header.get("kid")
        for key in await self._keys.find(key_id if isinstance(key_id, str) else None):
            if self._is_signed(signed, key):
                return _decode(bytes(signed.payload))
        raise _refusal("none of the issuer's keys has signed it")

    def _is_signed(self, signed: jws.CompactSignature, key: SigningKey) -> bool:
        try:
            return jws.validate_compact(signed, key, self._claims.algorithms, self._registry)
        except (JoseError, ValueError, TypeError):
            # the key is for another algorithm
            return False

    def _valid_token(self, claims: dict[str, Any]) -> ValidToken:
        expected, now = self._claims, self._now()
        if claims.get("iss") != expected.issuer:
            raise _refusal("its issuer is another one")
        if expected.client_id not in _texts(claims.get("aud")):
            raise _refusal("it is for another audience (--oidc-client-id)")
        expires_at = _time(claims.get("exp"), "exp")
        if expires_at <= now:
            raise _refusal("it has expired")
        if claims.get("nbf") is not None and now + _NOT_BEFORE_LEEWAY_SECONDS < _time(claims["nbf"], "nbf"):
            raise _refusal("it is not valid yet")
        for name, value in expected.required:
            if claims.get(name) != value:
                raise _refusal(f"its claim {name} does not have the required value")
        return ValidToken(self._user(claims), expires_at, now)

    def _user(self, claims: dict[str, Any]) -> Impersonation:
        expected = self._claims
        name = claims.get(expected.username)
        if not isinstance(name, str) or not name:
            raise _refusal(f"its claim {expected.username} names no user")
        if expected.username == "email" and claims.get("email_verified", True) is not True:
            raise _refusal("its email is not verified")
        groups = [expected.groups_prefix + group for group in self._groups(claims)]
        user = Impersonation(expected.prefix + name, groups=tuple(groups))
        if any(text.startswith(_RESERVED) for text in (user.user, *groups)):
            raise _refusal("it names a user or a group with the reserved prefix system:")
        return user

    def _groups(self, claims: dict[str, Any]) -> list[str]:
        name = self._claims.groups
        if not name:
            return []
        elsewhere = claims.get("_claim_names")
        if name not in claims and elsewhere and (not isinstance(elsewhere, dict) or name in elsewhere):
            raise _refusal(f"its claim {name} is distributed: the issuer does not put it into the token")
        value = claims.get(name)
        groups = [] if value is None else _texts(value)
        if "" in groups or (isinstance(value, list) and len(groups) != len(value)) or (value and not groups):
            raise _refusal(f"its claim {name} is no list of groups")
        return groups


def _texts(value: Any) -> list[str]:
    """The strings of a claim that is one string or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _time(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LATEST_TIME:
        raise _refusal(f"its claim {name} is no time")
    return float(value)


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal("its payload is no JSON object") from error


def _refusal(reason: str) -> CallerUnauthenticated:
    return CallerUnauthenticated(f"the ID token is refused: {reason}")
