"""The identities ``local`` and ``passthrough``."""

import pytest

from gateway.errors import CallerRefused, CallerUnauthenticated
from gateway.identity import Local, Passthrough
from gateway.identity.origin import Origins
from gateway.kube.client import KubeClient
from tests.gateway.identity.conftest import head_with

HOST = ("Host", "127.0.0.1:8000")


async def test_a_local_request_acts_as_the_gateway(client: KubeClient) -> None:
    caller = await Local(client).authenticate(head_with(HOST))
    assert (caller.client, caller.expires_at) == (client, None)


@pytest.mark.parametrize(
    "headers",
    [
        (("Host", "evil.example"),),
        (HOST, ("Origin", "http://evil.example")),
        (HOST, ("Impersonate-User", "a")),
    ],
    ids=["DNS rebinding", "another origin", "an asserted identity"],
)
async def test_a_local_request_of_another_page_is_refused(
    client: KubeClient, headers: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(CallerRefused):
        await Local(client).authenticate(head_with(*headers))


async def test_each_token_is_a_caller_of_its_own(client: KubeClient) -> None:
    mode = Passthrough(client)
    first, again, other = [
        await mode.authenticate(head_with(("Authorization", f"Bearer {token}"))) for token in ("a", "a", "b")
    ]
    identities = {caller.client.identity for caller in (first, again, other)}
    assert len(identities) == 2
    assert client.identity not in identities
    assert first.client.identity == again.client.identity


@pytest.mark.parametrize("headers", [(), (("Authorization", "Basic x"),), (("Authorization", "Bearer a b"),)])
async def test_without_a_usable_token_there_is_no_caller(
    client: KubeClient, headers: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(CallerUnauthenticated):
        await Passthrough(client).authenticate(head_with(*headers))


async def test_a_payload_s_token_precedes_the_handshake_s(client: KubeClient) -> None:
    mode, head = Passthrough(client), head_with(HOST, ("Authorization", "Bearer a"))
    of_payload = await mode.authenticate_connection(head, {"Authorization": "Bearer b"})
    of_handshake = await mode.authenticate_connection(head, None)
    assert of_payload.client.identity == client.as_bearer("b").identity
    assert of_handshake.client.identity == client.as_bearer("a").identity


async def test_a_websocket_of_another_origin_is_refused_unless_it_is_listed(client: KubeClient) -> None:
    head = head_with(HOST, ("Origin", "https://app.example"), ("Authorization", "Bearer a"))
    with pytest.raises(CallerRefused):
        await Passthrough(client).authenticate_connection(head, None)
    listed = Passthrough(client, origins=Origins(("https://app.example",)))
    assert (await listed.authenticate_connection(head, None)).client.identity == client.as_bearer(
        "a"
    ).identity
