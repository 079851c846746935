"""``problems``: failed health, dangling references and warnings, of a namespace and of the cluster."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.test_health import CRASHED
from tests.fixtures.api import API, core, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

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


def warn(api: API, namespace: str, event_name: str, age: timedelta, **involved: Any) -> None:
    time = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "metadata": {"name": event_name, "namespace": namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, **involved},
        "type": "Warning",
        "reason": "FailedMount",
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


async def test_a_kind_that_is_not_served(gateway: GatewayProcess) -> None:
    error = await gateway.error('{ problems(kinds: ["Nothing"]) { reason } }')
    assert error["extensions"]["code"] == "BAD_REQUEST"
