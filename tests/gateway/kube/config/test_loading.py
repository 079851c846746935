from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.kube.config.loading import in_cluster_config, load_config
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

SERVICE = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def service_account(tmp_path: Path) -> Path:
    for name, content in (("token", "one\n"), ("ca.crt", "PEM"), ("namespace", "team-1\n")):
        (tmp_path / name).write_text(content)
    return tmp_path


def test_pod_has_a_server_an_authority_a_token_and_a_namespace(service_account: Path) -> None:
    config = in_cluster_config(SERVICE, service_account)
    assert config.server == "https://10.96.0.1:443"
    assert config.namespace == "team-1"
    assert config.tls.ca == b"PEM"
    assert config.user.token_file == service_account / "token"
    assert not config.compress


def test_ipv6_service_address_is_bracketed(service_account: Path) -> None:
    environ = {**SERVICE, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert in_cluster_config(environ, service_account).server == "https://[fd00::1]:443"


def test_namespace_may_come_from_the_environment_or_be_absent(service_account: Path) -> None:
    assert in_cluster_config({**SERVICE, "POD_NAMESPACE": "mine"}, service_account).namespace == "mine"
    (service_account / "namespace").unlink()
    assert in_cluster_config(SERVICE, service_account).namespace == "default"


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "token"])
def test_missing_service_account_is_a_configuration_error(service_account: Path, missing: str) -> None:
    environ = {name: value for name, value in SERVICE.items() if name != missing}
    if missing == "token":
        (service_account / "token").unlink()
    with pytest.raises(ConfigurationError, match="not in a cluster"):
        in_cluster_config(environ, service_account)


def test_service_account_is_used_without_a_kubeconfig_only(
    service_account: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    environ = {**SERVICE, "HOME": str(home)}
    assert load_config(environ=environ, service_account=service_account).context == "in-cluster"
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'https://host'}}], users: [{name: u, user: {}}]}"
    )
    assert load_config(environ=environ, service_account=service_account).context == "a"


async def test_rotated_service_account_token_is_sent(connect: Connect, service_account: Path) -> None:
    async def answer(request: Request) -> Reply:
        good = request.headers["authorization"] == "Bearer two"
        return json_reply({}) if good else status_reply(401, "Unauthorized")

    async with serve(answer) as server:
        client = connect(in_cluster_config(SERVICE, service_account), server=server.url)
        (service_account / "token").write_text("two")
        assert (await client.get("api")).status == 200
