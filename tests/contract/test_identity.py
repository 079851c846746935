"""The identity of upstream requests: the kubeconfig's in ``local``, the caller's in ``passthrough``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from tests.fixtures.api import bearer
from tests.fixtures.backends import Backend, TappedGateway, write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import open_socket
from tests.fixtures.processes import run_gateway

NAMES = '{ pods(namespace: "team-1") { items { metadata { name } } } }'
WATCH = 'subscription { pods(namespace: "team-1") { type object { metadata { name } } } }'
BODY = {"query": "{ __typename }"}


@pytest.fixture
def passthrough(backend: Backend, tmp_path: Path) -> Iterator[TappedGateway]:
    """A passthrough gateway, which itself is the user ``gateway``."""
    with backend.tapped() as tap:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        options = ["--kubeconfig", str(kubeconfig), "--context", "gateway", "--auth", "passthrough"]
        with start_gateway(tmp_path / "gateway", *options, "--grace-period", "0.2") as gateway:
            yield TappedGateway(gateway, tap)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
async def test_local_refuses_other_hosts(gateway: GatewayProcess, host: str) -> None:
    for method, path, body in (
        ("POST", "/graphql", BODY),
        ("GET", "/graphql", None),
        ("GET", "/examples/", None),
    ):
        response = await gateway.request(method, path, json=body, headers={"host": host})
        assert response.status_code in (400, 403), (method, path)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
async def test_local_accepts_loopback_hosts(gateway: GatewayProcess, host: str) -> None:
    response = await gateway.request(
        "POST", "/graphql", json=BODY, headers={"host": f"{host}:{gateway.port}"}
    )
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost.evil.example"])
async def test_local_refuses_other_origins(gateway: GatewayProcess, origin: str) -> None:
    response = await gateway.request("POST", "/graphql", json=BODY, headers={"origin": origin})
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    with pytest.raises(InvalidStatus) as refusal:
        async with open_socket(gateway.socket_url, origin=origin):
            pass
    assert refusal.value.response.status_code == 403


async def test_local_accepts_its_own_origin(gateway: GatewayProcess) -> None:
    response = await gateway.request("POST", "/graphql", json=BODY, headers={"origin": gateway.url})
    assert response.json() == {"data": {"__typename": "Query"}}
    async with open_socket(gateway.socket_url, origin=gateway.url) as socket:
        await socket.initialise()


def test_local_binds_to_loopback_only(backend: Backend) -> None:
    options = ["--kubeconfig", str(backend.kubeconfig), "--host", "0.0.0.0", "--auth", "local"]
    done = run_gateway("serve", *options)
    assert done.returncode == 2
    assert "loopback" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


async def test_passthrough_requires_a_token(passthrough: TappedGateway) -> None:
    gateway = passthrough.gateway
    for query in (NAMES, "{ version { gitVersion } }", "{ __typename }"):
        response = await gateway.request("POST", "/graphql", json={"query": query})
        assert response.status_code == 401
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    response = await gateway.request("POST", "/graphql", json=BODY, headers={"authorization": "Basic YTpi"})
    assert response.status_code == 401
    with pytest.raises(ConnectionClosed) as closed:
        async with gateway.socket():
            pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    targets = [request.target for request in passthrough.tap.requests]
    assert [item for item in targets if "pods" in item or item.endswith("/version")] == []


async def test_passthrough_accepts_the_token_in_headers_or_connection_params(
    passthrough: TappedGateway,
) -> None:
    gateway = passthrough.gateway
    data = await gateway.data(NAMES, headers=bearer("admin"))
    assert data["pods"]["items"]
    for arguments in ({"headers": bearer("admin")}, {"params": bearer("admin")}):
        async with gateway.subscribe(WATCH, **arguments) as stream:
            assert await stream.synced()


async def test_identities_do_not_share_informers(passthrough: TappedGateway) -> None:
    gateway, tap = passthrough.gateway, passthrough.tap
    async with gateway.subscribe(WATCH, params=bearer("admin")) as first:
        await first.synced()
        async with gateway.subscribe(WATCH, params=bearer("admin")) as same:
            await same.synced()
            assert len(tap.open_watches("pods")) == 1
        async with gateway.subscribe(WATCH, params=bearer("bob")) as other:
            await other.synced()
            assert len(tap.open_watches("pods")) == 2


@pytest.fixture(scope="module")
def guarded(seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A passthrough gateway on the real API server, which enforces roles."""
    options = [
        "--kubeconfig",
        str(seeded_cluster.kubeconfig),
        "--context",
        "gateway",
        "--auth",
        "passthrough",
    ]
    with start_gateway(tmp_path_factory.mktemp("guarded"), *options) as started:
        yield started


@pytest.mark.cluster
async def test_a_caller_without_rights_is_forbidden(guarded: GatewayProcess) -> None:
    answer = await guarded.execute(NAMES, headers=bearer("alice"))
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    kubernetes = error["extensions"]["kubernetes"]
    assert (kubernetes["status"], kubernetes["reason"]) == ("Failure", "Forbidden")
    assert 'User "alice" cannot list resource "pods"' in kubernetes["message"]


