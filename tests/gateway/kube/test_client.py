import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.errors import (
    BadArgument,
    CredentialsError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerFailure,
    StatusError,
    TooManyRequests,
    Unauthenticated,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.kube.config.cluster_config import Impersonation, UserConfig
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply


async def test_get_gives_status_headers_and_body(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({"items": []}, X_Custom="yes")

    async with serve(answer) as server:
        client = connect(server.url)
        response = await client.get("api/v1/pods", {"labelSelector": "a=b,c in (d)", "limit": "1"})
    assert (response.status, response.body) == (200, b'{"items": []}')
    assert response.headers["x-custom"] == "yes"
    [request] = server.requests
    assert (request.method, request.path) == ("GET", "/api/v1/pods")
    assert request.params == {"labelSelector": "a=b,c in (d)", "limit": "1"}


async def test_request_carries_credentials_content_type_and_accept(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({}, 201)

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="t0ken"))
        response = await client.request(
            "PATCH", "api/v1/pods/a", body=b"{}", content_type="application/merge-patch+json", accept="x/y"
        )
    [request] = server.requests
    assert response.status == 201
    assert request.body == b"{}"
    assert request.headers["content-type"] == "application/merge-patch+json"
    assert request.headers["accept"] == "x/y"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("kube-graphql")


async def test_path_of_the_server_url_is_kept(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({})

    async with serve(answer) as server:
        client = connect(f"{server.url}/k8s/clusters/c-1")
        await client.get("api/v1/pods")
    assert server.requests[0].path == "/k8s/clusters/c-1/api/v1/pods"


@pytest.mark.parametrize("path", ["/api", "api/../apis", "api/v1/pods?x=y", "api#x", "..", "api\\v1"])
async def test_malformed_path_is_refused_before_sending(connect: Connect, path: str) -> None:
    with pytest.raises(BadArgument):
        await connect("http://127.0.0.1:1").get(path)


async def test_argument_with_a_lone_surrogate_is_refused(connect: Connect) -> None:
    with pytest.raises(BadArgument):
        await connect("http://127.0.0.1:1").get("api/v1/pods", {"labelSelector": "\ud800"})


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (401, "Unauthorized", Unauthenticated),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", ServerFailure),
    ],
)
async def test_failed_status_raises_the_error_of_its_reason(
    connect: Connect, code: int, reason: str, expected: type[StatusError]
) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply(
            {"kind": "Status", "code": code, "reason": reason, "message": "no", "details": {"name": "a"}},
            code,
        )

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(expected) as caught:
            await client.get("api/v1/pods")
    status = caught.value.status
    assert (status.code, status.reason, status.message, status.details) == (code, reason, "no", {"name": "a"})
    assert len(server.requests) == 1


