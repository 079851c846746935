"""Planted secrets are in no log, metric, error or stack dump: tokens, client keys, and values of Secrets."""

import base64
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.processes import run_gateway
from tests.fixtures.workers import start_workers

CANARY = "canary-5b1e"
ENCODED = base64.b64encode(CANARY.encode()).decode()
STRANGER = f"{CANARY}-token"
CREATE = """mutation($object: SecretInput!, $namespace: String!) {
  createSecret(object: $object, namespace: $namespace) { metadata { name } } }"""
SECRET = {"metadata": {"name": "planted"}, "stringData": {"password": CANARY}, "data": {"key": ENCODED}}


@dataclass(frozen=True)
class Logged:
    """A gateway that logs everything it can."""

    gateway: GatewayProcess
    directory: Path

    async def written(self) -> str:
        """Its output, logs and metrics so far."""
        metrics = (await self.gateway.request("GET", "/metrics")).text
        logs = [(self.directory / name).read_text() for name in ("access.log", "audit.log")]
        return "\n".join([self.gateway.process.output(), metrics, *logs])


@pytest.fixture
def logged(backend: Backend, tmp_path: Path) -> Iterator[Logged]:
    options = ["--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough", "--log-level", "debug"]
    options += ["--access-log", str(tmp_path / "access.log"), "--audit-log", str(tmp_path / "audit.log")]
    with start_gateway(tmp_path / "gateway", *options, token="admin-token") as gateway:
        yield Logged(gateway, tmp_path)


async def test_no_log_and_no_metric_has_a_secret(logged: Logged, namespace: str) -> None:
    gateway, scope = logged.gateway, {"namespace": namespace}
    await gateway.data(CREATE, {"object": SECRET, **scope})
    found = await gateway.data(
        "query($namespace: String!) { secrets(namespace: $namespace) { items { data json yaml } } }", scope
    )
    assert ENCODED in str(found)
    subscription = f'subscription {{ secrets(namespace: "{namespace}") {{ object {{ data }} }} }}'
    async with gateway.subscribe(subscription) as stream:
        assert ENCODED in str(await stream.result())
    patch = f'operations: [{{op: "test", path: "/data/key", value: "{CANARY}"}}]'
    for failing in (
        f'mutation {{ patchSecret(name: "planted", namespace: "{namespace}", {patch}) {{ kind }} }}',
        f'mutation {{ patchSecret(name: "absent", namespace: "{namespace}", {patch}) {{ kind }} }}',
        f'{{ secret(name: "{CANARY}/../x") {{ kind }} }}',
        f'{{ secret(name: "{CANARY}" {{',
        f"{{ {CANARY.replace('-', '_')} }}",
    ):
        assert (await gateway.execute(failing))["errors"]
    assert (await gateway.execute(CREATE, {"object": SECRET, **scope}))["errors"]
    refused = await gateway.request(
        "POST",
        "/graphql",
        json={"query": "{ pods { kind } }"},
        headers={"authorization": f"Bearer {STRANGER}"},
    )
    assert refused.status_code == 401
    assert STRANGER not in refused.text
    written = await logged.written()
    assert "createSecret" in written
    for planted in (CANARY, ENCODED, STRANGER, "admin-token", "gateway-token"):
        assert planted not in written, next(line for line in written.splitlines() if planted in line)


async def test_no_answer_repeats_the_token_of_its_request(logged: Logged) -> None:
    for query in ("{ nothing }", "{", "{ pod(name: 1) { kind } }", '{ pod(name: "absent") { kind } }'):
        for accept in ("application/json", "text/event-stream", "multipart/mixed"):
            answer = await logged.gateway.request(
                "POST", "/graphql", json={"query": query}, headers={"accept": accept}
            )
            assert "admin-token" not in answer.text + str(answer.headers)
    with pytest.raises(StreamEnded) as ended:
        async with logged.gateway.subscribe("subscription { nothing { type } }") as stream:
            await stream.result()
    assert "admin-token" not in str(ended.value.errors)


async def test_the_stack_dump_of_a_crash_has_no_secret(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--log-level", "debug", "--cache", "secrets")
    with start_workers(tmp_path / "gateway", 2, *options) as workers:
        await workers.gateway.data(CREATE, {"object": SECRET, "namespace": namespace})
        for process in workers.children:
            os.kill(process, signal.SIGABRT)
        output = workers.gateway.process.wait_for_output("was ended by SIGABRT")
    assert "Fatal Python error: Aborted" in output
    for planted in (CANARY, ENCODED, "admin-token"):
        assert planted not in output


@pytest.fixture
def client_key(tmp_path: Path) -> tuple[bytes, bytes]:
    """A certificate that the API server does not trust, and its key, as PEM."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=jane", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate.read_bytes(), key.read_bytes()


def kubeconfig_with(backend: Backend, directory: Path, certificate: bytes, key: bytes) -> Path:
    content = yaml.safe_load(backend.kubeconfig.read_text())
    for user in content["users"]:
        user.setdefault("user", {}).update(
            {
                "client-certificate-data": base64.b64encode(certificate).decode(),
                "client-key-data": base64.b64encode(key).decode(),
            }
        )
    path = directory / "with-key.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


async def test_no_log_has_a_client_key(
    backend: Backend, tmp_path: Path, client_key: tuple[bytes, bytes]
) -> None:
    certificate, key = client_key
    kubeconfig = kubeconfig_with(backend, tmp_path, certificate, key)
    options = ("--kubeconfig", str(kubeconfig), "--log-level", "debug")
    with start_gateway(tmp_path / "gateway", *options) as gateway:
        await gateway.data("{ namespaces { items { metadata { name } } } }")
        assert_without_key(gateway.process.output(), key)


def test_no_error_quotes_a_client_key(
    backend: Backend, tmp_path: Path, client_key: tuple[bytes, bytes]
) -> None:
    certificate, key = client_key
    cut = key[: len(key) // 2]
    kubeconfig = kubeconfig_with(backend, tmp_path, certificate, cut)
    finished = run_gateway("query", "--kubeconfig", str(kubeconfig), "{ version { major } }")
    assert_without_key(finished.stdout + finished.stderr, cut)


def assert_without_key(output: str, key: bytes) -> None:
    lines = key.decode().splitlines()[1:-1]
    assert len(lines) > 5
    assert not [line for line in (*lines, base64.b64encode(key).decode()[:60]) if line in output]
