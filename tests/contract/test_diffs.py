"""``diffX`` and ``diffManifest``: the changes of an apply, by a dry run that stores nothing.

Covers ``gateway/resolvers/manifests/diff.py``.
"""

import json
from typing import Any

import pytest
import yaml

from tests.contract.test_manifests import config_map, text
from tests.fixtures.api import API, core, grant, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway

DIFF = "changes { path before after } unified"
MANIFEST = f"""query($m: String!, $n: String, $force: Boolean, $manager: String) {{
  answer: diffManifest(manifest: $m, namespace: $n, force: $force, fieldManager: $manager) {{
    documents {{ index kind namespace name diff {{ {DIFF} }} error {{ code message causes }} }} }} }}"""


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


async def diff(gateway: GatewayProcess, kind: str, namespace: str, written: Any, options: str = "") -> Any:
    field = f"a: diff{kind}(objectJson: $o, namespace: $n{options}) {{ {DIFF} }}"
    query = f"query($o: JSON, $n: String) {{ {field} }}"
    return (await gateway.data(query, {"o": written, "n": namespace}))["a"]


async def diffs(gateway: GatewayProcess, manifest: str, **variables: Any) -> list[dict[str, Any]]:
    answer = await gateway.data(MANIFEST, {"m": manifest, **variables})
    documents: list[dict[str, Any]] = answer["answer"]["documents"]
    return documents


