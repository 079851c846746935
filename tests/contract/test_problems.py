"""``problems``: failed health, dangling references and warnings, of a namespace and of the cluster.

Covers ``gateway/resolvers/problems/dangling.py``, ``gateway/resolvers/problems/listing.py``,
``gateway/resolvers/problems/read.py`` and ``schema/building/problems.py``.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_health import CRASHED
from tests.fixtures.api import API, CRDS, bearer, core, crd, deployment, grant, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.custom_kinds import install_kind
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import wait_until

QUERY = """query($n: String, $kinds: [String!]) { problems(namespace: $n, kinds: $kinds) {
  reason message since object { kind metadata { name } ... on Pod { status { phase } } } } }"""
Found = dict[tuple[str, str, str], dict[str, Any]]


async def find(gateway: GatewayProcess, namespace: str | None, kinds: list[str] | None = None) -> Found:
    problems = (await gateway.data(QUERY, {"n": namespace, "kinds": kinds}))["problems"]
    return {
        (item["object"]["kind"], item["object"]["metadata"]["name"], item["reason"]): item
        for item in problems
    }


def crash(api: API, namespace: str, name: str, **spec: Any) -> None:
    body = pod(name, labels={"app": name})
    body["spec"].update(spec)
    api.create(core("pods", namespace), body)
    api.merge(core("pods", namespace, name, "status"), {"status": CRASHED})


def warn(
    api: API, namespace: str, event_name: str, age: timedelta, *, reason: str = "FailedMount", **involved: Any
) -> None:
    time = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "metadata": {"name": event_name, "namespace": namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, **involved},
        "type": "Warning",
        "reason": reason,
        "message": f"{event_name}: cannot mount",
        "firstTimestamp": time,
        "lastTimestamp": time,
    }
    api.create(core("events", namespace), event)


async def test_a_crashing_pod_and_a_failed_job(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    crash(api, namespace, "crashing")
    api.create(core("pods", namespace), pod("new", labels={}))
    job = {
        "metadata": {"name": "import"},
        "spec": {"template": {"spec": {**pod("x", labels={})["spec"], "restartPolicy": "Never"}}},
    }
    api.create(grouped("batch/v1", "jobs", namespace), job)
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
        "lastTransitionTime": time,
    }
    target = {**failed, "type": "FailureTarget"}
    status = {"startTime": time, "failed": 7, "conditions": [target, failed]}
    api.merge(grouped("batch/v1", "jobs", namespace, "import", "status"), {"status": status})

    found = await find(gateway, namespace)
    crashing = found["Pod", "crashing", "CrashLoopBackOff"]
    assert crashing["message"].startswith("Container main crashes again and again: exit code 3")
    assert crashing["since"] is not None
    assert crashing["object"]["status"] == {"phase": "Running"}
    assert found["Job", "import", "BackoffLimitExceeded"]["since"] == time
    assert not [key for key in found if key[1] == "new" and key[2] != "MissingServiceAccount"]
    assert {kind for kind, _, _ in await find(gateway, namespace, ["Job.batch"])} == {"Job"}
    assert ("Pod", "crashing", "CrashLoopBackOff") in await find(gateway, None)


async def test_references_to_objects_that_do_not_exist(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    api.create(core("configmaps", namespace), {"metadata": {"name": "there"}})
    volumes = [
        {"name": "a", "configMap": {"name": "there"}},
        {"name": "b", "configMap": {"name": "gone"}},
        {"name": "c", "secret": {"secretName": "gone", "optional": True}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    body = pod("lonely", labels={})
    body["spec"]["volumes"] = volumes
    body["spec"]["containers"][0]["env"] = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "password", "key": "x"}}}
    ]
    api.create(core("pods", namespace), body)
    found = await find(gateway, namespace, ["Pod"])
    assert {reason: item["message"] for (_, _, reason), item in found.items() if "Account" not in reason} == {
        "MissingConfigMap": "The ConfigMap gone does not exist.",
        "MissingPersistentVolumeClaim": "The PersistentVolumeClaim data does not exist.",
        "MissingSecret": "The Secret password does not exist.",
    }


async def missing(gateway: GatewayProcess, namespace: str | None) -> set[tuple[str, str, str]]:
    """The dangling references: kind and name of the object, and the message."""
    problems = (await gateway.data(QUERY, {"n": namespace}))["problems"]
    return {
        (item["object"]["kind"], item["object"]["metadata"]["name"], item["message"])
        for item in problems
        if item["reason"].startswith("Missing")
        and item["reason"] not in ("MissingServiceAccount", "MissingNode")
    }


def create_dangling(api: API, namespace: str) -> set[tuple[str, str, str]]:
    """Objects of several kinds that name objects that do not exist; returns the problems."""
    broken = deployment("broken")
    broken["spec"]["template"]["spec"]["volumes"] = [{"name": "a", "secret": {"secretName": "gone"}}]
    api.create(grouped("apps/v1", "deployments", namespace), broken)
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"}
    api.create(
        grouped("autoscaling/v2", "horizontalpodautoscalers", namespace),
        {"metadata": {"name": "scaler"}, "spec": {"scaleTargetRef": scaled, "maxReplicas": 2}},
    )
    backend = {"service": {"name": "gone", "port": {"number": 80}}}
    tls = [{"hosts": ["web.example"], "secretName": "cert"}]
    api.create(
        grouped("networking.k8s.io/v1", "ingresses", namespace),
        {"metadata": {"name": "web"}, "spec": {"defaultBackend": backend, "tls": tls}},
    )
    return {
        ("Deployment", "broken", "The Secret gone does not exist."),
        ("HorizontalPodAutoscaler", "scaler", "The Deployment gone does not exist."),
        ("Ingress", "web", "The Service gone does not exist."),
        ("Ingress", "web", "The Secret cert does not exist."),
    }


async def test_dangling_references_of_any_kind(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    expected = create_dangling(backend.api(), namespace)
    assert await missing(gateway, namespace) == expected
    assert expected <= await missing(gateway, None)


RBAC = "rbac.authorization.k8s.io"
HOOKS = grouped("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations")
REFERENCE = {
    "type": "object",
    "properties": {key: {"type": "string"} for key in ("kind", "name", "namespace")},
}


def create_cluster_objects(api: API, namespace: str) -> None:
    """A role binding, a web hook and a custom resource that name objects that do not exist."""
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "gone"}
    subject = {"kind": "ServiceAccount", "name": "later", "namespace": namespace}
    api.create(
        grouped(f"{RBAC}/v1", "rolebindings", namespace),
        {"metadata": {"name": "binding"}, "roleRef": role, "subjects": [subject]},
    )
    none = {"apiGroups": ["none.test"], "apiVersions": ["*"], "operations": ["*"], "resources": ["none"]}
    hook = {
        "name": "hook.example.test",
        "clientConfig": {"service": {"name": "hook", "namespace": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [none],
    }
    api.create(HOOKS, {"metadata": {"name": namespace}, "webhooks": [hook]})
    spec = {"type": "object", "properties": {"targetRefs": {"type": "array", "items": REFERENCE}}}
    schema = {"type": "object", "properties": {"spec": spec}}
    install_kind(api, crd("dangling.example.test", "Pointer", schema))
    path = grouped("dangling.example.test/v1", "pointers", namespace)
    references = [
        {"kind": "Service", "name": "gone"},
        {"kind": "Pod", "name": "gone", "namespace": "team-0"},
        {"kind": "Unknown", "name": "gone"},
    ]
    pointer = {"apiVersion": "dangling.example.test/v1", "kind": "Pointer", "metadata": {"name": "it"}}
    api.create(path, {**pointer, "spec": {"targetRefs": references}})


@pytest.mark.cluster
async def test_dangling_references_across_namespaces_and_of_custom_resources(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    api, space = seeded_cluster.api(), "dangling-across"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    create_cluster_objects(api, space)
    with start_gateway(tmp_path, "--kubeconfig", str(seeded_cluster.kubeconfig)) as gateway:
        here, everywhere = [await missing(gateway, namespace) for namespace in (space, None)]
    assert here == {
        ("RoleBinding", "binding", "The ClusterRole gone does not exist."),
        ("Pointer", "it", "The Service gone does not exist."),
        ("Pointer", "it", "The Pod gone of the namespace team-0 does not exist."),
    }
    hook = (
        "ValidatingWebhookConfiguration",
        space,
        f"The Service hook of the namespace {space} does not exist.",
    )
    assert here | {hook} <= everywhere
    # Kubernetes' own objects refer to nothing that is missing
    assert not [item for item in everywhere if item[1].startswith("system:")]
    api.delete(f"{HOOKS}/{space}")
    api.delete(f"{CRDS}/pointers.dangling.example.test")


async def test_each_kind_is_listed_once_and_targets_by_their_metadata(
    tapped_gateway: TappedGateway, backend: Backend, namespace: str
) -> None:
    create_dangling(backend.api(), namespace)
    tapped_gateway.tap.requests.clear()
    await find(tapped_gateway.gateway, namespace)
    requests = [
        item for item in tapped_gateway.tap.requests if "/apis/" in item.target or "/api/" in item.target
    ]
    targets = [item.target.partition("?")[0] for item in requests]
    assert len(targets) == len(set(targets))
    accept = {item.target.partition("?")[0].rpartition("/")[2]: item.accept for item in requests}
    assert "PartialObjectMetadata" in accept["secrets"]
    assert "configmaps" not in accept


@pytest.mark.cluster
async def test_what_the_caller_may_not_list_is_no_problem_and_named(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    api, space = seeded_cluster.api(), "problems-of-bob"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    body = pod("lonely", labels={})
    body["spec"]["volumes"] = [
        {"name": "a", "configMap": {"name": "gone"}},
        {"name": "b", "secret": {"secretName": "gone"}},
    ]
    api.create(core("pods", space), body)
    warn(api, space, "warning", timedelta(minutes=1), name="gone", uid="1234")
    rule = {"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["get", "list"]}
    grant(api, "bob-sees-some", "bob", rule, namespace=space)
    wait_until(lambda: seeded_cluster.api("bob").request("GET", core("pods", space)).is_success, "bob's role")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        answer = await gateway.execute(QUERY, {"n": space}, headers=bearer("bob"))
    assert "errors" not in answer
    assert [item["reason"] for item in answer["data"]["problems"]] == ["MissingConfigMap"]
    left_out = {
        (item["apiVersion"], item["kind"]): item["code"]
        for item in answer["extensions"]["leftOut"]["problems"]
    }
    refused = [("v1", "Secret"), ("v1", "Event"), ("apps/v1", "Deployment")]
    assert {left_out[kind] for kind in refused} == {"FORBIDDEN"}
    assert not {("v1", "Pod"), ("v1", "ConfigMap")} & left_out.keys()


async def test_warnings_of_the_last_hour(gateway: GatewayProcess, backend: Backend, namespace: str) -> None:
    api = backend.api()
    uid = api.create(core("pods", namespace), pod("warned", labels={}))["metadata"]["uid"]
    warn(api, namespace, "old", timedelta(hours=2), name="warned", uid=uid)
    warn(api, namespace, "first", timedelta(minutes=50), name="warned", uid=uid)
    warn(api, namespace, "last", timedelta(minutes=1), name="warned", uid=uid)
    warn(api, namespace, "gone", timedelta(minutes=1), name="gone", uid="1234")
    warn(
        api,
        namespace,
        "other",
        timedelta(minutes=1),
        name="it",
        uid="12",
        kind="Other",
        apiVersion="x.example/v1",
    )
    found = {key: item for key, item in (await find(gateway, namespace)).items() if key[2] == "FailedMount"}
    assert found.keys() == {("Pod", "warned", "FailedMount"), ("Other", "it", "FailedMount")}
    warned = found["Pod", "warned", "FailedMount"]
    assert warned["message"] == "last: cannot mount"
    assert datetime.now(UTC) - datetime.fromisoformat(warned["since"]) > timedelta(minutes=45)


async def test_an_error_that_health_and_a_warning_report_is_one_problem(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    crash(api, namespace, "crashing")
    uid = api.get(core("pods", namespace, "crashing"))["metadata"]["uid"]
    for number, reason in enumerate(("BackOff", "CrashLoopBackOff", "FailedMount")):
        age = timedelta(minutes=1)
        warn(api, namespace, f"pod-{number}", age, reason=reason, name="crashing", uid=uid)
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    replica_set = {"metadata": {"name": "full"}, "spec": deployment("full")["spec"]}
    created = api.create(grouped("apps/v1", "replicasets", namespace), replica_set)
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "lastTransitionTime": time,
    }
    path = grouped("apps/v1", "replicasets", namespace, "full", "status")
    api.merge(path, {"status": {"replicas": 0, "conditions": [failure]}})
    warned = {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "name": "full",
        "uid": created["metadata"]["uid"],
    }
    warn(api, namespace, "full-1", timedelta(minutes=1), reason="FailedCreate", **warned)
    problems = (await gateway.data(QUERY, {"n": namespace, "kinds": ["Pod", "ReplicaSet.apps"]}))["problems"]
    found = sorted(
        (item["object"]["metadata"]["name"], item["reason"])
        for item in problems
        if item["reason"] != "MissingServiceAccount"
    )
    assert found == [("crashing", "CrashLoopBackOff"), ("crashing", "FailedMount"), ("full", "FailedCreate")]
    (failed,) = [item for item in problems if item["reason"] == "FailedCreate"]
    assert failed["message"] == "full-1: cannot mount"
    assert failed["since"] == time


async def test_a_kind_that_is_not_served(gateway: GatewayProcess) -> None:
    error = await gateway.error('{ problems(kinds: ["Nothing"]) { reason } }')
    assert error["extensions"]["code"] == "BAD_REQUEST"
