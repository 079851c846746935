"""``applyManifest`` and ``deleteManifest``: order, outcomes, waiting, options and refusals.

Covers ``gateway/resolvers/manifests/apply.py`` and ``gateway/resolvers/manifests/delete.py``.
"""

import json
from typing import Any

import pytest
import yaml

from tests.fixtures.api import API, CRDS, core, crd, grant, grouped
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually, wait_until

APPLY = """mutation($m: String!, $n: String, $dryRun: Boolean, $force: Boolean, $stop: Boolean,
    $manager: String, $validation: FieldValidation) {
  answer: applyManifest(manifest: $m, namespace: $n, dryRun: $dryRun, force: $force, stopOnError: $stop,
      fieldManager: $manager, fieldValidation: $validation) {
    documents { index apiVersion kind namespace name outcome object { kind metadata { name } json }
      error { code message causes } } } }"""
DELETE = """mutation($m: String!, $n: String, $dryRun: Boolean, $ignore: Boolean, $stop: Boolean,
    $policy: DeletionPropagation, $grace: Int) {
  answer: deleteManifest(manifest: $m, namespace: $n, dryRun: $dryRun, ignoreNotFound: $ignore,
      stopOnError: $stop, propagationPolicy: $policy, gracePeriodSeconds: $grace) {
    documents { index kind namespace name outcome object { kind } error { code message } } } }"""
Documents = list[dict[str, Any]]


@pytest.fixture
def api(backend: Backend) -> API:
    return backend.api()


async def apply(gateway: GatewayProcess, manifest: str, **variables: Any) -> Documents:
    documents: Documents = (await gateway.data(APPLY, {"m": manifest, **variables}))["answer"]["documents"]
    return documents


async def delete(gateway: GatewayProcess, manifest: str, **variables: Any) -> Documents:
    documents: Documents = (await gateway.data(DELETE, {"m": manifest, **variables}))["answer"]["documents"]
    return documents


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def text(*objects: dict[str, Any]) -> str:
    return yaml.safe_dump_all(objects)


def outcomes(documents: Documents) -> list[str]:
    return [document["outcome"] for document in documents]


