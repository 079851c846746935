"""Mutations of one operation run in order; values in JSON literals; restarts and scales take effect.

Covers ``gateway/resolvers/restart.py`` and ``gateway/resolvers/scale.py``.
"""

from typing import Any

import pytest

from tests.fixtures.api import API, core, deployment, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import wait_until


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


async def test_the_mutations_of_one_operation_run_in_order(gateway: GatewayProcess, namespace: str) -> None:
    patches = "\n".join(
        f'p{number}: patchConfigMap(name: "a", namespace: $n, operations: ['
        f'{{op: "test", path: "/data/step", value: "{number}"}},'
        f' {{op: "replace", path: "/data/step", value: "{number + 1}"}}]) {{ data }}'
        for number in range(5)
    )
    created = 'createConfigMap(namespace: $n, object: {metadata: {name: "a"}, data: {step: "0"}}) { data }'
    deleted = 'deleteConfigMap(name: "a", namespace: $n) { status }'
    query = f"""mutation($n: String) {{ first: {created} {patches}
      refused: {created} deleted: {deleted} again: {created} }}"""
    answer = await gateway.execute(query, {"n": namespace})
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["refused"], "ALREADY_EXISTS")
    data = answer["data"]
    assert [data[f"p{number}"]["data"]["step"] for number in range(5)] == ["1", "2", "3", "4", "5"]
    assert data["deleted"] == {"status": "Success"}
    assert data["again"] == {"data": {"step": "0"}}


