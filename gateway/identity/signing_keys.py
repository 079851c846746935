"""The current signing keys of an issuer: fetched on demand, renewed as the issuer rotates them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from gateway.errors import IssuerUnavailable

__all__ = ["SigningKey", "SigningKeys"]

logger = logging.getLogger(__name__)

SigningKey = RSAKey | ECKey

_SHORTEST_INTERVAL_SECONDS = 10.0
"""The time between two attempts to fetch: tokens with made-up key ids must not make requests."""
_RENEWAL_AGE_SECONDS = 600.0
"""The age at which keys are fetched again: a key that the issuer has withdrawn ends within this time."""
_LARGEST_AGE_SECONDS = 3600.0
"""The age up to which keys are used while the issuer does not answer."""


class SigningKeys:
    """The keys that ``fetch`` returns, as JSON Web Keys; concurrent callers share one fetch."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Iterable[dict[str, Any]]]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._keys: list[tuple[str | None, SigningKey]] = []
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None
        self._failure: IssuerUnavailable | None = None

    async def find(self, key_id: str | None) -> list[SigningKey]:
        """The keys with that id, or all keys without one; fetches the keys if there are none.

        Raises IssuerUnavailable while the keys are unknown.
        """
        if not self._is_younger_than(_RENEWAL_AGE_SECONDS) or not self._with_id(key_id):
            await self._renew()
        return self._with_id(key_id)

    def _with_id(self, key_id: str | None) -> list[SigningKey]:
        return [key for own, key in self._keys if key_id is None or own == key_id]

    def _is_younger_than(self, seconds: float) -> bool:
        return self._fetched_at is not None and self._now() - self._fetched_at < seconds

    async def _renew(self) -> None:
        async with self._lock:
            if self._attempted_at is None or self._now() - self._attempted_at >= _SHORTEST_INTERVAL_SECONDS:
                self._attempted_at = self._now()
                await self._attempt()
        if not self._is_younger_than(_LARGEST_AGE_SECONDS):
            self._keys = []
            raise self._failure or IssuerUnavailable("the keys of the OIDC issuer are unknown")

    async def _attempt(self) -> None:
        try:
            published = list(await self._fetch())
        except IssuerUnavailable as error:
            self._failure = error
            logger.warning("cannot renew the signing keys: %s", error)
            return
        self._keys = [(_text(item.get("kid")), key) for item in published if (key := _usable(item))]
        self._fetched_at = self._now()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _usable(published: dict[str, Any]) -> SigningKey | None:
    """A public key for signatures; None for any other kind, which is not an error (RFC 7517, section 5)."""
    if published.get("kty") not in ("RSA", "EC") or published.get("use", "sig") != "sig":
        return None
    try:
        key = import_key(published)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, (RSAKey, ECKey)) else None
