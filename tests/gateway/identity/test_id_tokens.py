"""ID tokens: the checks of kube-apiserver, and the user that the claims name."""

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trustme
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.errors import CallerUnauthenticated
from gateway.identity.id_tokens import Claims, IDTokens
from gateway.identity.signing_keys import SigningKeys
from gateway.kube.config.cluster_config import Impersonation
from gateway.kube.issuer import fetch_signing_keys
from tests.fixtures.issuer import CLIENT_ID, Issuer, running_issuer, signed


@pytest.fixture
async def issuer(authority: trustme.CA) -> AsyncIterator[Issuer]:
    async with running_issuer(authority) as issuer:
        yield issuer


@pytest.fixture
def claims(issuer: Issuer) -> Claims:
    return Claims(issuer.url, CLIENT_ID, groups="groups")


def validator(issuer: Issuer, claims: Claims, authority: trustme.CA) -> IDTokens:
    ca = authority.cert_pem.bytes()
    return IDTokens(claims, SigningKeys(lambda: fetch_signing_keys(issuer.url, ca)))


@pytest.fixture
def tokens(issuer: Issuer, claims: Claims, authority: trustme.CA) -> IDTokens:
    return validator(issuer, claims, authority)


async def test_a_valid_token_names_the_user_with_the_issuer_as_prefix(
    issuer: Issuer, tokens: IDTokens
) -> None:
    expires = int(time.time()) + 1000
    valid = await tokens.validate(issuer.token(groups=["dev", "ops"], exp=expires, aud=["x", CLIENT_ID]))
    assert valid.user == Impersonation(f"{issuer.url}#alice", groups=("dev", "ops"))
    assert valid.expires_at == expires


