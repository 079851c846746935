"""Headers that assert an identity are refused from ordinary clients, in every spelling."""

from typing import Any

import pytest

from gateway.errors import CallerRefused, CallerUnauthenticated
from gateway.identity import ProxyHeaders, RequestHead, without_unknown
from gateway.identity.reserved_headers import (
    refuse_asserted_identity,
    refuse_identity_in_params,
    refuse_impersonation,
)

SSO = ProxyHeaders(user=("x-sso-user",), uid=(), group=("x-sso-group",), extra_prefixes=("x-sso-extra-",))
IMPERSONATION = ("impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-scopes")
REMOTE = ("x-remote-user", "x-remote-uid", "x-remote-group", "x-remote-extra-", "x-remote-extra-a")


def head(*names: str) -> RequestHead:
    return RequestHead([(name.encode(), b"admin") for name in ("host", *names)])


@pytest.mark.parametrize("name", [*IMPERSONATION, *REMOTE])
def test_a_header_that_asserts_an_identity_is_refused(name: str) -> None:
    for expected in (ProxyHeaders(), SSO):
        with pytest.raises(CallerRefused, match=name):
            refuse_asserted_identity(head(name), expected)


@pytest.mark.parametrize("name", ["x-sso-user", "x-sso-group", "x-sso-extra-scopes"])
def test_a_configured_name_is_refused_like_the_default_one(name: str) -> None:
    refuse_asserted_identity(head(name))
    with pytest.raises(CallerRefused, match=name):
        refuse_asserted_identity(head(name), SSO)


@pytest.mark.parametrize("name", IMPERSONATION)
def test_impersonation_is_refused_even_from_the_front_proxy(name: str) -> None:
    refuse_impersonation(head(*REMOTE))
    with pytest.raises(CallerRefused, match=name):
        refuse_impersonation(head(name))


def test_other_remote_headers_are_removed() -> None:
    refuse_asserted_identity(head("x-remote-addr"))
    kept = without_unknown(head("x-remote-addr", "x-remote-user").fields, ProxyHeaders())
    assert [name for name, _ in kept] == [b"host", b"x-remote-user"]
    assert [name for name, _ in without_unknown(head("x-remote-user").fields, SSO)] == [b"host"]


@pytest.mark.parametrize(
    "params",
    [
        {"X-Remote-User": "admin"},
        {"impersonate-user": "admin"},
        {"headers": {"Impersonate-Group": "system:masters"}},
        {"Headers": {"x-remote-extra-scopes": ["all"]}},
        {"Authorization": "Bearer a", "X-REMOTE-GROUP": None},
    ],
)
def test_an_identity_in_connection_init_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(CallerUnauthenticated, match="connection_init may not contain"):
        refuse_identity_in_params(params)


@pytest.mark.parametrize("params", [None, {}, {"Authorization": "Bearer a"}, {"headers": "x-remote-user"}])
def test_other_payloads_are_accepted(params: dict[str, Any] | None) -> None:
    refuse_identity_in_params(params)
