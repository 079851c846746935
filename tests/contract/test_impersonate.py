"""``--auth impersonate`` on the real API server: each caller has its own rights and no others."""

import itertools
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml

from tests.fixtures.api import grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.issuer import CLIENT_ID, Issuer, running_issuer
from tests.fixtures.kubectl import Kubectl, can_i
from tests.fixtures.ports import free_port
from tests.fixtures.processes import run_gateway, start_gateway_process
from tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.cluster

RBAC = Path(__file__).parents[2] / "deploy" / "rbac"
SECRET = "correct-horse-battery-staple"
ACCOUNT = "system:serviceaccount:kube-graphql:kube-graphql"


@pytest.fixture(scope="module")
def kubectl(seeded_cluster: Backend) -> Kubectl:
    """With developers who may edit team-0, and the gateway's account."""
    kubectl = Kubectl(seeded_cluster)
    kubectl.succeed("apply", "-f", str(RBAC / "base.yaml"))
    kubectl.succeed(
        "create", "role", "edit-pods", "-n", "team-0", "--verb=*", "--resource=pods,configmaps,secrets"
    )
    kubectl.succeed(
        "create", "rolebinding", "edit-pods", "-n", "team-0", "--role=edit-pods", "--group=developers"
    )
    return kubectl


@pytest.fixture(scope="module")
def account(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of the gateway's service account."""
    path = tmp_path_factory.mktemp("account") / "kubeconfig"
    config = yaml.safe_load(kubectl.backend.kubeconfig.read_text())
    token = kubectl.succeed("create", "token", "kube-graphql", "-n", "kube-graphql").strip()
    config["users"] = [{"name": "gateway", "user": {"token": token}}]
    config["contexts"] = [{"name": "gateway", "context": {"cluster": "test", "user": "gateway"}}]
    path.write_text(yaml.safe_dump({**config, "current-context": "gateway"}))
    return path


def apply_role(kubectl: Kubectl, name: str, verb: str) -> None:
    """Apply the manifest, and wait until the gateway's account may impersonate alice with that verb."""
    kubectl.succeed("delete", "clusterrole", "kube-graphql-impersonate", "--ignore-not-found")
    kubectl.succeed("apply", "-f", str(RBAC / name))
    group = "" if verb == "impersonate" else "authentication.k8s.io"
    attributes = {"verb": verb, "group": group, "resource": "users", "name": "alice"}
    review = {"spec": {"user": ACCOUNT, "resourceAttributes": attributes}}
    reviews = grouped("authorization.k8s.io/v1", "subjectaccessreviews")
    api = kubectl.backend.api()
    wait_until(lambda: api.create(reviews, review)["status"]["allowed"], f"the right to {verb}")


@pytest.fixture(scope="module")
def gateway(
    kubectl: Kubectl, account: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway with the rights of impersonate.yaml behind a front proxy with a secret."""
    apply_role(kubectl, "impersonate.yaml", "impersonate")
    directory = tmp_path_factory.mktemp("impersonate")
    (directory / "secret").write_text(SECRET)
    options = ("--kubeconfig", str(account), "--auth", "impersonate")
    with start_gateway(directory, *options, "--proxy-secret-file", str(directory / "secret")) as started:
        yield started


def proxied(user: str, *groups: str) -> dict[str, str]:
    """The headers of a front proxy; httpx sends one header per name, so one group at most."""
    headers = {"authorization": f"Bearer {SECRET}", "x-remote-user": user}
    return {**headers, "x-remote-group": groups[0]} if groups else headers


@dataclass(frozen=True)
class Operation:
    """An operation, and the rights that it needs."""

    query: str
    rights: tuple[str, ...]


OPERATIONS = {
    "list in team-1": Operation(
        '{ pods(namespace: "team-1") { items { kind } } }', ("list", "pods", "-n", "team-1")
    ),
    "list in team-0": Operation(
        '{ pods(namespace: "team-0") { items { kind } } }', ("list", "pods", "-n", "team-0")
    ),
    "list everywhere": Operation("{ pods { items { kind } } }", ("list", "pods", "-A")),
    "list nodes": Operation("{ nodes { items { kind } } }", ("list", "nodes")),
    "list secrets": Operation(
        '{ secrets(namespace: "team-0") { items { kind } } }', ("list", "secrets", "-n", "team-0")
    ),
    "get": Operation(
        '{ pod(name: "app-1-00001", namespace: "team-1") { kind } }',
        ("get", "pods/app-1-00001", "-n", "team-1"),
    ),
    "patch": Operation(
        'mutation { patchPod(name: "app-0-00000", namespace: "team-0", dryRun: true, '
        'patch: {metadata: {labels: {a: "b"}}}) { kind } }',
        ("patch", "pods/app-0-00000", "-n", "team-0"),
    ),
    "delete": Operation(
        'mutation { deletePod(name: "app-0-00000", namespace: "team-0", dryRun: true) { __typename } }',
        ("delete", "pods/app-0-00000", "-n", "team-0"),
    ),
    "watch": Operation(
        'subscription { pods(namespace: "team-1") { type } }', ("watch", "pods", "-n", "team-1")
    ),
}
USERS = {"alice": (), "bob": (), "carol": ("developers",)}


async def is_allowed(gateway: GatewayProcess, operation: Operation, headers: dict[str, str]) -> bool:
    """Whether the operation succeeds; otherwise it is FORBIDDEN."""
    if operation.query.startswith("subscription"):
        async with gateway.subscribe(operation.query, headers=headers) as stream:
            try:
                answer = await stream.result()
            except StreamEnded as ended:
                answer = {"errors": ended.errors}
    else:
        answer = await gateway.execute(operation.query, headers=headers)
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes in ([], ["FORBIDDEN"]), answer
    return not codes


@pytest.mark.parametrize("user", USERS)
async def test_each_caller_may_do_what_kubectl_says(
    gateway: GatewayProcess, kubectl: Kubectl, user: str
) -> None:
    api, groups = kubectl.backend.api(), USERS[user]
    found, expected = {}, {}
    for name, operation in OPERATIONS.items():
        expected[name] = can_i(api, operation.rights, user, *groups)
        found[name] = await is_allowed(gateway, operation, proxied(user, *groups))
    assert found == expected
    assert sum(expected.values()) == {"alice": 0, "bob": 3, "carol": 4}[user]


def test_kubectl_says_what_the_reviews_say(kubectl: Kubectl) -> None:
    """Each right of one user, in turns."""
    for operation, (user, groups) in zip(OPERATIONS.values(), itertools.cycle(USERS.items()), strict=False):
        impersonated = ["--as", user, *(item for group in groups for item in ("--as-group", group))]
        said = kubectl.can_i(*operation.rights, *impersonated)
        assert said is can_i(kubectl.backend.api(), operation.rights, user, *groups), (operation, user)


async def test_the_gateways_own_rights_are_out_of_reach(gateway: GatewayProcess, kubectl: Kubectl) -> None:
    crds = "{ customResourceDefinitions { items { kind } } }"
    assert kubectl.can_i("list", "customresourcedefinitions", "--as", ACCOUNT)
    error = await gateway.error(crds, headers=proxied("alice"))
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert 'User "alice" cannot list' in error["message"]
    for headers in (
        {},
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": f"Bearer {SECRET}", "x-remote-user": ""},
        {"authorization": f"Bearer {SECRET}", "x-remote-group": "developers"},
        {"authorization": "Bearer wrong-wrong-wrong"},
    ):
        response = await gateway.request("POST", "/graphql", json={"query": crds}, headers=headers)
        assert response.status_code == 401, headers
    for headers in ({"x-remote-user": "admin"}, {**proxied("alice"), "impersonate-user": "admin"}):
        response = await gateway.request("POST", "/graphql", json={"query": crds}, headers=headers)
        assert response.status_code == 403, headers


async def test_the_gateway_may_impersonate_listed_groups_only(gateway: GatewayProcess) -> None:
    query = OPERATIONS["list nodes"].query
    error = await gateway.error(query, headers=proxied("mallory", "system:masters"))
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert 'cannot impersonate resource "groups"' in error["message"]


async def test_connections_of_one_user_share_one_informer(gateway: GatewayProcess) -> None:
    query = OPERATIONS["watch"].query

    async def informers() -> float:
        metrics = (await gateway.request("GET", "/metrics")).text
        found = re.search(r"^kube_graphql_informers (\S+)$", metrics, re.MULTILINE)
        assert found, metrics
        return float(found[1])

    async with gateway.subscribe(query, headers=proxied("bob")) as first:
        assert (await first.result())["data"]
        alone = await informers()
        async with gateway.subscribe(query, headers=proxied("bob")) as second:
            assert (await second.result())["data"]
            assert await informers() == alone


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    authority = trustme.CA()
    (tmp_path / "issuer.pem").write_bytes(authority.cert_pem.bytes())
    async with running_issuer(authority) as issuer:
        yield issuer


async def test_an_id_token_names_the_caller(
    kubectl: Kubectl, account: Path, issuer: Issuer, tmp_path: Path
) -> None:
    apply_role(kubectl, "impersonate.yaml", "impersonate")
    options = ["--kubeconfig", str(account), "--auth", "impersonate"]
    options += ["--oidc-issuer", issuer.url, "--oidc-client-id", CLIENT_ID]
    options += ["--oidc-ca", str(tmp_path / "issuer.pem"), "--oidc-groups-claim", "groups"]
    options += ["--oidc-username-prefix", "-"]
    team_1, team_0 = OPERATIONS["list in team-1"], OPERATIONS["list in team-0"]
    with start_gateway(tmp_path / "gateway", *options) as gateway:

        async def allowed(operation: Operation, **claims: Any) -> bool:
            bearer = {"authorization": f"Bearer {issuer.token(**claims)}"}
            return await is_allowed(gateway, operation, bearer)

        assert await allowed(team_1, sub="bob")
        assert not await allowed(team_0, sub="bob")
        assert not await allowed(team_1, sub="alice")
        assert await allowed(team_0, sub="carol", groups=["developers"])
        assert await allowed(OPERATIONS["watch"], sub="bob")
        issuer.rotate("key-1")
        for refused in ({"exp": 1}, {"aud": "other"}, {"sub": "system:admin"}):
            bearer = {"authorization": f"Bearer {issuer.token(**refused)}"}
            response = await gateway.request("POST", "/graphql", json={"query": team_1.query}, headers=bearer)
            assert response.status_code == 401
        assert "eyJ" not in gateway.process.output()


def test_a_front_proxy_proves_itself_by_its_certificate(
    kubectl: Kubectl, account: Path, tmp_path: Path
) -> None:
    apply_role(kubectl, "impersonate.yaml", "impersonate")
    server, proxies = trustme.CA(), trustme.CA()
    issued = server.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
    issued.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    proxies.cert_pem.write_to_path(str(tmp_path / "proxy.pem"))
    port = free_port()
    command = ["serve", "--port", str(port), "--kubeconfig", str(account), "--auth", "impersonate"]
    command += ["--tls-cert", str(tmp_path / "tls.crt"), "--tls-key", str(tmp_path / "tls.key")]
    command += ["--proxy-client-ca", str(tmp_path / "proxy.pem"), "--proxy-allowed-names", "front-proxy"]
    command += ["--workers", "2"]
    url = f"https://127.0.0.1:{port}/graphql"
    with start_gateway_process(command, tmp_path / "gateway") as process:
        process.wait_for_output(url)

        def post(name: str, headers: dict[str, str]) -> tuple[int, Any]:
            context = ssl.create_default_context(cadata=server.cert_pem.bytes().decode())
            if name:
                proxies.issue_cert(common_name=name).configure_cert(context)
            with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
                query = OPERATIONS["list in team-1"].query
                response = client.post(url, json={"query": query}, headers=headers)
            return response.status_code, response.json()

        bob = {"x-remote-user": "bob"}
        status, answer = post("front-proxy", bob)
        assert (status, "errors" in answer) == (200, False), answer
        assert post("front-proxy", {"x-remote-user": "alice"})[1]["errors"]
        assert post("front-proxy", {})[0] == 401
        assert post("another", bob)[0] == 403
        assert post("", bob)[0] == 403


async def test_constrained_impersonation_limits_the_operations_themselves(
    kubectl: Kubectl, account: Path, tmp_path: Path
) -> None:
    apply_role(kubectl, "impersonate-constrained.yaml", "impersonate:user-info")
    (tmp_path / "secret").write_text(SECRET)
    options = ["--kubeconfig", str(account), "--auth", "impersonate"]
    options += ["--proxy-secret-file", str(tmp_path / "secret")]
    with start_gateway(tmp_path / "gateway", *options) as gateway:
        carol = proxied("carol", "developers")
        for name, allowed in (
            ("list in team-0", True),
            ("list in team-1", False),
            ("list secrets", False),
            ("patch", False),
            ("delete", False),
        ):
            assert await is_allowed(gateway, OPERATIONS[name], carol) is allowed, name
        assert await is_allowed(gateway, OPERATIONS["watch"], proxied("bob"))
        masters = await gateway.error(OPERATIONS["list nodes"].query, headers=proxied("a", "system:masters"))
        assert "impersonating the system:masters group is not allowed" in masters["message"]
        schema = await gateway.data(
            "{ __schema { queryType { name } } version { gitVersion } }", headers=carol
        )
        assert schema["version"]["gitVersion"]
        assert "cannot be watched" not in gateway.process.output()


def test_impersonation_without_a_proof_does_not_start(account: Path) -> None:
    done = run_gateway("serve", "--kubeconfig", str(account), "--auth", "impersonate")
    assert done.returncode == 2
    assert "needs a proof of the caller" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_callers_share_the_gateways_informer_where_it_may_watch(
    kubectl: Kubectl, account: Path, tmp_path: Path
) -> None:
    apply_role(kubectl, "impersonate.yaml", "impersonate")
    kubectl.succeed("apply", "-f", str(RBAC / "shared-informers.yaml"))
    api = kubectl.backend.api()
    wait_until(lambda: can_i(api, ("watch", "pods", "-A"), ACCOUNT), "the right to watch")
    kubectl.succeed("create", "rolebinding", "dora", "-n", "team-1", "--role=bob-sees-pods", "--user=dora")
    wait_until(lambda: can_i(api, ("watch", "pods", "-n", "team-1"), "dora"), "dora's right")
    (tmp_path / "secret").write_text(SECRET)
    options = ["--kubeconfig", str(account), "--auth", "impersonate"]
    options += ["--proxy-secret-file", str(tmp_path / "secret")]
    watch = OPERATIONS["watch"]
    try:
        with start_gateway(tmp_path / "gateway", *options) as gateway:
            async with (
                gateway.subscribe(watch.query, headers=proxied("bob")) as bob,
                gateway.subscribe(watch.query, headers=proxied("dora")) as dora,
            ):
                assert (await bob.result())["data"]
                assert (await dora.result())["data"]
                metrics = (await gateway.request("GET", "/metrics")).text
                # the other two follow the definitions of the API
                assert "kube_graphql_informers 3.0" in metrics
                assert not await is_allowed(gateway, watch, proxied("alice"))
    finally:
        kubectl.succeed("delete", "-f", str(RBAC / "shared-informers.yaml"))