async def test_failure_without_a_status_keeps_the_start_of_its_text(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(502, b"<html>\n bad gateway " + b"x" * 5000)

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(ServerFailure) as caught:
            await client.get("api/v1/pods")
    assert caught.value.status.code == 502
    assert caught.value.message.startswith("<html> bad gateway")
    assert len(caught.value.message) <= 200


async def test_redirect_raises_an_error_and_is_not_followed(connect: Connect) -> None:
    async def elsewhere(request: Request) -> Reply:
        return json_reply({})

    async with serve(elsewhere) as other:

        async def answer(request: Request) -> Reply:
            return Reply(307, headers={"location": f"{other.url}/steal"})

        async with serve(answer) as server:
            client = connect(server.url, user=UserConfig(token="secret"))
            with pytest.raises(UpstreamProtocolError, match="redirects"):
                await client.get("api/v1/pods")
    assert other.requests == []


async def test_html_response_is_a_protocol_error(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(200, b"<html>log in</html>", {"content-type": "text/html"})

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamProtocolError, match="web page"):
            await client.get("api")


async def test_cookies_are_not_sent_back(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({}, set_cookie="session=alice; Path=/")

    async with serve(answer) as server:
        client = connect(server.url)
        await client.as_bearer("alice").get("api")
        await client.as_bearer("bob").get("api")
        await client.get("api")
    assert ["cookie" in request.headers for request in server.requests] == [False] * 3


async def test_gzip_is_requested_only_with_compress_and_is_decoded(connect: Connect) -> None:
    body = b'{"items": [' + b"1," * 200_000 + b"1]}"

    async def answer(request: Request) -> Reply:
        if request.headers["accept-encoding"] == "gzip":
            return Reply(200, gzip.compress(body, mtime=0), {"content-encoding": "gzip"})
        return Reply(200, body)

    async with serve(answer) as server:
        near, far = connect(server.url), connect(server.url, compress=True)
        assert (await near.get("api")).body == body
        assert (await far.get("api")).body == body
    assert [request.headers["accept-encoding"] for request in server.requests] == ["identity", "gzip"]


async def test_gzip_stream_is_decoded_chunk_by_chunk(connect: Connect) -> None:
    more = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        zipper = zlib.compressobj(wbits=31)
        yield zipper.compress(b"one\n") + zipper.flush(zlib.Z_SYNC_FLUSH)
        await more.wait()
        yield zipper.compress(b"two\n") + zipper.flush()

    async def answer(request: Request) -> Reply:
        return Reply(headers={"content-encoding": "gzip"}, chunks=chunks())

    async with serve(answer) as server:
        client = connect(server.url, compress=True)
        async with client.stream("api/v1/pods", {"watch": "true"}) as stream:
            assert await anext(stream) == b"one\n"
            more.set()
            assert b"".join([chunk async for chunk in stream]) == b"two\n"


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", b"not gzip at all", "broken gzip"),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9], "broke off"),
        ("br", b"x", "not asked for"),
    ],
)
async def test_body_that_cannot_be_decoded_is_a_protocol_error(
    connect: Connect, encoding: str, body: bytes, message: str
) -> None:
    async def answer(request: Request) -> Reply:
        return Reply(200, body, {"content-encoding": encoding})

    async with serve(answer) as server:
        client = connect(server.url, compress=True)
        with pytest.raises(UpstreamProtocolError, match=message):
            await client.get("api")


async def test_stream_yields_chunks_before_the_body_ends(connect: Connect) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"type":'
        await asyncio.Event().wait()

    async def answer(request: Request) -> Reply:
        return Reply(chunks=chunks())

    async with serve(answer) as server:
        client = connect(server.url)
        async with client.stream("api/v1/pods", {"watch": "true"}) as stream:
            assert await anext(stream) == b'{"type":'
        async with asyncio.timeout(30):
            await server.connections[0].closed.wait()


async def test_cancelling_a_reader_closes_its_connection(connect: Connect) -> None:
    reading = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def answer(request: Request) -> Reply:
        return Reply(chunks=chunks())

    async with serve(answer) as server:
        client = connect(server.url)

        async def read() -> None:
            async with client.stream("api/v1/pods", {"watch": "true"}) as stream:
                async for _ in stream:
                    reading.set()

        task = asyncio.create_task(read())
        async with asyncio.timeout(30):
            await reading.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.connections[0].closed.wait()


async def test_silent_stream_times_out(connect: Connect) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def answer(request: Request) -> Reply:
        return Reply(chunks=chunks())

    async with serve(answer) as server:
        client = connect(server.url)
        async with client.stream("api/v1/pods", {}, read_timeout=0.2) as stream:
            assert await anext(stream) == b"x"
            with pytest.raises(UpstreamTimeout):
                await anext(stream)


async def test_missing_response_is_a_timeout(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        await asyncio.sleep(1.0)
        return Reply()

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamTimeout, match=f"127.0.0.1:{server.port}"):
            await client.get("api", timeout=0.1)


async def test_truncated_body_raises_an_error_without_a_retry(connect: Connect) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"

    async def answer(request: Request) -> Reply:
        return Reply(chunks=chunks(), broken=True)

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamProtocolError, match="broke off"):
            await client.get("api")
    assert len(server.requests) == 1


async def test_closed_client_refuses_to_send(connect: Connect) -> None:
    client = connect("http://127.0.0.1:1")
    bearer = client.as_bearer("alice")
    await client.aclose()
    for sender in (client, bearer):
        with pytest.raises(UpstreamUnavailable, match="closed"):
            await sender.get("api")


@pytest.mark.parametrize("token", ["", "a b", "a\r\nImpersonate-User: admin", "a\n", "ä", "a\x00"])
def test_token_with_header_syntax_is_refused(connect: Connect, token: str) -> None:
    with pytest.raises(CredentialsError):
        connect("http://127.0.0.1:1").as_bearer(token)


