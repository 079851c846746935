"""Bearer tokens: their places in a request, and their syntax."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CallerUnauthenticated
from gateway.identity.bearer import bearer_token, bearer_token_from_params, unverified_expiry

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)


@given(tokens, st.sampled_from(["Bearer", "bearer", "BEARER"]))
def test_a_token_is_read_back_from_the_header(token: str, scheme: str) -> None:
    assert bearer_token({"authorization": f"{scheme} {token}"}) == token


@given(tokens, st.sampled_from(["Authorization", "authorization", "AUTHORIZATION"]), st.booleans())
def test_a_token_is_read_back_from_connection_init(token: str, key: str, nested: bool) -> None:
    params: dict[str, Any] = {key: f"Bearer {token}"}
    assert bearer_token_from_params({"headers": params} if nested else params) == token


def test_no_header_and_no_payload_are_no_token() -> None:
    assert bearer_token({}) is None
    assert bearer_token_from_params(None) is None
    assert bearer_token_from_params({}) is None
    assert bearer_token_from_params({"headers": {}}) is None
    assert bearer_token_from_params({"headers": None, "x": 1}) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "token",
        "Bearer a b",
        "Bearer a, Bearer b",
        "Bearer a\nb",
        "Bearer ü",
    ],
)
def test_a_value_that_is_no_bearer_token_is_refused_and_not_ignored(value: str) -> None:
    with pytest.raises(CallerUnauthenticated):
        bearer_token({"authorization": value})
    with pytest.raises(CallerUnauthenticated):
        bearer_token_from_params({"Authorization": value})


@pytest.mark.parametrize("value", [1, ["Bearer a"], {"Bearer": "a"}, True])
def test_a_connection_init_token_must_be_a_string(value: Any) -> None:
    with pytest.raises(CallerUnauthenticated):
        bearer_token_from_params({"Authorization": value})


def test_two_tokens_in_connection_init_are_refused() -> None:
    with pytest.raises(CallerUnauthenticated):
        bearer_token_from_params({"Authorization": "Bearer a", "authorization": "Bearer b"})


@given(tokens.filter(lambda token: len(token) > 6))
def test_no_message_repeats_a_token(token: str) -> None:
    with pytest.raises(CallerUnauthenticated) as refused:
        bearer_token({"authorization": f"Bearer {token} {token}"})
    assert token not in str(refused.value)


def test_a_token_over_the_length_limit_is_refused() -> None:
    with pytest.raises(CallerUnauthenticated):
        bearer_token({"authorization": "Bearer " + "a" * 40_000})


def jwt(payload: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.AA"


@pytest.mark.parametrize(
    ("token", "expiry"),
    [
        (jwt(b'{"exp": 1700000000, "sub": "a"}'), 1.7e9),
        (jwt(b'{"exp": 1.5}'), 1.5),
        (jwt(b"{}"), None),
        (jwt(b'{"exp": null}'), None),
        (jwt(b'{"exp": "1700000000"}'), None),
        (jwt(b'{"exp": 1e300}'), None),
        (jwt(b"[]"), None),
        (jwt(b"\xff"), None),
        (jwt(b"[" * 5000), None),
        ("alice-token", None),
        ("a.b.c", None),
        ("a.!.c", None),
        ("..", None),
    ],
)
def test_the_expiry_of_a_jwt_is_read_without_verification(token: str, expiry: float | None) -> None:
    assert unverified_expiry(token) == expiry
