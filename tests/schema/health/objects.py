"""Objects in the states that the rules of health distinguish."""

from typing import Any

__all__ = ["condition", "container", "deployment", "object_of", "pod"]

Object = dict[str, Any]


def object_of(spec: Object | None = None, status: Object | None = None, **metadata: Any) -> Object:
    """An object with the parts given."""
    return {"metadata": metadata, "spec": spec or {}, "status": status or {}}


def condition(type_: str, status: str = "True", reason: str = "", message: str = "", **more: Any) -> Object:
    """One of ``status.conditions``."""
    return {"type": type_, "status": status, "reason": reason, "message": message, **more}


def deployment(desired: int = 3, *conditions: Object, spec: Object | None = None, **counts: int) -> Object:
    """A Deployment; counts that are not given belong to a finished rollout."""
    complete = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), desired)
    conditions = conditions or (
        condition("Progressing", reason="NewReplicaSetAvailable"),
        condition("Available"),
    )
    return object_of(
        {"replicas": desired, "progressDeadlineSeconds": 600, **(spec or {})},
        {"observedGeneration": 2, **complete, **counts, "conditions": list(conditions)},
        generation=2,
    )


def container(name: str = "app", restarts: int = 0, last: Object | None = None, **state: Object) -> Object:
    """The status of a container: ``waiting``, ``running`` or ``terminated``."""
    return {"name": name, "state": state, "lastState": last or {}, "restartCount": restarts}


def pod(phase: str, *conditions: Object, **status: Any) -> Object:
    """A Pod in a phase."""
    return object_of(status={"phase": phase, "conditions": list(conditions), **status})