async def test_objects_are_created_configured_or_unchanged(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    first = await apply(gateway, text(config_map("one", a="1"), config_map("two", a="1")), n=namespace)
    assert outcomes(first) == ["CREATED", "CREATED"]
    assert [item["index"] for item in first] == [0, 1]
    assert first[0]["namespace"] == namespace
    assert first[0]["object"]["metadata"]["name"] == "one"
    assert first[0]["object"]["json"] == api.get(core("configmaps", namespace, "one"))

    again = await apply(gateway, text(config_map("one", a="1"), config_map("two", a="2")), n=namespace)
    assert outcomes(again) == ["UNCHANGED", "CONFIGURED"]
    assert api.get(core("configmaps", namespace, "two"))["data"] == {"a": "2"}
    version = first[0]["object"]["json"]["metadata"]["resourceVersion"]
    assert api.get(core("configmaps", namespace, "one"))["metadata"]["resourceVersion"] == version


async def test_a_dry_run_has_the_same_outcomes_and_stores_nothing(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    await apply(gateway, text(config_map("one", a="1"), config_map("two", a="1")), n=namespace)
    manifest = text(config_map("one", a="1"), config_map("two", a="2"), config_map("three"))
    documents = await apply(gateway, manifest, n=namespace, dryRun=True)
    assert outcomes(documents) == ["UNCHANGED", "CONFIGURED", "CREATED"]
    assert api.get(core("configmaps", namespace, "two"))["data"] == {"a": "1"}
    assert api.request("GET", core("configmaps", namespace, "three")).status_code == 404


async def test_namespaces_come_first_and_lists_stand_for_their_items(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    other = f"{namespace}-other"
    items = [config_map("one", a="1"), {"metadata": {"name": "two"}}]
    manifest = text(
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": items},
        {"apiVersion": "v1", "kind": "List", "items": [config_map("three")]},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other, "namespace": "ignored"}},
    )
    documents = await apply(gateway, manifest.replace("name: one", f"name: one\n    namespace: {other}"))
    assert outcomes(documents) == ["CREATED"] * 4
    assert [item["index"] for item in documents] == [0, 1, 2, 3]
    assert [item["namespace"] for item in documents] == [other, "default", "default", None]
    assert api.get(core("configmaps", other, "one"))["data"] == {"a": "1"}

    deleted = await delete(gateway, manifest.replace("name: one", f"name: one\n    namespace: {other}"))
    assert outcomes(deleted) == ["DELETED"] * 4
    assert api.request("GET", core("configmaps", "default", "two")).status_code == 404


async def test_a_kind_is_installed_and_used_by_one_manifest(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    group = f"{namespace}.example.org"
    definition = crd(group, "Widget", {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    meta = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}, "size": 5}
    manifest = text(widget, {**meta, **definition})

    dry = await apply(gateway, manifest, n=namespace, dryRun=True)
    assert outcomes(dry) == ["SKIPPED", "CREATED"]
    assert dry[0]["error"]["code"] == "NOT_FOUND"
    assert "dry run" in dry[0]["error"]["message"]

    documents = await apply(gateway, manifest, n=namespace)
    assert outcomes(documents) == ["CREATED", "CREATED"], documents
    assert documents[0]["object"]["json"]["size"] == 5
    assert api.get(grouped(f"{group}/v1", "widgets", namespace, "one"))["size"] == 5
    assert outcomes(await apply(gateway, manifest, n=namespace)) == ["UNCHANGED", "UNCHANGED"]

    deleted = await delete(gateway, manifest, n=namespace)
    assert outcomes(deleted) == ["DELETED", "DELETED"]
    wait_until(
        lambda: api.request("GET", f"{CRDS}/widgets.{group}").status_code == 404,
        "the definition to be deleted",
    )

    async def is_removed() -> bool:
        resources = (await gateway.data("{ resources { group } }"))["resources"]
        return group not in {resource["group"] for resource in resources}

    # other tests share the gateway, and compare its schema
    await eventually(is_removed, "the schema to be without the kind")


async def test_a_failure_leaves_the_others_unless_it_stops_them(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    unknown = {"apiVersion": "nowhere.example.org/v1", "kind": "Absent", "metadata": {"name": "x"}}
    manifest = text(config_map("one"), unknown, config_map("two"))
    documents = await apply(gateway, manifest, n=namespace)
    assert outcomes(documents) == ["CREATED", "FAILED", "CREATED"]
    assert documents[1]["error"]["code"] == "BAD_REQUEST"
    assert "nowhere.example.org/v1" in documents[1]["error"]["message"]

    manifest = text(config_map("three"), unknown, config_map("four"))
    documents = await apply(gateway, manifest, n=namespace, stop=True)
    assert outcomes(documents) == ["CREATED", "FAILED", "SKIPPED"]
    assert api.request("GET", core("configmaps", namespace, "four")).status_code == 404


async def test_a_conflict_names_each_field_and_its_manager_and_force_takes_them(
    gateway: GatewayProcess, namespace: str
) -> None:
    manifest = text(config_map("one", a="1", b="1"))
    await apply(gateway, manifest, n=namespace, manager="first")
    changed = text(config_map("one", a="2", b="2"))
    (document,) = await apply(gateway, changed, n=namespace, manager="second")
    assert document["outcome"] == "FAILED"
    assert document["error"]["code"] == "CONFLICT"
    causes = document["error"]["causes"]
    assert sorted(cause["field"] for cause in causes) == [".data.a", ".data.b"]
    assert all("first" in cause["message"] for cause in causes)

    (document,) = await apply(gateway, changed, n=namespace, manager="second", force=True)
    assert document["outcome"] == "CONFIGURED"


async def test_a_refused_object_has_the_causes_of_the_api_server(
    gateway: GatewayProcess, namespace: str
) -> None:
    unknown = {**config_map("one"), "unheardOf": 1}
    (document,) = await apply(gateway, text(unknown), n=namespace)
    assert (document["outcome"], document["error"]["code"]) == ("FAILED", "BAD_REQUEST")
    assert "unheardOf" in document["error"]["message"]
    immutable = {**config_map("one", a="1"), "immutable": True}
    await apply(gateway, text(immutable), n=namespace)
    (document,) = await apply(gateway, text({**immutable, "data": {"a": "2"}}), n=namespace)
    assert (document["outcome"], document["error"]["code"]) == ("FAILED", "INVALID")
    assert [cause["field"] for cause in document["error"]["causes"]] == ["data"]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("x: [\n", "line 7, column 1"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: 1, a: 2}\n", "'a' occurs twice"),
        ("apiVersion: v1\nkind: ConfigMap\n", "metadata.name of ConfigMap is missing (line 6"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: b}\n", "generateName"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n", "quote it (line 6"),
        ("apiVersion: v1\nmetadata: {name: b}\n", "kind is missing (line 6"),
        ("kind: ConfigMap\nmetadata: {name: b}\n", "apiVersion is missing (line 6"),
        ("- a\n", "a list (line 6"),
        ("apiVersion: apps/v1/deployments\nkind: A\nmetadata: {name: a}\n", "apiVersion"),
        ("apiVersion: ../v1\nkind: A\nmetadata: {name: a}\n", "apiVersion"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../b}\n", "line 6"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: other}\n", "namespace"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: *nope\n", "no anchor"),
    ],
)
async def test_a_malformed_manifest_names_the_line_and_changes_nothing(
    gateway: GatewayProcess, api: API, namespace: str, broken: str, words: str
) -> None:
    good = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: good\n---\n"
    answer = await gateway.execute(APPLY, {"m": good + broken, "n": namespace})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert words in error["message"]
    assert api.request("GET", core("configmaps", namespace, "good")).status_code == 404