async def test_a_variable_inside_a_json_literal_may_be_absent_or_null(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    path = core("configmaps", namespace, "a")
    api.create(core("configmaps", namespace), {"metadata": {"name": "a"}, "data": {"kept": "1", "gone": "1"}})
    query = """mutation($n: String, $absent: String, $null: String, $set: String) {
      patchConfigMap(name: "a", namespace: $n,
        patchJson: {data: {kept: $absent, gone: $null, new: $set}}) { data } }"""
    await gateway.data(query, {"n": namespace, "null": None, "set": "2"})
    assert api.get(path)["data"] == {"kept": "1", "new": "2"}


async def test_the_pair_of_an_argument_may_be_null_or_an_absent_variable(
    gateway: GatewayProcess, namespace: str
) -> None:
    query = """mutation($n: String, $o: ConfigMapInput, $j: JSON) {
      createConfigMap(namespace: $n, object: $o, objectJson: $j, dryRun: true) { metadata { name } } }"""
    for name, variables in {"a": {}, "b": {"o": None}}.items():
        data = await gateway.data(query, {"n": namespace, "j": {"metadata": {"name": name}}, **variables})
        assert data["createConfigMap"]["metadata"]["name"] == name


async def test_a_generated_name_needs_no_json(gateway: GatewayProcess, namespace: str) -> None:
    query = """mutation($n: String) { createConfigMap(namespace: $n,
      object: {metadata: {generateName: "typed-"}}) { metadata { name generateName } } }"""
    metadata = (await gateway.data(query, {"n": namespace}))["createConfigMap"]["metadata"]
    assert metadata["generateName"] == "typed-"
    assert len(metadata["name"]) > len("typed-")
    applied = query.replace("createConfigMap", "applyConfigMap")
    error = await gateway.error(applied, {"n": namespace})
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "metadata.name" in error["message"]


async def test_a_restart_annotates_the_template_as_kubectl_does(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")

    async def restart(options: str = "") -> Any:
        field = f'restartDeployment(name: "web", namespace: $n{options})'
        query = (
            f"mutation($n: String) {{ {field} {{ spec {{ template {{ metadata {{ annotations }} }} }} }} }}"
        )
        answer = (await gateway.data(query, {"n": namespace}))["restartDeployment"]
        return answer["spec"]["template"]["metadata"]["annotations"]

    assert "kubectl.kubernetes.io/restartedAt" in await restart(", dryRun: true")
    assert api.get(path)["metadata"]["generation"] == 1
    assert "kubectl.kubernetes.io/restartedAt" in await restart()
    assert api.get(path)["metadata"]["generation"] == 2


RESTART = """mutation($n: String, $dry: Boolean) {
  restartDeployment(name: "web", namespace: $n, dryRun: $dry) {
    spec { template { metadata { annotations } } } } }"""


async def test_a_paused_deployment_is_not_restarted(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    for annotations in ({}, {"by": "its author"}):
        template = {"metadata": {"annotations": annotations}}
        api.merge(path, {"spec": {"paused": True, "template": template}})
        before = api.get(path)
        for dry in (False, True):
            error = await gateway.error(RESTART, {"n": namespace, "dry": dry})
            assert error["extensions"]["code"] == "BAD_REQUEST"
            assert error["message"] == "web is paused; resume it with resumeDeployment, then restart it"
        assert api.get(path) == before
        # the demo keeps a false, which the API server leaves out
        api.merge(path, {"spec": {"paused": False}})
        data = await gateway.data(RESTART, {"n": namespace})
        written = data["restartDeployment"]["spec"]["template"]["metadata"]["annotations"]
        assert written.keys() == {*annotations, "kubectl.kubernetes.io/restartedAt"}
        api.merge(path, {"spec": {"template": {"metadata": {"annotations": None}}}})


async def test_a_restart_reads_the_deployment_only_if_its_patches_are_refused(
    gateway: GatewayProcess, namespace: str
) -> None:
    async def verbs() -> list[str]:
        body = {"query": RESTART, "variables": {"n": namespace}, "extensions": {"trace": True}}
        answer = (await gateway.request("POST", "/graphql", json=body)).json()
        return [request["verb"] for request in answer["extensions"]["upstream"]]

    assert await verbs() == ["PATCH", "PATCH"]
    assert await verbs() == ["PATCH"]
    pause = f'mutation {{ pauseDeployment(name: "web", namespace: "{namespace}") {{ kind }} }}'
    await gateway.data(pause)
    assert await verbs() == ["PATCH", "PATCH", "GET"]


async def test_an_absent_deployment_is_not_found_by_a_restart(
    gateway: GatewayProcess, namespace: str
) -> None:
    error = await gateway.error(RESTART.replace("web", "absent"), {"n": namespace})
    assert error["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("whole", ["", "json yaml"], ids=["compiled", "whole"])
async def test_a_scale_of_zero_is_answered_as_zero(
    gateway: GatewayProcess, api: API, namespace: str, whole: str
) -> None:
    replica_set = {"metadata": {"name": "web"}, "spec": deployment("web")["spec"]}
    api.create(grouped("apps/v1", "replicasets", namespace), replica_set)
    where = f'name: "web", namespace: "{namespace}"'
    fields = f"kind spec {{ replicas }} status {{ replicas }} {whole}"
    answers = await gateway.data(f"""mutation {{
      a: scaleDeployment({where}, replicas: 0) {{ {fields} }}
      b: scaleReplicaSet({where}, replicas: 0, dryRun: true) {{ {fields} }}
      c: patchDeploymentScale({where}, patch: {{spec: {{replicas: 0}}}}) {{ {fields} }}
      d: patchDeploymentScale({where}, operations: [{{op: "remove", path: "/spec"}}]) {{ {fields} }} }}""")
    for answer in answers.values():
        assert answer["kind"] == "Scale"
        assert answer["spec"] == answer["status"] == {"replicas": 0}
        if whole:
            assert answer["json"]["spec"] == {"replicas": 0}
            assert "spec:\n  replicas: 0\n" in answer["yaml"]


async def test_a_scaled_deployment_gets_its_pods(controlled_backend: Backend, tmp_path: Any) -> None:
    api, path = controlled_backend.api(), grouped("apps/v1", "deployments", "default", "scaled")
    api.create(grouped("apps/v1", "deployments", "default"), deployment("scaled", replicas=1))
    with start_gateway(tmp_path, "--kubeconfig", str(controlled_backend.kubeconfig)) as gateway:
        for replicas in (3, 0):
            field = f'scaleDeployment(name: "scaled", replicas: {replicas})'
            answer = await gateway.data(f"mutation {{ {field} {{ spec {{ replicas }} }} }}")
            assert answer["scaleDeployment"]["spec"]["replicas"] == replicas

            def has_pods(expected: int = replicas) -> bool:
                selector = {"labelSelector": "app=scaled"}
                pods = api.get(core("pods", "default"), params=selector)["items"]
                return sum("deletionTimestamp" not in pod["metadata"] for pod in pods) == expected

            wait_until(has_pods, f"{replicas} pods")
    api.delete(path)
