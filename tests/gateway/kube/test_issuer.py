"""An issuer's documents: discovery, then its keys."""

import pytest

from gateway.errors import IssuerUnavailable
from gateway.kube.issuer import fetch_signing_keys
from tests.fixtures.issuer import running_issuer
from tests.gateway.kube.conftest import Certificates
from tests.gateway.kube.loopback import Reply, json_reply

DISCOVERY = "/.well-known/openid-configuration"


async def test_the_keys_are_found_by_discovery(certificates: Certificates) -> None:
    async with running_issuer(certificates.authority) as issuer:
        (key,) = await fetch_signing_keys(issuer.url, certificates.ca)
        assert (key["kid"], issuer.fetched) == ("key-0", [DISCOVERY, "/keys"])


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (DISCOVERY, json_reply({"issuer": "https://other.example", "jwks_uri": "https://127.0.0.1/"})),
        (DISCOVERY, json_reply({"jwks_uri": "https://127.0.0.1/"})),
        (DISCOVERY, json_reply([])),
        (DISCOVERY, Reply(500)),
        (DISCOVERY, Reply(302, headers={"location": "https://127.0.0.1/"})),
        ("/keys", json_reply({"keys": ["a"]})),
        ("/keys", json_reply({})),
        ("/keys", Reply(200, b"\xff")),
        ("/keys", Reply(200, b" " * (1 << 20) + b"{}")),
    ],
)
async def test_an_unusable_document_is_an_issuer_that_is_unavailable(
    certificates: Certificates, path: str, reply: Reply
) -> None:
    async with running_issuer(certificates.authority) as issuer:
        issuer.broken[path] = reply
        with pytest.raises(IssuerUnavailable):
            await fetch_signing_keys(issuer.url, certificates.ca)


async def test_keys_come_over_https_only(certificates: Certificates) -> None:
    async with running_issuer(certificates.authority) as issuer:
        issuer.broken[DISCOVERY] = json_reply({"issuer": issuer.url, "jwks_uri": "http://127.0.0.1/keys"})
        with pytest.raises(IssuerUnavailable, match="no https address"):
            await fetch_signing_keys(issuer.url, certificates.ca)


async def test_an_issuer_with_another_certificate_is_unavailable(certificates: Certificates) -> None:
    async with running_issuer(certificates.authority) as issuer:
        with pytest.raises(IssuerUnavailable, match="cannot be reached"):
            await fetch_signing_keys(issuer.url, None)
