"""``--include`` and ``--exclude``: no field of the schema reaches an excluded resource."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.processes import run_gateway
from tests.fixtures.sdl import definitions_of

SECRET = {"metadata": {"name": "hidden"}, "stringData": {"password": "swordfish"}}


@pytest.fixture(scope="module")
def guarded(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway without secrets, on which only the scale of deployments is writable."""
    options = [
        "--kubeconfig",
        str(backend.kubeconfig),
        "--include",
        "*:get+list+watch,deployments/scale:patch",
    ]
    directory = tmp_path_factory.mktemp(f"guarded-{backend.name}")
    with start_gateway(
        directory, *options, "--exclude", "secrets", "--exclude", "pods/log,secretz"
    ) as started:
        yield started


async def test_the_schema_omits_excluded_resources(guarded: GatewayProcess) -> None:
    data = await guarded.data(
        """{ __schema { types { name } queryType { fields { name } } subscriptionType { fields { name } }
        mutationType { fields { name } } } resources { kind verbs fields } }"""
    )
    schema = data["__schema"]
    assert {field["name"] for field in schema["mutationType"]["fields"]} == {
        "scaleDeployment", "apps_v1_scaleDeployment", "patchDeploymentScale", "apps_v1_patchDeploymentScale"
    }  # fmt: skip
    types = {item["name"] for item in schema["types"]}
    assert {"Pod", "PodList", "Scale"} <= types
    assert not {"Secret", "SecretList", "SecretEvent", "SecretInput", "PodInput", "PodLogLine"} & types
    fields = {field["name"] for root in ("queryType", "subscriptionType") for field in schema[root]["fields"]}
    assert "pods" in fields
    assert not {"secret", "secrets", "core_v1_secrets", "podLogs"} & fields
    assert "Secret" not in {resource["kind"] for resource in data["resources"]}
    assert all(set(resource["verbs"]) <= {"get", "list", "watch"} for resource in data["resources"])


async def test_no_field_reaches_an_excluded_resource(
    guarded: GatewayProcess, backend: Backend, namespace: str
) -> None:
    backend.api().create(core("secrets", namespace), SECRET)
    error = await guarded.error(
        """query($n: String) { object(apiVersion: "v1", kind: "Secret", name: "hidden", namespace: $n) {
        metadata { name } } }""",
        {"n": namespace},
    )
    assert error["extensions"]["code"] == "BAD_REQUEST"
    for query in ("{ secrets { items { kind } } }", '{ core_v1_secret(name: "hidden") { kind } }'):
        assert (await guarded.error(query))["extensions"]["code"] == "BAD_REQUEST"
    async with guarded.subscribe("subscription { secrets { type } }") as stream:
        with pytest.raises(StreamEnded) as ended:
            await stream.result()
    assert ended.value.errors


async def test_included_resources_work(guarded: GatewayProcess, namespace: str) -> None:
    data = await guarded.data(
        """mutation($n: String) { scaleDeployment(name: "web", namespace: $n, replicas: 4) {
        spec { replicas } } }""",
        {"n": namespace},
    )
    assert data == {"scaleDeployment": {"spec": {"replicas": 4}}}
    data = await guarded.data(
        'query($n: String) { deployment(name: "web", namespace: $n) { spec { replicas } } }', {"n": namespace}
    )
    assert data == {"deployment": {"spec": {"replicas": 4}}}


def test_a_pattern_without_a_match_is_logged(guarded: GatewayProcess) -> None:
    warnings = [line for line in guarded.process.output().splitlines() if "matches no resource" in line]

    assert len(warnings) == 1
    assert "secretz" in warnings[0]


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("schema",), ("query", "{ __typename }")])
@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_a_malformed_pattern_is_one_line_and_status_2(
    demo_cluster: Backend, command: tuple[str, ...], option: str
) -> None:
    done = run_gateway(*command, "--kubeconfig", str(demo_cluster.kubeconfig), option, "pods,secrets:read")

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "'secrets:read'" in done.stderr


def test_patterns_come_from_the_environment(demo_cluster: Backend, tmp_path: Path) -> None:
    variables = {
        "KUBE_GRAPHQL_KUBECONFIG": str(demo_cluster.kubeconfig),
        "KUBE_GRAPHQL_INCLUDE": "pods, nodes:get",
        "KUBE_GRAPHQL_EXCLUDE": "pods:delete+deletecollection",
        "KUBE_GRAPHQL_KINDS": "Pod,Node",
    }
    done = run_gateway("schema", variables=variables)
    assert done.returncode == 0, done.stderr
    printed = definitions_of(done.stdout)

    assert {"Pod", "Node"} <= set(printed)
    assert "Deployment" not in printed
    assert "createPod" in printed["Mutation"]
    assert "deletePod" not in printed["Mutation"]
    assert "nodes" not in printed["Query"]


async def test_no_history_reaches_excluded_revisions(
    backend: Backend, namespace: str, tmp_path: Path
) -> None:
    options = ["--kubeconfig", str(backend.kubeconfig), "--exclude", "replicasets"]
    history = f'deploymentHistory(name: "web", namespace: "{namespace}") {{ revision }}'
    undo = f'undoDeployment(name: "web", namespace: "{namespace}") {{ kind }}'
    with start_gateway(tmp_path, *options) as gateway:
        for operation in (f"{{ {history} }}", f"mutation {{ {undo} }}"):
            error = await gateway.error(operation)
            assert error["extensions"]["code"] == "BAD_REQUEST"
            assert "replicasets, which this gateway does not serve" in error["message"]
