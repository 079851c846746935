import base64
from pathlib import Path

import pytest

from gateway.errors import CredentialsError
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation, PEMSource, UserConfig
from gateway.kube.config.credentials import (
    REREAD_INTERVAL_SECONDS,
    UserCredentials,
    impersonation_headers,
    read_credential,
)
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def authorization(user: UserConfig) -> bytes | None:
    return dict(read_credential(user).headers).get(b"Authorization")


def test_every_kind_of_credential_has_its_header(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert authorization(UserConfig()) is None
    assert authorization(UserConfig(password="without a user name")) is None
    assert authorization(UserConfig(token="t")) == b"Bearer t"
    assert authorization(UserConfig(token="old", token_file=tmp_path / "token")) == b"Bearer from-file"
    assert authorization(UserConfig(token="old", token_file=tmp_path / "absent")) == b"Bearer old"
    basic = authorization(UserConfig(username="me", password="pässword"))
    assert basic == b"Basic " + base64.b64encode("me:pässword".encode())


@pytest.mark.parametrize(
    "user",
    [
        UserConfig(token="two\nlines"),
        UserConfig(token_file=Path("/nowhere/token")),
        UserConfig(certificate=PEMSource(file=Path("/nowhere/crt")), key=PEMSource(data=b"")),
        UserConfig(token="t", impersonation=Impersonation("a\r\nX: y")),
    ],
)
def test_unusable_credential_is_a_credentials_error(user: UserConfig) -> None:
    with pytest.raises(CredentialsError) as caught:
        UserCredentials(user)
    assert "\n" not in caught.value.message


def test_no_repr_contains_a_secret() -> None:
    user = UserConfig(token="s3cret", password="s3cret", key=PEMSource(data=b"s3cret"))
    config = ClusterConfig(server="https://host", user=user, proxy_url="http://me:s3cret@proxy")
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(read_credential(UserConfig(token="s3cret")))


async def test_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock()
    file.write_text("one")
    credentials = UserCredentials(UserConfig(token_file=file), clock)
    file.write_text("two")
    clock.now = REREAD_INTERVAL_SECONDS - 1
    assert dict((await credentials.current()).headers)[b"Authorization"] == b"Bearer one"
    clock.now = REREAD_INTERVAL_SECONDS
    assert dict((await credentials.current()).headers)[b"Authorization"] == b"Bearer two"


async def test_missing_token_file_keeps_the_current_token(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock()
    file.write_text("one")
    credentials = UserCredentials(UserConfig(token_file=file), clock)
    file.unlink()
    clock.now = REREAD_INTERVAL_SECONDS
    assert dict((await credentials.current()).headers)[b"Authorization"] == b"Bearer one"


async def test_token_file_is_read_again_after_a_401(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")

    async def answer(request: Request) -> Reply:
        good = request.headers["authorization"] == "Bearer two"
        return json_reply({}) if good else status_reply(401, "Unauthorized")

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token_file=tmp_path / "token"))
        (tmp_path / "token").write_text("two")
        assert (await client.request("POST", "api", body=b"once")).status == 200
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer one", "Bearer two"]
    assert [request.body for request in server.requests] == [b"once", b"once"]


async def test_impersonation_is_sent_with_every_request(connect: Connect) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({})

    impersonation = Impersonation("jané", "uid-1", ("a", "b"), (("example.com/Scope s", ("x", "y")),))
    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="t", impersonation=impersonation))
        await client.get("api")
    sent = [request for request in server.requests[0].header_list if request[0].startswith("impersonate")]
    assert sent == [
        ("impersonate-user", "jané".encode().decode("latin-1")),
        ("impersonate-uid", "uid-1"),
        ("impersonate-group", "a"),
        ("impersonate-group", "b"),
        ("impersonate-extra-example.com%2fscope%20s", "x"),
        ("impersonate-extra-example.com%2fscope%20s", "y"),
    ]


def test_percent_in_an_extra_key_is_escaped_too() -> None:
    [_, (name, _)] = impersonation_headers(Impersonation("a", extra=(("50%", ("x",)),)))
    assert name == b"Impersonate-Extra-50%25"
