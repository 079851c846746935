"""The issuer's keys: rotation, rate limit, and an issuer that does not answer."""

import asyncio
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.errors import IssuerUnavailable
from gateway.identity.signing_keys import SigningKeys


class Publisher:
    """Publishes ``keys`` and counts the fetches; fails while it is ``down``."""

    def __init__(self, *names: str) -> None:
        self.keys: list[dict[str, Any]] = [published(name) for name in names]
        self.fetches = 0
        self.down = False
        self.now = 0.0
        self.signing_keys = SigningKeys(self.fetch, lambda: self.now)

    async def fetch(self) -> list[dict[str, Any]]:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.down:
            raise IssuerUnavailable("down")
        return self.keys

    async def knows(self, name: str | None) -> bool:
        return bool(await self.signing_keys.find(name))


def published(name: str) -> dict[str, Any]:
    return {**ECKey.generate_key("P-256").as_dict(private=False), "kid": name}


async def test_an_unknown_key_id_fetches_the_keys_at_most_every_ten_seconds() -> None:
    issuer = Publisher("a")
    assert await issuer.knows("a")
    issuer.keys = [published("b")]
    for issuer.now in (1.0, 9.9):
        assert not await issuer.knows("b")
    assert issuer.fetches == 1
    issuer.now = 10.0
    assert await issuer.knows("b")
    assert not await issuer.knows("a")
    for number in range(100):
        assert not await issuer.knows(f"made-up-{number}")
    assert issuer.fetches == 2


async def test_a_withdrawn_key_ends_after_ten_minutes() -> None:
    issuer = Publisher("a", "b")
    assert await issuer.knows("a")
    issuer.keys = [published("b")]
    issuer.now = 599.0
    assert await issuer.knows("a")
    issuer.now = 600.0
    assert not await issuer.knows("a")


async def test_an_issuer_that_does_not_answer_is_bridged_for_an_hour() -> None:
    issuer = Publisher("a")
    assert await issuer.knows("a")
    issuer.down = True
    for issuer.now in (700.0, 3599.0):
        assert await issuer.knows("a")
    issuer.now = 3700.0
    with pytest.raises(IssuerUnavailable, match="down"):
        await issuer.knows("a")
    issuer.now, issuer.down = 3711.0, False
    assert await issuer.knows("a")


async def test_a_first_failure_is_not_repeated_for_ten_seconds() -> None:
    issuer = Publisher("a")
    issuer.down = True
    for issuer.now in (0.0, 9.0):
        with pytest.raises(IssuerUnavailable, match="down"):
            await issuer.knows("a")
    assert issuer.fetches == 1
    issuer.now, issuer.down = 10.0, False
    assert await issuer.knows("a")


async def test_concurrent_callers_share_one_fetch() -> None:
    issuer = Publisher("a")
    assert all(await asyncio.gather(*(issuer.knows("a") for _ in range(20))))
    assert issuer.fetches == 1


async def test_unusable_keys_are_ignored() -> None:
    issuer = Publisher("a")
    issuer.keys += [
        {**OctKey.generate_key(256).as_dict(), "kid": "oct"},
        {**RSAKey.generate_key(2048).as_dict(private=False), "kid": "enc", "use": "enc"},
        {"kty": "AKP", "kid": "new"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "!", "y": "!"},
        {"kty": "RSA", "kid": "partial"},
        {"kid": "nothing"},
    ]
    assert await issuer.knows("a")
    for name in ("oct", "enc", "new", "broken", "partial", "nothing"):
        assert not await issuer.knows(name)
    assert len(await issuer.signing_keys.find(None)) == 1