async def test_aliases_that_grow_without_bound_are_refused(gateway: GatewayProcess) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    error = await gateway.error(APPLY, {"m": f"l0: &l0 [a, b, c]\n{levels}\n"})
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "aliases" in error["message"]


async def test_an_empty_manifest_is_refused(gateway: GatewayProcess) -> None:
    for empty in ("", "---\n# nothing\n---\nnull\n", "apiVersion: v1\nkind: List\nitems: []\n"):
        error = await gateway.error(APPLY, {"m": empty})
        assert "no objects" in error["message"]


async def test_a_key_that_occurs_twice_is_a_warning_if_asked(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: '1', a: '2'}\n"
    answer = await gateway.execute(APPLY, {"m": manifest, "n": namespace, "validation": "WARN"})
    (warning,) = answer["extensions"]["warnings"]
    assert "line 4" in warning["message"]
    assert api.get(core("configmaps", namespace, "twice"))["data"] == {"a": "2"}


async def test_json_objects_may_follow_each_other(gateway: GatewayProcess, api: API, namespace: str) -> None:
    manifest = json.dumps(config_map("one", a="1")) + json.dumps(config_map("two"))
    assert outcomes(await apply(gateway, manifest, n=namespace)) == ["CREATED", "CREATED"]
    assert api.get(core("configmaps", namespace, "one"))["data"] == {"a": "1"}


async def test_deletion_reports_each_object(gateway: GatewayProcess, api: API, namespace: str) -> None:
    manifest = text(config_map("one"), config_map("two"))
    await apply(gateway, text(config_map("two")), n=namespace)

    dry = await delete(gateway, manifest, n=namespace, dryRun=True, ignore=True)
    assert outcomes(dry) == ["NOT_FOUND", "DELETED"]
    assert api.get(core("configmaps", namespace, "two"))

    documents = await delete(gateway, manifest, n=namespace, policy="BACKGROUND", grace=0)
    assert outcomes(documents) == ["NOT_FOUND", "DELETED"]
    assert documents[0]["error"]["code"] == "NOT_FOUND"
    assert documents[1]["error"] is None

    documents = await delete(gateway, manifest, n=namespace, stop=True)
    assert outcomes(documents) == ["SKIPPED", "NOT_FOUND"]


async def test_an_object_with_finalizers_is_returned_while_it_is_deleted(
    gateway: GatewayProcess, api: API, namespace: str
) -> None:
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.org/hold"]
    await apply(gateway, text(held), n=namespace)
    (document,) = await delete(gateway, text(held), n=namespace)
    assert document["outcome"] == "DELETED"
    assert document["object"] == {"kind": "ConfigMap"}
    api.merge(core("configmaps", namespace, "held"), {"metadata": {"finalizers": None}})