async def test_the_changed_fields_and_lines_of_a_deployment(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    path = grouped("apps/v1", "deployments", namespace, "web")
    live = api.get(path)
    container = {"name": "main", "image": "registry.example/main:2.0"}
    written = {
        "metadata": {"name": "web", "annotations": {"example.org/note": "new"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    answer = await diff(gateway, "Deployment", namespace, written, ", force: true")
    assert answer["changes"] == [
        {"path": 'metadata.annotations["example.org/note"]', "before": None, "after": "new"},
        {
            "path": 'spec.template.spec.containers[name="main"].image',
            "before": "registry.example/main:1.0",
            "after": "registry.example/main:2.0",
        },
    ]
    lines = answer["unified"].splitlines()
    assert lines[0] == f"--- live/apps.v1.Deployment.{namespace}.web"
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert [line.strip("+- ") for line in changed] == [
        "example.org/note: new",
        "image: registry.example/main:1.0",
        "image: registry.example/main:2.0",
    ]
    assert api.get(path)["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


async def test_an_object_that_does_not_exist_is_one_change(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    answer = await diff(gateway, "ConfigMap", namespace, config_map("one", a="1"))
    (change,) = answer["changes"]
    assert (change["path"], change["before"]) == ("", None)
    assert change["after"]["data"] == {"a": "1"}
    assert set(change["after"]["metadata"]) == {"name", "namespace"}
    body = answer["unified"].split("\n", 3)[3]
    assert yaml.safe_load("\n".join(line[1:] for line in body.splitlines())) == change["after"]
    assert api.request("GET", core("configmaps", namespace, "one")).status_code == 404


async def test_an_object_without_changes_has_an_empty_diff(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    api.create(core("configmaps", namespace), config_map("same", a="1"))
    assert await diff(gateway, "ConfigMap", namespace, config_map("same", a="1")) == {
        "changes": [],
        "unified": "",
    }


async def test_values_of_secrets_are_masked_as_by_kubectl(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    last_applied = {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"}
    live = {
        "metadata": {"name": "s", "annotations": last_applied},
        "data": {"same": "YQ==", "changed": "Yg=="},
    }
    api.create(core("secrets", namespace), live)
    written = {"metadata": {"name": "s"}, "data": {"same": "YQ==", "changed": "Y2M=", "new": "ZA=="}}
    answer = await diff(gateway, "Secret", namespace, written, ", force: true")
    assert answer["changes"] == [
        {"path": "data.changed", "before": "*** (before)", "after": "*** (after)"},
        {"path": "data.new", "before": None, "after": "***"},
    ]
    assert not any(value in answer["unified"] for value in ("YQ==", "Yg==", "Y2M=", "ZA==", "c2VjcmV0"))
    assert "*** (before)" in answer["unified"]

    absent = {"metadata": {"name": "absent"}, "data": {"a": "YQ=="}}
    (change,) = (await diff(gateway, "Secret", namespace, absent))["changes"]
    assert change["after"]["data"] == {"a": "***"}


async def test_a_conflict_is_an_error_unless_forced(gateway: GatewayProcess, namespace: str) -> None:
    applied = f'mutation {{ applyConfigMap(namespace: "{namespace}", fieldManager: "first", objectJson:'
    await gateway.data(f'{applied} {{metadata: {{name: "one"}}, data: {{a: "1"}}}}) {{ kind }} }}')
    manifest = text(config_map("one", a="2"))
    (document,) = await diffs(gateway, manifest, n=namespace, manager="second")
    assert (document["diff"], document["error"]["code"]) == (None, "CONFLICT")
    assert [cause["field"] for cause in document["error"]["causes"]] == [".data.a"]
    (document,) = await diffs(gateway, manifest, n=namespace, manager="second", force=True)
    assert document["diff"]["changes"] == [{"path": "data.a", "before": "1", "after": "2"}]


async def test_a_manifest_has_one_diff_per_object(gateway: GatewayProcess, api: API, namespace: str) -> None:
    api.create(core("configmaps", namespace), config_map("one", a="1"))
    unknown = {"apiVersion": "nowhere.example.org/v1", "kind": "Absent", "metadata": {"name": "x"}}
    namespaced = {**config_map("two"), "metadata": {"name": "two"}}
    documents = await diffs(gateway, text(config_map("one", a="1"), unknown, namespaced), n=namespace)
    assert [item["index"] for item in documents] == [0, 1, 2]
    assert documents[0]["diff"]["unified"] == ""
    assert documents[1]["error"]["code"] == "BAD_REQUEST"
    assert documents[2]["diff"]["changes"][0]["path"] == ""


async def test_a_diff_by_get_stores_nothing(gateway: GatewayProcess, api: API, namespace: str) -> None:
    manifest = json.dumps({**config_map("got"), "metadata": {"name": "got", "namespace": namespace}})
    selection = "documents { name diff { unified } error { message } }"
    query = f"{{ diffManifest(manifest: {json.dumps(manifest)}) {{ {selection} }} }}"
    response = await gateway.request("GET", "/graphql", params={"query": query})
    (document,) = response.json()["data"]["diffManifest"]["documents"]
    assert document["name"] == "got"
    assert document["diff"]["unified"]
    assert api.request("GET", core("configmaps", namespace, "got")).status_code == 404


@pytest.mark.cluster
async def test_a_diff_needs_the_right_to_patch(seeded_cluster: Backend, tmp_path: Any) -> None:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    grant(seeded_cluster.api(), "bob-reads-secrets", "bob", rule, namespace="team-0")
    arguments = ["--kubeconfig", str(seeded_cluster.kubeconfig), "--context", "bob"]
    with start_gateway(tmp_path, *arguments) as gateway:
        error = await gateway.error(
            '{ diffSecret(namespace: "team-0", objectJson: {metadata: {name: "s"}}) { unified } }'
        )
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "patch" in error["message"]


async def test_a_gateway_that_masks_secrets_does_not_compare_them(
    backend: Backend, namespace: str, tmp_path: Any
) -> None:
    with start_gateway(tmp_path, "--kubeconfig", str(backend.kubeconfig), "--redact") as gateway:
        field = f'diffSecret(namespace: "{namespace}", objectJson: {{metadata: {{name: "s"}}}})'
        error = await gateway.error(f"{{ {field} {{ unified }} }}")
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "--redact" in error["message"]
