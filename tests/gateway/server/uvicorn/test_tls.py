"""HTTPS: protocol versions, certificates that are replaced, and client certificates as identity."""

import asyncio
import json
import os
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.errors import ConfigurationError
from gateway.identity import Impersonate, Local, PeerCertificate
from gateway.identity.certificates import Authorities
from gateway.identity.front_proxy import FrontProxy
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation
from gateway.server import ServerTLS, Siblings
from tests.gateway.server.conftest import Served, running

_NOWHERE = ClusterConfig(server="http://127.0.0.1:1")
WHOAMI = b'{"query": "{ caller }"}'


@dataclass(frozen=True)
class Files:
    """The gateway's certificate and key, and the authorities of the front proxy and of users."""

    directory: Path
    server: trustme.CA
    proxy: trustme.CA
    users: trustme.CA

    @property
    def certificate(self) -> str:
        return str(self.directory / "tls.crt")

    @property
    def key(self) -> str:
        return str(self.directory / "tls.key")

    def issue(self) -> None:
        """Replace the gateway's certificate and key."""
        issued = self.server.issue_cert("127.0.0.1")
        chain = b"".join(item.bytes() for item in issued.cert_chain_pems)
        Path(self.certificate).write_bytes(chain)
        Path(self.key).write_bytes(issued.private_key_pem.bytes())

    def issue_without_key(self) -> Callable[[], None]:
        """Replace the certificate alone; the returned function replaces the key."""
        key = Path(self.key).read_bytes()
        self.issue()
        new_key = Path(self.key).read_bytes()
        Path(self.key).write_bytes(key)

        def complete() -> None:
            Path(self.key).write_bytes(new_key)
            os.utime(self.key, (1, 1))

        return complete

    def remove(self) -> None:
        Path(self.certificate).unlink()

    def identity(self, client: KubeClient) -> Impersonate:
        proxy = FrontProxy(self._authorities("proxy", self.proxy), ("front-proxy",))
        return Impersonate(client, proxy, self._authorities("users", self.users))

    def _authorities(self, name: str, authority: trustme.CA) -> Authorities:
        path = self.directory / f"{name}.pem"
        path.write_bytes(authority.cert_pem.bytes())
        return Authorities(str(path))

    def client_context(
        self, authority: trustme.CA | None = None, name: str = "", version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """A client's context, with a certificate for ``name``."""
        context = ssl.create_default_context(cadata=self.server.cert_pem.bytes().decode())
        if authority is not None:
            authority.issue_cert(common_name=name, organization_name="dev").configure_cert(context)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path, trustme.CA(), trustme.CA(), trustme.CA())
    files.issue()
    return files


@asynccontextmanager
async def impersonating(files: Files, siblings: Siblings | None = None) -> AsyncIterator[Served]:
    async with KubeClient.connect(_NOWHERE) as client:
        tls = ServerTLS(files.certificate, files.key, files.identity(client).client_authorities)
    async with running(files.identity, siblings, tls=tls) as served:
        yield served


