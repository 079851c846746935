"""The state of a rollout, from a workload's spec and status: the rules of ``kubectl rollout status``.

Pure. Counts are of the observed generation: before a controller has seen the newest spec, they mean nothing.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import WaitFailed

__all__ = ["RolloutStatus", "rollout_status"]

Object = Mapping[str, Any]


class RolloutStatus(msgspec.Struct, frozen=True):
    """The fields of ``RolloutStatus`` in GraphQL."""

    desired: int
    updated: int
    ready: int
    available: int
    message: str
    done: bool = False


def rollout_status(workload: Object) -> RolloutStatus:
    """The status of a Deployment, StatefulSet or DaemonSet.

    Raises WaitFailed if the rollout exceeded its deadline, or if the update strategy has no rollout.
    """
    match workload.get("kind"):
        case "Deployment":
            return _of_deployment(workload)
        case "StatefulSet":
            return _of_stateful_set(workload)
        case _:
            return _of_daemon_set(workload)


def _of_deployment(workload: Object) -> RolloutStatus:
    spec, status = _part(workload, "spec"), _part(workload, "status")
    desired, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    available, old = status.get("availableReplicas", 0), status.get("replicas", 0) - updated

    def state(message: str, *, done: bool = False) -> RolloutStatus:
        return RolloutStatus(desired, updated, status.get("readyReplicas", 0), available, message, done)

    if not _is_observed(workload):
        return state("The deployment controller has not observed the new spec yet.")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise WaitFailed(
                f"the rollout of {_name(workload)} exceeded its progress deadline: {condition.get('message')}"
            )
    if updated < desired:
        paused = "; the deployment is paused" if spec.get("paused") else ""
        return state(f"{updated} of {desired} new pods are created{paused}.")
    if old > 0:
        return state(f"{old} old pods are still to end.")
    if available < updated:
        return state(f"{available} of {updated} new pods are available.")
    return state("The rollout is complete.", done=True)


def _of_stateful_set(workload: Object) -> RolloutStatus:
    spec, status = _part(workload, "spec"), _part(workload, "status")
    _expect_rolling(workload, spec)
    desired, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    ready = status.get("readyReplicas", 0)

    def state(message: str, *, done: bool = False) -> RolloutStatus:
        return RolloutStatus(desired, updated, ready, status.get("availableReplicas", 0), message, done)

    if not _is_observed(workload):
        return state("The StatefulSet controller has not observed the new spec yet.")
    if ready < desired:
        return state(f"{ready} of {desired} pods are ready.")
    partition = _part(_part(spec, "updateStrategy"), "rollingUpdate").get("partition", 0)
    if partition:
        wanted = max(desired - partition, 0)
        if updated < wanted:
            return state(f"{updated} of {wanted} new pods of the partition are created.")
        return state(f"The rollout of the partition is complete: {updated} new pods.", done=True)
    if status.get("updateRevision") != status.get("currentRevision"):
        return state(f"{updated} of {desired} pods have the new revision.")
    return state("The rollout is complete.", done=True)


def _of_daemon_set(workload: Object) -> RolloutStatus:
    status = _part(workload, "status")
    _expect_rolling(workload, _part(workload, "spec"))
    desired, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)

    def state(message: str, *, done: bool = False) -> RolloutStatus:
        return RolloutStatus(desired, updated, status.get("numberReady", 0), available, message, done)

    if not _is_observed(workload):
        return state("The DaemonSet controller has not observed the new spec yet.")
    if updated < desired:
        return state(f"{updated} of {desired} new pods are created.")
    if available < desired:
        return state(f"{available} of {desired} new pods are available.")
    return state("The rollout is complete.", done=True)


def _expect_rolling(workload: Object, spec: Object) -> None:
    strategy = _part(spec, "updateStrategy").get("type", "RollingUpdate")
    if strategy != "RollingUpdate":
        raise WaitFailed(
            f"{_name(workload)} has the update strategy {strategy}: pods change when they are deleted, and"
            " there is no rollout to wait for"
        )


def _is_observed(workload: Object) -> bool:
    generation = _part(workload, "metadata").get("generation", 0)
    observed = _part(workload, "status").get("observedGeneration", 0)
    return bool(observed) and observed >= generation


def _name(workload: Object) -> str:
    return f"{workload.get('kind')} {_part(workload, 'metadata').get('name')}"


def _part(value: Object, key: str) -> Object:
    part = value.get(key)
    return part if isinstance(part, dict) else {}