async def test_more_requests_than_allowed_are_refused_before_the_first_write(
    backend: Backend, namespace: str, tmp_path: Any
) -> None:
    with start_gateway(
        tmp_path, "--kubeconfig", str(backend.kubeconfig), "--max-upstream-requests", "5"
    ) as small:
        manifest = text(*(config_map(f"many-{number}") for number in range(3)))
        error = await small.error(APPLY, {"m": manifest, "n": namespace})
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert "6 requests" in error["message"]
        found = backend.api().request("GET", core("configmaps", namespace, "many-0"))
        assert found.status_code == 404
        assert outcomes(await delete(small, manifest, n=namespace)) == ["NOT_FOUND"] * 3


async def test_a_filtered_kind_cannot_be_applied(backend: Backend, namespace: str, tmp_path: Any) -> None:
    arguments = ["--kubeconfig", str(backend.kubeconfig), "--exclude", "configmaps:patch,*.example.org"]
    with start_gateway(tmp_path, *arguments) as filtered:
        error = await filtered.error(APPLY, {"m": text(config_map("one")), "n": namespace})
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "ConfigMap" in error["message"]
        assert backend.api().request("GET", core("configmaps", namespace, "one")).status_code == 404


async def test_a_gateway_that_only_reads_has_no_manifest_fields(backend: Backend, tmp_path: Any) -> None:
    arguments = ["--kubeconfig", str(backend.kubeconfig), "--include", "*:get+list+watch"]
    with start_gateway(tmp_path, *arguments) as reading:
        answer = await reading.execute(
            '{ __type(name: "Mutation") { name } query: __type(name: "Query") { fields { name } } }'
        )
        assert answer["data"]["__type"] is None
        names = {field["name"] for field in answer["data"]["query"]["fields"]}
        assert not {name for name in names if name.startswith("diff")}


async def test_the_outcome_of_a_masked_secret_comes_from_its_version(
    backend: Backend, namespace: str, tmp_path: Any
) -> None:
    def secret(value: str) -> str:
        written = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
        return text({**written, "stringData": {"a": value}})

    with start_gateway(tmp_path, "--kubeconfig", str(backend.kubeconfig), "--redact") as masking:
        seen = [await apply(masking, secret(value), n=namespace) for value in ("1", "1", "2")]
        assert [outcome for documents in seen for outcome in outcomes(documents)] == [
            "CREATED",
            "UNCHANGED",
            "CONFIGURED",
        ]
        (dry,) = await apply(masking, secret("2"), n=namespace, dryRun=True)
        assert dry["outcome"] == "FAILED"
        assert "--redact" in dry["error"]["message"]


async def test_an_api_server_that_does_not_answer_ends_the_manifest(
    shared_tapped_gateway: TappedGateway, namespace: str
) -> None:
    shared_tapped_gateway.tap.cut()
    documents = await apply(
        shared_tapped_gateway.gateway, text(config_map("a"), config_map("b")), n=namespace
    )
    shared_tapped_gateway.tap.mend()
    assert outcomes(documents) == ["FAILED", "SKIPPED"]
    assert documents[0]["error"]["code"] == "UPSTREAM_UNAVAILABLE"
    again = await apply(shared_tapped_gateway.gateway, text(config_map("a"), config_map("b")), n=namespace)
    assert outcomes(again) == ["CREATED", "CREATED"]


async def test_objects_are_sent_in_order(shared_tapped_gateway: TappedGateway, namespace: str) -> None:
    manifest = text(config_map("b"), config_map("a"), config_map("c"))
    await apply(shared_tapped_gateway.gateway, manifest, n=namespace)
    sent = [request.target for request in shared_tapped_gateway.tap.requests if request.method == "PATCH"]
    assert [path.partition("?")[0].rpartition("/")[2] for path in sent] == ["b", "a", "c"]


@pytest.mark.cluster
async def test_a_caller_without_the_right_to_get_learns_the_outcome(
    seeded_cluster: Backend, tmp_path: Any
) -> None:
    api = seeded_cluster.api()
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch", "create"]}
    grant(api, "alice-applies", "alice", rule, namespace="team-0")
    with start_gateway(
        tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig), "--context", "alice"
    ) as gateway:
        seen = []
        for value in ("1", "1", "2"):
            manifest = text(config_map("blind", a=value))
            seen += outcomes(await apply(gateway, manifest, n="team-0"))
        assert seen == ["CREATED", "UNCHANGED", "CONFIGURED"]
        (dry,) = await apply(gateway, manifest, n="team-0", dryRun=True)
        assert (dry["outcome"], dry["error"]["code"]) == ("FAILED", "FORBIDDEN")