async def post(
    served: Served, context: ssl.SSLContext, *headers: str, path: str = "/graphql"
) -> tuple[int, Any]:
    """POST an operation on a new connection; returns status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    head = "\r\n".join([*lines, f"Content-Length: {len(WHOAMI)}", "Connection: close", "", ""])
    writer.write(head.encode() + WHOAMI)
    answer = await reader.read()
    writer.close()
    status, _, body = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.loads(body)


@contextmanager
def _siblings() -> Iterator[tuple[Siblings, Siblings]]:
    with tempfile.TemporaryDirectory() as directory:
        yield Siblings(0, 2, directory), Siblings(1, 2, directory)


async def test_tls_1_2_and_later_are_served(files: Files) -> None:
    async with running(Local, tls=ServerTLS(files.certificate, files.key)) as served:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            status, _ = await post(served, files.client_context(version=version))
            assert status == 200
        old = files.client_context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await post(served, old)


async def test_a_replaced_certificate_is_used_for_new_connections(files: Files) -> None:
    tls = ServerTLS(files.certificate, files.key)
    async with running(Local, tls=tls) as served:

        async def serial() -> str:
            _, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=files.client_context())
            found = str(writer.get_extra_info("peercert")["serialNumber"])
            writer.close()
            return found

        before = await serial()
        complete = files.issue_without_key()
        tls.refresh()
        assert await serial() == before, "a certificate whose key has not arrived yet"
        complete()
        tls.refresh()
        after = await serial()
        assert after != before
        files.remove()
        tls.refresh()
        assert await serial() == after


def test_unusable_files_are_reported(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing.*No such file"):
        ServerTLS(str(tmp_path / "missing"), files.key)
    other = trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes()
    Path(files.key).write_bytes(other)
    with pytest.raises(ConfigurationError, match="cannot be used for TLS"):
        ServerTLS(files.certificate, files.key)


def expected(served: Served, user: str, *groups: str) -> dict[str, Any]:
    identity = served.client.as_user(Impersonation(user, groups=groups)).identity
    return {"data": {"caller": identity}}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_names_its_user_or_proves_the_proxy(
    files: Files, version: ssl.TLSVersion
) -> None:
    async with impersonating(files) as served:
        jane = files.client_context(files.users, "jane", version)
        assert await post(served, jane) == (200, expected(served, "jane", "dev"))
        # the second connection resumes the session
        assert await post(served, jane) == (200, expected(served, "jane", "dev"))

        proxy = files.client_context(files.proxy, "front-proxy", version)
        named = ("X-Remote-User: bob", "X-Remote-Group: ops")
        assert await post(served, proxy, *named) == (200, expected(served, "bob", "ops"))
        assert (await post(served, proxy))[0] == 401

        for other in (
            jane,
            files.client_context(version=version),
            files.client_context(files.users, "front-proxy", version),
            files.client_context(files.proxy, "another", version),
        ):
            assert (await post(served, other, *named))[0] == 403
        assert (await post(served, files.client_context(version=version)))[0] == 401


async def test_a_resumed_session_keeps_its_certificate(files: Files) -> None:
    async with impersonating(files) as served:
        context = files.client_context(files.users, "jane", ssl.TLSVersion.TLSv1_2)

        def ask(session: ssl.SSLSession | None) -> tuple[bytes, bool, ssl.SSLSession | None]:
            with (
                socket.create_connection(("127.0.0.1", served.port)) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure,
            ):
                head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                secure.sendall(head + b"Content-Length: %d\r\n\r\n%s" % (len(WHOAMI), WHOAMI))
                answer = b""
                while not answer.endswith(b"}}"):
                    answer += secure.recv(65536)
                return answer, bool(secure.session_reused), secure.session

        first, reused, session = await asyncio.to_thread(ask, None)
        assert not reused
        second, reused, _ = await asyncio.to_thread(ask, session)
        caller = served.client.as_user(Impersonation("jane", groups=("dev",))).identity.encode()
        assert reused
        assert caller in first
        assert caller in second


async def test_a_certificate_of_an_unknown_authority_fails_the_handshake(files: Files) -> None:
    async with impersonating(files) as served:
        with pytest.raises((ssl.SSLError, ConnectionError, ValueError, IndexError)):
            await post(served, files.client_context(trustme.CA(), "jane"))


async def test_a_websocket_has_the_certificate_of_its_connection(files: Files) -> None:
    async with impersonating(files) as served:
        for context, headers, user in (
            (files.client_context(files.users, "jane"), {}, ("jane", "dev")),
            (files.client_context(files.proxy, "front-proxy"), {"X-Remote-User": "bob"}, ("bob",)),
        ):
            async with connect(
                f"wss://127.0.0.1:{served.port}/graphql",
                ssl=context,
                subprotocols=[Subprotocol("graphql-transport-ws")],
                additional_headers=headers,
            ) as socket:
                await socket.send('{"type": "connection_init"}')
                assert json.loads(await socket.recv()) == {"type": "connection_ack"}
                operation = {"id": "1", "type": "subscribe", "payload": {"query": "{ caller }"}}
                await socket.send(json.dumps(operation))
                assert json.loads(await socket.recv())["payload"] == expected(served, *user)
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"wss://127.0.0.1:{served.port}/graphql",
                ssl=files.client_context(files.users, "jane"),
                additional_headers={"X-Remote-User": "admin"},
            )
        assert refused.value.response.status_code == 403


async def test_an_authority_that_leaves_its_file_is_no_proof_any_more(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with KubeClient.connect(_NOWHERE) as client:
        identity = files.identity(client)
        tls = ServerTLS(files.certificate, files.key, identity.client_authorities)
        async with running(lambda _: identity, tls=tls) as served:
            proxy = files.client_context(files.proxy, "front-proxy")
            assert (await post(served, proxy, "X-Remote-User: bob"))[0] == 200
            second = trustme.CA()
            (files.directory / "proxy.pem").write_bytes(second.cert_pem.bytes())
            monkeypatch.setattr("gateway.identity.watched_file._CHECK_INTERVAL_SECONDS", 0.0)
            tls.refresh()
            assert (await post(served, proxy, "X-Remote-User: bob"))[0] == 403
            new = files.client_context(second, "front-proxy")
            assert (await post(served, new, "X-Remote-User: bob"))[0] == 200


async def test_a_relayed_request_has_the_certificate_of_its_client(files: Files) -> None:
    with _siblings() as (one, other):
        async with impersonating(files, one) as first, impersonating(files, other) as second:
            jane = files.client_context(files.users, "jane")

            async def reserve(served: Served, context: ssl.SSLContext) -> str:
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
                writer.write(b"PUT /graphql HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = (await reader.read()).decode()
                writer.close()
                assert answer.startswith("HTTP/1.1 201 ")
                return answer.rpartition("\r\n\r\n")[2]

            token = await reserve(first, jane)
            stop = f"/graphql?token={token}&operationId=1"

            async def delete(served: Served, context: ssl.SSLContext, *headers: str) -> int:
                reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
                lines = [f"DELETE {stop} HTTP/1.1", "Host: a", "Connection: close", *headers, "", ""]
                writer.write("\r\n".join(lines).encode())
                answer = await reader.read()
                writer.close()
                return int(answer.split()[1])

            assert await delete(second, jane) == 200
            bob = files.client_context(files.users, "bob")
            assert await delete(second, bob) == 404
            header = f"x-kube-graphql-certificate: {_forged_certificate(files)}"
            assert await delete(second, bob, header) == 404
            assert await delete(second, files.client_context(), header) == 401


def _forged_certificate(files: Files) -> str:
    anchor = ssl.PEM_cert_to_DER_cert(files.users.cert_pem.bytes().decode())
    return PeerCertificate("jane", ("dev",), 2e10, anchor).to_header().decode()