@pytest.mark.cluster
async def test_a_caller_without_rights_may_not_subscribe(guarded: GatewayProcess) -> None:
    async with guarded.subscribe(WATCH, params=bearer("admin")) as allowed:
        await allowed.synced()
        async with guarded.subscribe(WATCH, params=bearer("alice")) as stream:
            errors = await stream.errors()
        assert errors[0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.cluster
async def test_the_api_server_decides_a_callers_rights(guarded: GatewayProcess) -> None:
    assert (await guarded.data(NAMES, headers=bearer("bob")))["pods"]["items"]
    elsewhere = NAMES.replace("team-1", "team-0")
    assert (await guarded.error(elsewhere, headers=bearer("bob")))["extensions"]["code"] == "FORBIDDEN"
    everywhere = "{ pods { items { kind } } }"
    assert (await guarded.error(everywhere, headers=bearer("bob")))["extensions"]["code"] == "FORBIDDEN"
    patch = 'mutation { patchPod(name: "app-1-00001", namespace: "team-1", patch: {metadata: {}}) { kind } }'
    assert (await guarded.error(patch, headers=bearer("bob")))["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.cluster
async def test_an_unknown_token_is_unauthenticated(guarded: GatewayProcess) -> None:
    error = await guarded.error(NAMES, headers=bearer("mallory"))
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.cluster
async def test_tokens_are_not_logged(guarded: GatewayProcess) -> None:
    await guarded.execute(NAMES, headers=bearer("mallory"))
    assert "-token" not in guarded.process.output()


REVEALS_SCHEMA = {
    "introspection": ("{ __schema { queryType { name } } }", None),
    "one type": ('{ __type(name: "Pod") { name } }', None),
    "discovery": ("{ resources { kind } }", None),
    "no such kind": ('{ object(apiVersion: "v1", kind: "Nonsense", name: "a") { kind } }', None),
    "a field's name": ("{ pos { items { kind } } }", None),
    "an argument's type": ("{ pods(limit: true) { kind } }", None),
    "a variable's type": ("query($limit: Int) { pods(limit: $limit) { kind } }", {"limit": "many"}),
}


async def codes(gateway: GatewayProcess, user: str) -> dict[str, tuple[str, ...]]:
    """The error codes of the operations that reveal the schema."""
    found = {}
    for label, (query, variables) in REVEALS_SCHEMA.items():
        answer = await gateway.execute(query, variables, headers=bearer(user))
        assert bool(answer.get("data") and any(answer["data"].values())) is ("errors" not in answer)
        found[label] = tuple(error["extensions"]["code"] for error in answer.get("errors", ()))
    return found


async def test_the_schema_is_hidden_from_unauthenticated_callers(
    passthrough: TappedGateway,
) -> None:
    gateway = passthrough.gateway
    assert await codes(gateway, "mallory") == dict.fromkeys(REVEALS_SCHEMA, ("UNAUTHENTICATED",))
    with pytest.raises(ConnectionClosedError) as closed:
        async with gateway.socket(params=bearer("mallory")):
            pass
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
    file = await gateway.request("GET", "/schema.graphql", headers=bearer("mallory"))
    assert (file.status_code, file.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_the_schema_is_visible_to_authenticated_callers(passthrough: TappedGateway) -> None:
    found = await codes(passthrough.gateway, "alice")
    assert list(found.values()) == [()] * 3 + [("BAD_REQUEST",)] * 4
    file = await passthrough.gateway.request("HEAD", "/schema.graphql", headers=bearer("alice"))
    assert file.status_code == 200


async def test_authentication_is_cached_and_checked_before_any_work(passthrough: TappedGateway) -> None:
    gateway, tap = passthrough.gateway, passthrough.tap
    repeated = f"{{ {'__typename ' * 4000} }}"

    def reviews() -> int:
        return len([request for request in tap.requests if "selfsubjectaccessreviews" in request.target])

    error = await gateway.error(repeated, headers=bearer("mallory"))
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert reviews() == 1
    for query in 5 * ["{ version { gitVersion } }", "{ __schema { queryType { name } } resources { kind } }"]:
        await gateway.data(query, headers=bearer("alice"))
    assert reviews() == 2


@pytest.mark.cluster
async def test_a_forbidden_list_leaves_its_neighbours(guarded: GatewayProcess) -> None:
    query = "{ before: version { gitVersion } nodes { items { kind } } after: version { gitVersion } }"
    answer = await guarded.execute(query, headers=bearer("alice"))
    assert answer["data"]["nodes"] is None
    assert answer["data"]["before"] == answer["data"]["after"]
    assert answer["data"]["before"]["gitVersion"]
    (error,) = answer["errors"]
    assert error["path"] == ["nodes"]
    assert error["extensions"]["code"] == "FORBIDDEN"
