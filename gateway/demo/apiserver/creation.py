"""The fields that the API server sets when it creates or updates an object, by kind."""

import base64
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["Stamps", "prepare", "timestamp"]

Object = dict[str, Any]

# without vowels, so that suffixes form no words, and without characters that look alike
NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def timestamp(moment: datetime) -> str:
    """Format a UTC time as ``metadata`` does: RFC 3339, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Stamps:
    """Generates names, uids, addresses and timestamps; one seed reproduces the names and uids."""

    def __init__(self, seed: int | None = None, clock: Callable[[], datetime] | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311 - names, not secrets
        self.clock = clock or (lambda: datetime.now(UTC))
        self.addresses = 10

    def now(self) -> str:
        """Return the current time of the clock as a timestamp."""
        return timestamp(self.clock())

    def uid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """Return a random suffix for ``metadata.generateName``."""
        return "".join(self.random.choices(NAME_ALPHABET, k=length))

    def service_address(self) -> str:
        self.addresses += 1
        return f"10.96.{self.addresses // 250}.{self.addresses % 250 + 1}"


def prepare(plural: str, value: Object, stamps: Stamps) -> None:
    """Set the server-side fields of an object in place, by the plural name of its resource."""
    if (fill := PREPARATIONS.get(plural)) is not None:
        fill(value, stamps)


def _pod(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    containers = value["spec"].get("containers", ())
    limits = [item.get("resources") or {} for item in containers]
    if not any(limits):
        quality = "BestEffort"
    else:
        full = all(
            item.get("limits") and item.get("requests", item["limits"]) == item["limits"] for item in limits
        )
        quality = "Guaranteed" if full else "Burstable"
    value["status"] = {"phase": "Pending", "qosClass": quality}


def _service(value: Object, stamps: Stamps) -> None:
    spec = value["spec"]
    if spec["type"] != "ExternalName":
        address = spec.setdefault("clusterIP", stamps.service_address())
        spec.setdefault("clusterIPs", [address])
    value["status"] = {"loadBalancer": {}}


def _secret(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    value.setdefault("type", "Opaque")
    if plain := value.pop("stringData", None):
        encoded = {key: base64.b64encode(item.encode()).decode() for key, item in plain.items()}
        value["data"] = {**value.get("data", {}), **encoded}


def _namespace(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    metadata = value["metadata"]
    labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    metadata["labels"] = labels
    value["status"] = {"phase": "Active"}


def _autoscaler(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    value["status"] = {"desiredReplicas": 0}


def _node(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    value.setdefault("spec", {})


def _empty_status(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    value["status"] = {}


def _replicas_status(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    value["status"] = {"replicas": 0}


def _daemon_status(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    counts = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    value["status"] = dict.fromkeys(counts, 0)


def _budget_status(value: Object, stamps: Stamps) -> None:  # noqa: ARG001 - one signature for all kinds
    counts = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    value["status"] = dict.fromkeys(counts, 0)


def _definition(value: Object, stamps: Stamps) -> None:
    spec = value["spec"]
    names = spec["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    conditions = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    keys = ("type", "reason", "message")
    value["status"] = {
        "conditions": [
            {**dict(zip(keys, item, strict=True)), "status": "True", "lastTransitionTime": stamps.now()}
            for item in conditions
        ],
        "acceptedNames": dict(names),
        "storedVersions": [item["name"] for item in spec["versions"] if item.get("storage")],
    }


PREPARATIONS: Mapping[str, Callable[[Object, Stamps], None]] = {
    "pods": _pod,
    "customresourcedefinitions": _definition,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    "nodes": _node,
    "horizontalpodautoscalers": _autoscaler,
    "deployments": _empty_status,
    "jobs": _empty_status,
    "cronjobs": _empty_status,
    "statefulsets": _replicas_status,
    "replicasets": _replicas_status,
    "replicationcontrollers": _replicas_status,
    "daemonsets": _daemon_status,
    "poddisruptionbudgets": _budget_status,
}
