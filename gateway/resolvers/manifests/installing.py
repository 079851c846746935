"""The kinds that a manifest installs by its CustomResourceDefinitions, and waiting until they are served."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from gateway.kube.client import KubeClient
from gateway.resolvers.decoding import decode_object
from schema.manifests import ManifestObject

__all__ = [
    "WAIT_SECONDS",
    "await_active",
    "await_established",
    "comes_first",
    "defined_kind",
    "defined_kinds",
    "is_namespace",
]

JSONObject = dict[str, Any]
WAIT_SECONDS = 30.0
"""The longest wait, for all namespaces and CustomResourceDefinitions of a manifest together."""
_GROUP = "apiextensions.k8s.io"
_KIND = "CustomResourceDefinition"
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


def is_namespace(item: ManifestObject) -> bool:
    """Whether it is a namespace."""
    return (item.kind.group, item.kind.kind) == ("", "Namespace")


def comes_first(item: ManifestObject) -> bool:
    """Whether other objects need it: a namespace or a CustomResourceDefinition."""
    return is_namespace(item) or (item.kind.group, item.kind.kind) == (_GROUP, _KIND)


def defined_kinds(objects: Iterable[ManifestObject]) -> set[tuple[str, str]]:
    """The group and kind of each CustomResourceDefinition."""
    return {kind for item in objects if (kind := defined_kind(item)) is not None}


def defined_kind(item: ManifestObject) -> tuple[str, str] | None:
    """The group and kind that it defines; None for another object, or a malformed one."""
    if (item.kind.group, item.kind.kind) != (_GROUP, _KIND):
        return None
    spec = item.content.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(names, dict):
        return None
    return str(spec.get("group")), str(names.get("kind"))


async def await_active(client: KubeClient, path: str, namespace: JSONObject, deadline: float) -> str:
    """Wait until a namespace is active; returns the reason if it is not.

    ``namespace`` is the object as applied; ``deadline`` is of the monotonic clock. Raises GatewayError.
    """

    def state(found: JSONObject) -> str | None:
        phase = _status(found).get("phase")
        return "" if phase == "Active" else "it is being deleted" if phase == "Terminating" else None

    return await _await_state(client, path, namespace, state, deadline)


async def await_established(client: KubeClient, path: str, definition: JSONObject, deadline: float) -> str:
    """Wait until a CustomResourceDefinition is established; returns the reason if it is not.

    ``definition`` is the object as applied; ``deadline`` is of the monotonic clock. Raises GatewayError.
    """

    def state(found: JSONObject) -> str | None:
        listed = _status(found).get("conditions") or ()
        conditions = {condition.get("type"): condition for condition in listed}
        if conditions.get("Established", {}).get("status") == "True":
            return ""
        names = conditions.get("NamesAccepted", {})
        refused = names.get("status") == "False"
        return f"its names are not accepted: {names.get('message')}" if refused else None

    return await _await_state(client, path, definition, state, deadline)


async def _await_state(
    client: KubeClient,
    path: str,
    found: JSONObject,
    state: Callable[[JSONObject], str | None],
    deadline: float,
) -> str:
    """Read the object until ``state`` is not None, which is its result."""
    pause = _FIRST_PAUSE_SECONDS
    while (reason := state(found)) is None:
        if time.monotonic() > deadline:
            return f"it is not ready after {WAIT_SECONDS:g} s"
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        found = decode_object((await client.get(path)).body)
    return reason


def _status(found: JSONObject) -> JSONObject:
    status = found.get("status")
    return status if isinstance(status, dict) else {}