def test_identity_differs_by_cluster_user_and_token_and_reveals_none(connect: Connect) -> None:
    one = connect("http://127.0.0.1:1", user=UserConfig(token="secret"))
    other_user = connect("http://127.0.0.1:1", user=UserConfig(token="other"))
    other_server = connect("http://127.0.0.1:2", user=UserConfig(token="secret"))
    clients = [one, other_user, other_server, one.as_bearer("secret"), one.as_bearer("x")]
    assert len({client.identity for client in clients}) == len(clients)
    assert one.as_bearer("secret").identity == one.as_bearer("secret").identity
    assert not any("secret" in client.identity for client in clients)


async def test_token_is_logged_at_no_level(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def answer(request: Request) -> Reply:
        return status_reply(401, "Unauthorized") if request.path == "/no" else json_reply({})

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="s3cret"))
        for sender in (client, client.as_bearer("s3cret-of-alice")):
            await sender.get("api")
            with pytest.raises(Unauthenticated) as caught:
                await sender.get("no")
            assert "s3cret" not in f"{caught.value!r} {vars(sender)!r}"
    assert caplog.records
    assert "s3cret" not in caplog.text


async def test_error_of_the_consumer_inside_a_stream_is_not_converted(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return status_reply(404, "NotFound") if request.path == "/gone" else Reply(body=b"x")

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamUnavailable, match="mine"):
            async with client.stream("api", {}):
                raise UpstreamUnavailable("mine")
        with pytest.raises(OSError, match="disk full"):
            async with client.stream("api", {}):
                raise OSError("disk full")


async def test_an_impersonated_user_is_named_beside_the_gateways_credentials(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({})

    user = Impersonation("jane", "7", ("dev", "ops"), (("acme.com/a", ("x", "y")),))
    async with serve(answer) as server:
        own = connect(server.url, user=UserConfig(token="gateways"))
        await own.as_user(user).get("api")
        await own.get("api")
    first, second = server.requests
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer gateways"
    assert [item for item in first.header_list if item[0].startswith("impersonate-")] == [
        ("impersonate-user", "jane"),
        ("impersonate-uid", "7"),
        ("impersonate-group", "dev"),
        ("impersonate-group", "ops"),
        ("impersonate-extra-acme.com%2fa", "x"),
        ("impersonate-extra-acme.com%2fa", "y"),
    ]
    assert "impersonate-user" not in second.headers


async def test_the_impersonated_user_is_named_again_after_a_401(connect: Connect, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    async def answer(request: Request) -> Reply:
        if request.headers["authorization"] == "Bearer old":
            token.write_text("new")
            return status_reply(401, "Unauthorized")
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token_file=token)).as_user(Impersonation("jane"))
        await client.get("api")
    sent = [(item.headers["authorization"], item.headers["impersonate-user"]) for item in server.requests]
    assert sent == [("Bearer old", "jane"), ("Bearer new", "jane")]


@pytest.mark.parametrize(
    "user",
    [
        Impersonation(""),
        Impersonation(" "),
        Impersonation("a\r\nImpersonate-Group: system:masters"),
        Impersonation("a", groups=("b\n",)),
        Impersonation("a", extra=(("k", ("v\x00",)),)),
    ],
)
def test_a_user_that_cannot_be_named_is_refused(connect: Connect, user: Impersonation) -> None:
    with pytest.raises(CredentialsError, match="cannot impersonate"):
        connect("http://127.0.0.1:1").as_user(user)


def test_a_caller_cannot_impersonate(connect: Connect) -> None:
    own = connect("http://127.0.0.1:1")
    impersonating = connect(
        "http://127.0.0.1:1", user=UserConfig(token="a", impersonation=Impersonation("admin"))
    )
    for client in (own.as_bearer("a"), own.as_user(Impersonation("a")), impersonating):
        with pytest.raises(CredentialsError):
            client.as_user(Impersonation("b"))


def test_each_impersonated_user_has_an_identity_of_its_own(connect: Connect) -> None:
    own = connect("http://127.0.0.1:1")
    users = [
        Impersonation("a"),
        Impersonation("a", "1"),
        Impersonation("a", groups=("b", "c")),
        Impersonation("a", groups=("b,c",)),
        Impersonation("a", extra=(("b", ("c",)),)),
    ]
    identities = [own.identity, own.as_bearer("a").identity, *(own.as_user(user).identity for user in users)]
    assert len(set(identities)) == len(identities)
    assert own.as_user(users[2]).identity == own.as_user(Impersonation("a", groups=("b", "c"))).identity
