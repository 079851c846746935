"""The gateway refuses no input that the real API server accepts, and sends the value unchanged."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fixtures.api import grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

TIMES = [
    "2026-01-31T09:30:00Z",
    "2026-01-31t09:30:00z",
    "2026-01-31T09:30:00.123456Z",
    "2026-01-31T09:30:00,5Z",
    "2026-01-31T9:30:00Z",
    "2026-01-31T09:30:00+23:59",
    "2026-01-31T09:30:00+24:00",
    "2026-01-31T09:30:00+99:99",
    "2026-01-31T09:30:60Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31 09:30:00Z",
    "2026-02-30T09:30:00Z",
    "0000-01-01T00:00:00Z",
    "2026-01-31",
    "",
]
BYTES = ["aGk=", "aGVs\nbG8=", "aGVs\r\nbG8=\n", "\naGk=", "aGVs bG8=", "aGk", "aGl=", "a-_=", "", "===="]
QUANTITIES = [
    *("1Gi", " 1Gi ", "\t1", "1.Gi", ".5", "+1", "1e3", "1E3", "1e+3", "1e-3", "1E", "1e", "", "1 Gi"),
    *(1, 1.5, 1e21, 2**53 + 1),
]
INTEGERS = [3, 3.0, 1e3, 1e18, 2**31, 2**53 + 1, 2**63, -(2**63), 1.5, True]
NUMBERS = [3, 3.0, 2**53 + 1, 2**63, 1e30, 0.1, "3", True]
PORTS = [80, "http", "80", 80.0, 2**40, 1.5, True, None]


def treasure(field: str, value: Any) -> dict[str, Any]:
    return {
        "apiVersion": "odd.example.com/v1",
        "kind": "Treasure",
        "metadata": {"name": "strict"},
        "spec": {"mode": "fast", field: value},
    }


def lease(value: Any) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "strict"},
        "spec": {"renewTime": value},
    }


def event(value: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "strict"},
        "involvedObject": {"namespace": "strict"},
        "lastTimestamp": value,
    }


def pod(value: Any) -> dict[str, Any]:
    volume = {"name": "v", "emptyDir": {"sizeLimit": value}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "strict"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [volume]},
    }


def service(value: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "strict"},
        "spec": {"ports": [{"port": 80, "targetPort": value}]},
    }


def webhook(value: Any) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "strict"},
        "webhooks": [
            {
                "name": "a.example.com",
                "clientConfig": {"url": "https://example.com/", "caBundle": value},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


GROUPS: dict[str, Sequence[dict[str, Any]]] = {
    "Base64 of a custom resource": [treasure("bytes", value) for value in BYTES],
    "Base64 of a built-in kind": [webhook(value) for value in BYTES],
    "DateTime of a custom resource": [treasure("time", value) for value in TIMES],
    "DateTime of a built-in kind": [event(value) for value in TIMES],
    "DateTime with microseconds": [lease(value) for value in TIMES],
    "Int64": [treasure("big", value) for value in INTEGERS],
    "Float": [treasure("number", value) for value in NUMBERS],
    "IntOrString of a custom resource": [treasure("port", value) for value in PORTS],
    "IntOrString of a built-in kind": [service(value) for value in PORTS],
    "Quantity": [pod(value) for value in QUANTITIES],
}


@pytest.mark.parametrize("group", GROUPS)
async def test_no_input_is_refused_that_the_api_server_accepts(
    odd: GatewayProcess, backend: Backend, namespace: str, group: str
) -> None:
    if not backend.is_real:
        pytest.skip("the demo does not validate values")
    for body in GROUPS[group]:
        await compare(odd, backend, namespace, body)


async def compare(odd: GatewayProcess, backend: Backend, namespace: str, body: dict[str, Any]) -> None:
    kind = body["kind"]
    is_namespaced = kind != "ValidatingWebhookConfiguration"
    if kind == "Event":
        body = {**body, "involvedObject": {"namespace": namespace}}
    plural = f"{kind.lower()}s"
    path = grouped(body["apiVersion"], plural, namespace if is_namespaced else None)
    path = path if "/" in body["apiVersion"] else path.replace("apis/", "api/", 1)
    response = backend.api().request("POST", path, json=body, params={"dryRun": "All"})
    if not response.is_success:
        return

    input_type = "OddExampleComV1TreasureInput" if kind == "Treasure" else f"{kind}Input"
    arguments = f"object: $o, dryRun: true{', namespace: $n' if is_namespaced else ''}"
    variables = {"o": body, **({"n": namespace} if is_namespaced else {})}
    created = await odd.data(
        f"mutation({'$n: String, ' if is_namespaced else ''}$o: {input_type}!) {{"
        f" created: create{kind}({arguments}) {{ json }} }}",
        variables,
    )

    answer = created["created"]["json"]
    for field in ("spec", "webhooks", "lastTimestamp"):
        if kind != "Service":  # its cluster IP differs
            assert answer.get(field) == response.json().get(field)
