import asyncio
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import CredentialsError, Unauthenticated
from gateway.kube.config.cluster_config import (
    ClusterConfig,
    ExecConfig,
    Impersonation,
    TLSSettings,
    UserConfig,
)
from gateway.kube.config.exec_plugin import ExecCredentials, run_plugin
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply, until

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
CLUSTER = ClusterConfig(server="https://host:6443")


class Plugin:
    """An executable that prints the text set by ``answer`` and counts its runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.command = directory / "plugin"
        self.script("print(open(here + '/answer').read().replace('{run}', str(run)))")

    def script(self, code: str) -> None:
        lines = [
            f"#!{sys.executable} -IS",
            "import os, sys, time",
            f"here = {str(self.directory)!r}",
            "open(here + '/runs', 'a').write('x')",
            "run = os.path.getsize(here + '/runs')",
            "open(here + '/info', 'w').write(os.environ['KUBERNETES_EXEC_INFO'])",
            "open(here + '/env', 'w').write(repr((sys.argv[1:], os.environ.get('FROM_CONFIG'))))",
            code,
        ]
        self.command.write_text("\n".join(lines))
        self.command.chmod(0o755)

    def answer(self, version: str = V1, **status: str) -> None:
        answer = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        (self.directory / "answer").write_text(json.dumps(answer))

    @property
    def runs(self) -> int:
        file = self.directory / "runs"
        return file.stat().st_size if file.exists() else 0

    @property
    def info(self) -> Mapping[str, Any]:
        parsed: Mapping[str, Any] = json.loads((self.directory / "info").read_text())
        return parsed

    def config(self, version: str = V1, **fields: Any) -> ExecConfig:
        return ExecConfig(**{"command": str(self.command), "api_version": version, **fields})


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


def token(headers: tuple[tuple[bytes, bytes], ...]) -> str:
    return dict(headers)[b"Authorization"].decode()


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_token_of_the_plugin_is_cached_until_it_expires(plugin: Plugin, version: str) -> None:
    now = 0.0
    plugin.answer(version, token="t-{run}", expirationTimestamp="1970-01-01T00:01:00Z")
    credentials = ExecCredentials(CLUSTER, plugin.config(version), lambda: now)
    for at, expected in ((0, "Bearer t-1"), (60, "Bearer t-1"), (61, "Bearer t-2")):
        now = at
        assert token((await credentials.current()).headers) == expected


async def test_token_without_expiry_is_cached(plugin: Plugin) -> None:
    plugin.answer(token="t-{run}")
    credentials = ExecCredentials(CLUSTER, plugin.config(), lambda: 1e12)
    assert await credentials.current() == await credentials.current()
    assert plugin.runs == 1


async def test_concurrent_requests_run_the_plugin_once(plugin: Plugin) -> None:
    plugin.answer(token="t-{run}")
    credentials = ExecCredentials(CLUSTER, plugin.config())
    got = await asyncio.gather(*(credentials.current() for _ in range(20)))
    assert {token(credential.headers) for credential in got} == {"Bearer t-1"}
    rejected = got[0]
    again = await asyncio.gather(*(credentials.refresh(rejected) for _ in range(20)))
    assert {token(credential.headers) for credential in again if credential} == {"Bearer t-2"}
    assert plugin.runs == 2


async def test_waiters_share_a_failed_run_and_the_next_request_runs_again(plugin: Plugin) -> None:
    plugin.script("sys.exit(3 if run == 1 else print(open(here + '/answer').read()))")
    plugin.answer(token="t")
    credentials = ExecCredentials(CLUSTER, plugin.config())
    got = await asyncio.gather(*(credentials.current() for _ in range(5)), return_exceptions=True)
    assert [type(credential) for credential in got] == [CredentialsError] * 5
    assert plugin.runs == 1
    assert token((await credentials.current()).headers) == "Bearer t"


async def test_cancelled_request_kills_its_run_and_leaves_other_requests_alone(plugin: Plugin) -> None:
    plugin.script("time.sleep(600 if run == 1 else 0); print(open(here + '/answer').read())")
    plugin.answer(token="t")
    credentials = ExecCredentials(CLUSTER, plugin.config())
    first = asyncio.create_task(credentials.current())
    async with asyncio.timeout(60):
        await until(lambda: plugin.runs > 0)
        second = asyncio.create_task(credentials.current())
        await asyncio.sleep(0)
        first.cancel()
        assert token((await second).headers) == "Bearer t"
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_plugin_gets_its_arguments_environment_and_cluster_info(plugin: Plugin) -> None:
    plugin.answer(token="t")
    cluster = ClusterConfig(
        server="https://host:6443",
        tls=TLSSettings(ca=b"PEM", server_name="name"),
        proxy_url="http://proxy:1",
    )
    config = plugin.config(
        args=("get", "token"),
        env=(("FROM_CONFIG", "yes"),),
        provide_cluster_info=True,
        cluster_config={"audience": "a"},
    )
    await run_plugin(config, cluster, interactive=False)
    assert (plugin.directory / "env").read_text() == repr((["get", "token"], "yes"))
    assert plugin.info == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://host:6443",
                "tls-server-name": "name",
                "certificate-authority-data": "UEVN",
                "proxy-url": "http://proxy:1",
                "config": {"audience": "a"},
            },
        },
    }


async def test_plugin_gets_no_cluster_info_by_default(plugin: Plugin) -> None:
    plugin.answer(token="t")
    await run_plugin(plugin.config(), CLUSTER, interactive=False)
    assert plugin.info["spec"] == {"interactive": False}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("not JSON s3cret", "did not print an ExecCredential"),
        ('{"apiVersion": "v1", "kind": "Pod"}', "did not print an ExecCredential"),
        (json.dumps({"apiVersion": V1BETA1, "kind": "ExecCredential", "status": {"token": "s3cret"}}), V1),
        (json.dumps({"apiVersion": V1, "kind": "ExecCredential"}), "neither a token nor"),
        (
            json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"clientKeyData": "s3cret"}}),
            "not both",
        ),
        (
            json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "s3cret\nX: y"}}),
            "characters that no token has",
        ),
    ],
)
async def test_malformed_output_is_a_credentials_error_that_does_not_quote_it(
    plugin: Plugin, output: str, message: str
) -> None:
    (plugin.directory / "answer").write_text(output)
    with pytest.raises(CredentialsError, match=message) as caught:
        await ExecCredentials(CLUSTER, plugin.config()).current()
    assert "s3cret" not in caught.value.message


async def test_missing_plugin_is_named_with_its_install_hint() -> None:
    config = ExecConfig(command="no-such-plugin", api_version=V1, install_hint="Get it\nfrom example.com")
    with pytest.raises(CredentialsError, match=r"no-such-plugin is not installed: Get it from example\.com"):
        await ExecCredentials(CLUSTER, config).current()


async def test_plugin_without_execute_permission_is_named(plugin: Plugin) -> None:
    plugin.command.chmod(0o644)
    with pytest.raises(CredentialsError, match="plugin cannot be run: "):
        await ExecCredentials(CLUSTER, plugin.config()).current()


async def test_failed_plugin_is_reported_with_its_standard_error(plugin: Plugin) -> None:
    plugin.script("sys.exit('please log in\\nagain')")
    with pytest.raises(CredentialsError, match=r"exit code 1: please log in again"):
        await ExecCredentials(CLUSTER, plugin.config()).current()


async def test_hanging_plugin_is_killed_with_its_children(plugin: Plugin) -> None:
    plugin.script(
        "open(here + '/pids', 'w').write(f'{os.getpid()} ')\n"
        "child = os.fork()\n"
        "if child: open(here + '/pids', 'a').write(f'{child}')\n"
        "time.sleep(600)"
    )
    with pytest.raises(CredentialsError, match="did not finish in"):
        await run_plugin(plugin.config(), CLUSTER, interactive=False, limit=3)
    pids = [int(pid) for pid in (plugin.directory / "pids").read_text().split()]
    assert len(pids) == 2
    async with asyncio.timeout(30):
        await until(lambda: not any(runs(pid) for pid in pids))


def runs(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except OSError:
        return False


async def test_plugin_that_requires_a_terminal_is_a_credentials_error_without_one(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(CredentialsError, match="needs a terminal"):
        await ExecCredentials(CLUSTER, plugin.config(interactive_mode="Always")).current()
    assert plugin.runs == 0


async def test_rejected_token_is_replaced_once(connect: Connect, plugin: Plugin) -> None:
    plugin.answer(token="t-{run}")

    async def answer(request: Request) -> Reply:
        good = request.headers["authorization"] == "Bearer t-2"
        return json_reply({}) if good else status_reply(401, "Unauthorized")

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(exec=plugin.config()))
        assert (await client.get("api")).status == 200
        assert plugin.runs == 2

        (plugin.directory / "answer").write_text("")
        plugin.answer(token="never")
        stubborn = connect(server.url, user=UserConfig(exec=plugin.config()))
        with pytest.raises(Unauthenticated):
            await stubborn.get("api")
    assert plugin.runs == 4


async def test_plugin_and_impersonation_are_combined(connect: Connect, plugin: Plugin) -> None:
    plugin.answer(token="t")

    async def answer(request: Request) -> Reply:
        return json_reply({})

    async with serve(answer) as server:
        user = UserConfig(exec=plugin.config(), impersonation=Impersonation("jane"))
        client = connect(server.url, user=user)
        await client.get("api")
        await client.as_bearer("alice").get("api")
    sent = [
        (request.headers["authorization"], request.headers.get("impersonate-user"))
        for request in server.requests
    ]
    assert sent == [("Bearer t", "jane"), ("Bearer alice", None)]


async def test_plugin_is_not_run_for_a_user_with_another_credential(connect: Connect, plugin: Plugin) -> None:
    async def answer(request: Request) -> Reply:
        return json_reply({})

    async with serve(answer) as server:
        client = connect(server.url, user=UserConfig(token="static", exec=plugin.config()))
        await client.get("api")
    assert plugin.runs == 0


async def test_certificate_of_the_plugin_is_sent_and_renewed(
    connect: Connect, plugin: Plugin, certificates: Certificates
) -> None:
    def issue(name: str) -> None:
        certificate, key = certificates.client_pem(name)
        plugin.answer(
            clientCertificateData=(certificate.data or b"").decode(),
            clientKeyData=(key.data or b"").decode(),
        )

    async def answer(request: Request) -> Reply:
        if "second" in str(request.connection.certificate):
            return json_reply({})
        issue("second")
        return status_reply(401, "Unauthorized")

    issue("first")
    async with serve(answer, certificates.server_context()) as server:
        client = connect(server.url, tls=certificates.settings, user=UserConfig(exec=plugin.config()))
        assert (await client.get("api")).status == 200
    assert len(server.connections) == 2