NOW = int(time.time())
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "issuer"),
    "no issuer": ({"iss": None}, "issuer"),
    "another audience": ({"aud": "other"}, "audience"),
    "another list of audiences": ({"aud": ["other", 1]}, "audience"),
    "no audience": ({"aud": None}, "audience"),
    "expired": ({"exp": NOW - 1}, "expired"),
    "no expiry": ({"exp": None}, "exp is no time"),
    "text as expiry": ({"exp": "9999999999"}, "exp is no time"),
    "true as expiry": ({"exp": True}, "exp is no time"),
    "expiry beyond any date": ({"exp": 1e300}, "exp is no time"),
    "not valid yet": ({"nbf": NOW + 3600}, "not valid yet"),
    "no user": ({"sub": None}, "names no user"),
    "an empty user": ({"sub": ""}, "names no user"),
    "a number as user": ({"sub": 1}, "names no user"),
    "numbers as groups": ({"groups": [1]}, "no list of groups"),
    "an object as groups": ({"groups": {"a": 1}}, "no list of groups"),
    "an empty group": ({"groups": ["a", ""]}, "no list of groups"),
    "a reserved group": ({"groups": ["dev", "system:masters"]}, "reserved prefix"),
    "distributed groups": ({"_claim_names": {"groups": "src1"}}, "distributed"),
    "malformed names of distributed claims": ({"_claim_names": 1}, "distributed"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_with_other_claims_is_refused(issuer: Issuer, tokens: IDTokens, case: str) -> None:
    claims, reason = REFUSED[case]
    with pytest.raises(CallerUnauthenticated, match=reason) as refused:
        await tokens.validate(issuer.token(**claims))
    assert "alice" not in str(refused.value)


async def test_a_clock_may_differ_by_a_minute(issuer: Issuer, tokens: IDTokens) -> None:
    await tokens.validate(issuer.token(nbf=int(time.time()) + 50))


async def test_groups_may_be_one_string_or_missing(issuer: Issuer, tokens: IDTokens) -> None:
    assert (await tokens.validate(issuer.token(groups="dev"))).user.groups == ("dev",)
    assert (await tokens.validate(issuer.token())).user.groups == ()
    assert (await tokens.validate(issuer.token(groups=[]))).user.groups == ()


@pytest.mark.parametrize(
    ("prefix", "claim", "name"),
    [
        (None, "email", "a@b"),
        ("", "sub", "alice"),
        ("oidc:", "sub", "oidc:alice"),
        ("oidc:", "email", "oidc:a@b"),
    ],
)
async def test_the_prefix_of_the_user_follows_kube_apiserver(
    issuer: Issuer, claims: Claims, authority: trustme.CA, prefix: str | None, claim: str, name: str
) -> None:
    tokens = validator(issuer, replace(claims, username=claim, username_prefix=prefix), authority)
    assert (await tokens.validate(issuer.token(email="a@b"))).user.user == name


async def test_an_unverified_email_is_refused(issuer: Issuer, claims: Claims, authority: trustme.CA) -> None:
    tokens = validator(issuer, replace(claims, username="email"), authority)
    for verified in (None, True):
        valid = await tokens.validate(issuer.token(email="a@b", email_verified=verified))
        assert valid.user.user == "a@b"
    for unverified in (False, "true", 1):
        with pytest.raises(CallerUnauthenticated, match="not verified"):
            await tokens.validate(issuer.token(email="a@b", email_verified=unverified))


async def test_a_reserved_user_is_refused_unless_it_gets_a_prefix(
    issuer: Issuer, claims: Claims, authority: trustme.CA
) -> None:
    token = issuer.token(sub="system:admin", groups=["system:masters"])
    with pytest.raises(CallerUnauthenticated, match="reserved prefix"):
        await validator(issuer, replace(claims, username_prefix=""), authority).validate(token)
    prefixed = replace(claims, username_prefix="oidc:", groups_prefix="oidc:")
    valid = await validator(issuer, prefixed, authority).validate(token)
    assert valid.user == Impersonation("oidc:system:admin", groups=("oidc:system:masters",))


async def test_required_claims_are_compared(issuer: Issuer, claims: Claims, authority: trustme.CA) -> None:
    tokens = validator(issuer, replace(claims, required=(("hd", "example.com"),)), authority)
    await tokens.validate(issuer.token(hd="example.com"))
    for value in (None, "evil.example", ["example.com"]):
        with pytest.raises(CallerUnauthenticated, match="required value"):
            await tokens.validate(issuer.token(hd=value))


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_algorithms_are_allow_listed(issuer: Issuer, claims: Claims, authority: trustme.CA) -> None:
    tokens = validator(issuer, claims, authority)
    payload = json.dumps(issuer.claims()).encode()
    unsigned = f"{encoded({'alg': 'none', 'kid': 'key-0'})}.{encoded(issuer.claims())}.AA"
    confused = signed({"alg": "HS256", "kid": "key-0"}, payload, OctKey.generate_key(256))
    for token in (unsigned, confused, issuer.token({"alg": "RS512"}), issuer.token({"alg": "PS256"})):
        with pytest.raises(CallerUnauthenticated, match="algorithm is not allowed"):
            await tokens.validate(token)

    issuer.keys["ec"] = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
    both = validator(issuer, replace(claims, algorithms=("RS256", "ES256")), authority)
    await both.validate(issuer.token({"alg": "ES256"}))
    del issuer.keys["ec"]
    await both.validate(issuer.token())


async def test_a_key_cannot_be_used_with_an_algorithm_of_another_type(
    issuer: Issuer, claims: Claims, authority: trustme.CA
) -> None:
    other = ECKey.generate_key("P-256", {"kid": "key-0"}, private=True)
    tokens = validator(issuer, replace(claims, algorithms=("RS256", "ES256")), authority)
    token = signed({"alg": "ES256", "kid": "key-0"}, json.dumps(issuer.claims()).encode(), other)
    with pytest.raises(CallerUnauthenticated, match="none of the issuer's keys"):
        await tokens.validate(token)


async def test_a_signature_of_another_key_is_refused(issuer: Issuer, tokens: IDTokens) -> None:
    other = RSAKey.generate_key(2048, private=True)
    payload = json.dumps(issuer.claims()).encode()
    for header in ({"alg": "RS256", "kid": "key-0"}, {"alg": "RS256"}):
        with pytest.raises(CallerUnauthenticated, match="none of the issuer's keys"):
            await tokens.validate(signed(header, payload, other))
    head, _, signature = issuer.token().split(".")
    with pytest.raises(CallerUnauthenticated, match="none of the issuer's keys"):
        await tokens.validate(f"{head}.{encoded(issuer.claims(sub='admin'))}.{signature}")


async def test_a_token_without_a_key_id_is_tried_with_every_key(issuer: Issuer, tokens: IDTokens) -> None:
    issuer.keys["key-1"] = RSAKey.generate_key(2048, {"kid": "key-1"}, private=True)
    payload = json.dumps(issuer.claims()).encode()
    for key in issuer.keys.values():
        await tokens.validate(signed({"alg": "RS256"}, payload, key))


@pytest.mark.parametrize(
    "token",
    [
        f"{encoded({'alg': 'RS256', 'kid': 1})}.{encoded({})}.AA",
        "",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "..",
        f"{encoded([])}.{encoded({})}.AA",
        f"{encoded({})}.AA.AA",
    ],
)
async def test_a_malformed_token_is_refused(tokens: IDTokens, token: str) -> None:
    with pytest.raises(CallerUnauthenticated):
        await tokens.validate(token)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b'{"exp": NaN}', b"\xff", b"[" * 5000])
async def test_a_signed_payload_that_is_no_object_is_refused(
    issuer: Issuer, tokens: IDTokens, payload: bytes
) -> None:
    with pytest.raises(CallerUnauthenticated):
        await tokens.validate(signed({"alg": "RS256", "kid": "key-0"}, payload, issuer.keys["key-0"]))


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"b64": False, "crit": ["b64"]}])
async def test_critical_extensions_are_refused(
    issuer: Issuer, tokens: IDTokens, header: dict[str, Any]
) -> None:
    part = encoded({"alg": "RS256", "kid": "key-0", **header})
    with pytest.raises(CallerUnauthenticated):
        await tokens.validate(f"{part}.{encoded(issuer.claims())}.AA")


async def test_a_validation_is_cached_for_ten_seconds_and_no_longer_than_the_token(
    issuer: Issuer, claims: Claims, authority: trustme.CA
) -> None:
    now = time.time()
    clock = [now]
    ca = authority.cert_pem.bytes()
    keys = SigningKeys(lambda: fetch_signing_keys(issuer.url, ca))
    tokens = IDTokens(claims, keys, lambda: clock[0])
    token = issuer.token(exp=int(now) + 12)
    first = await tokens.validate(token)
    clock[0] = now + 9
    assert await tokens.validate(token) is first
    clock[0] = now + 10.5
    assert await tokens.validate(token) is not first
    clock[0] = now + 12.5
    with pytest.raises(CallerUnauthenticated, match="expired"):
        await tokens.validate(token)
