"""``pods/eviction``: deletes a pod, unless a PodDisruptionBudget forbids it (policy/v1).

The rules and messages follow the real API server (``pkg/registry/core/pod/storage/eviction.go``).
"""

from typing import Any

from gateway.demo.apiserver.catalog import Target
from gateway.demo.apiserver.creation import Stamps
from gateway.demo.apiserver.deletion import delete_object, parse_delete_options
from gateway.demo.apiserver.scale import selector_text
from gateway.demo.apiserver.statuses import ApiError, bad_request, internal
from gateway.demo.apiserver.storage import Storage, Stored
from schema.selectors import parse_label_selector

__all__ = ["BUDGETS", "evict", "is_selected"]

Object = dict[str, Any]

BUDGETS = "poddisruptionbudgets.policy"
_RETRY_AFTER_SECONDS = 10
_NOT_RUNNING = frozenset(("Pending", "Succeeded", "Failed"))


def is_selected(budget: Stored, pod: Stored) -> bool:
    """Whether a budget applies to a pod; an absent selector selects nothing, an empty one everything."""
    selector = budget.object["spec"].get("selector")
    if selector is None or budget.namespace != pod.namespace:
        return False
    return parse_label_selector(selector_text(selector)).matches(pod.labels)


def evict(storage: Storage, stamps: Stamps, target: Target, pod: Stored, eviction: Object) -> Object:
    """Evict the pod; returns the Status. Raises ApiError: 429 if a budget forbids it, 409, 400 and 500."""
    name = (eviction.get("metadata") or {}).get("name") or target.name
    if name != target.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = parse_delete_options({}, eviction.get("deleteOptions") or {})
    if not _needs_no_budget(pod):
        budgets = [item for item in storage.all(BUDGETS).values() if is_selected(item, pod)]
        if len(budgets) > 1:
            raise internal(
                "This pod has more than one PodDisruptionBudget,"
                " which the eviction subresource does not support."
            )
        for budget in budgets:
            _use(storage, stamps, budget, pod, dry_run=options.dry_run)
    if not options.dry_run:
        delete_object(storage, target, pod, options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _needs_no_budget(pod: Stored) -> bool:
    phase = pod.object.get("status", {}).get("phase")
    return phase in _NOT_RUNNING or "deletionTimestamp" in pod.object["metadata"]


def _use(storage: Storage, stamps: Stamps, budget: Stored, pod: Stored, *, dry_run: bool) -> None:
    """Take one disruption from the budget. Raises ApiError if it has none."""
    status: Object = budget.object.get("status") or {}
    if not _is_ready(pod) and _allows_unready(budget.object["spec"], status):
        return
    if status.get("observedGeneration", 0) < budget.object["metadata"].get("generation", 1):
        why = f"The disruption budget {budget.name} is still being processed by the server."
        raise _too_many(why, _RETRY_AFTER_SECONDS)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        wanted, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _too_many(
            f"The disruption budget {budget.name} needs {wanted} healthy pods and has {healthy} currently"
        )
    if not dry_run:
        disrupted = {**(status.get("disruptedPods") or {}), pod.name: stamps.now()}
        used = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}
        storage.put(BUDGETS, budget.key, {**budget.object, "status": used})


def _is_ready(pod: Stored) -> bool:
    conditions = pod.object.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _allows_unready(spec: Object, status: Object) -> bool:
    if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    wanted = status.get("desiredHealthy", 0)
    return bool(wanted > 0 and status.get("currentHealthy", 0) >= wanted)


def _too_many(why: str, retry_after: int | None = None) -> ApiError:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    if retry_after is not None:
        details["retryAfterSeconds"] = retry_after
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return ApiError(429, "TooManyRequests", message, details)
