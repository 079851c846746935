"""The health of an object: rules that apply to all kinds, then the rules of its kind.

The order is kstatus' (``sigs.k8s.io/cli-utils/pkg/kstatus``): deletion, the observed generation, the
standard conditions, then the kind's own rule, else the conditions that controllers set by convention. Users'
rules come after deletion. :func:`since_of` dates a health. Health is a function of the object's JSON alone:
it needs no clock, no other object and no request.
"""

from collections.abc import Callable, Mapping, Sequence

from schema.health import cluster_kinds, pods, workloads
from schema.health.conditions import judge_conditions, standard_conditions
from schema.health.reading import Reader, Unreadable
from schema.health.user_rules import HealthRule
from schema.health.verdict import Health

__all__ = ["COMMON_PATHS", "health_of", "health_paths", "since_of"]

_Rule = Callable[[Reader], Health]
_Path = tuple[str, ...]

COMMON_PATHS: tuple[_Path, ...] = (
    ("metadata", "generation"),
    ("metadata", "deletionTimestamp"),
    ("status",),
)
"""The values that the rules of all kinds may read."""

_RULES: Mapping[tuple[str, str], tuple[_Rule, tuple[_Path, ...]]] = {
    ("", "Pod"): (pods.pod, ()),
    ("apps", "Deployment"): (
        workloads.deployment,
        (("spec", "replicas"), ("spec", "paused"), ("spec", "progressDeadlineSeconds")),
    ),
    ("apps", "ReplicaSet"): (workloads.replica_set, (("spec", "replicas"),)),
    ("", "ReplicationController"): (workloads.replica_set, (("spec", "replicas"),)),
    ("apps", "StatefulSet"): (workloads.stateful_set, (("spec", "replicas"), ("spec", "updateStrategy"))),
    ("apps", "DaemonSet"): (workloads.daemon_set, ()),
    ("batch", "Job"): (workloads.job, (("spec", "completions"), ("spec", "parallelism"))),
    ("batch", "CronJob"): (workloads.cron_job, (("spec", "suspend"),)),
    ("", "PersistentVolumeClaim"): (cluster_kinds.persistent_volume_claim, ()),
    ("", "PersistentVolume"): (cluster_kinds.persistent_volume, ()),
    ("storage.k8s.io", "VolumeAttachment"): (cluster_kinds.volume_attachment, ()),
    ("", "Service"): (cluster_kinds.service, (("spec", "type"), ("spec", "clusterIP"))),
    ("", "Node"): (cluster_kinds.node, (("spec", "unschedulable"),)),
    ("policy", "PodDisruptionBudget"): (cluster_kinds.pod_disruption_budget, ()),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (cluster_kinds.custom_resource_definition, ()),
    ("apiregistration.k8s.io", "APIService"): (cluster_kinds.api_service, ()),
    ("autoscaling", "HorizontalPodAutoscaler"): (cluster_kinds.horizontal_pod_autoscaler, ()),
    ("certificates.k8s.io", "CertificateSigningRequest"): (cluster_kinds.certificate_signing_request, ()),
}
"""The rule of a kind by its group and kind, and the values that it reads beside :data:`COMMON_PATHS`."""

_SUMMARIES = ("Ready", "PodScheduled", "Available", "Progressing")
_CONTAINERS = ("containerStatuses", "initContainerStatuses")


def health_of(found: object, group: str, kind: str, rules: Sequence[HealthRule] = ()) -> Health:
    """The health of an object of a kind, from its JSON, or from the values at its :func:`health_paths`.

    ``rules`` are the user's rules for the kind. ``UNKNOWN`` if a value does not have its declared type. Never
    raises.
    """
    try:
        return _evaluate(Reader(found), group, kind, rules)
    except Unreadable as error:
        return Health.unknown("UnexpectedValue", f"{error}.")


def health_paths(group: str, kind: str, rules: Sequence[HealthRule] = ()) -> tuple[_Path, ...]:
    """The paths of all values that :func:`health_of` reads of an object of the kind."""
    own = _RULES[group, kind][1] if (group, kind) in _RULES else ()
    return tuple(dict.fromkeys((*COMMON_PATHS, *own, *(path for rule in rules for path in rule.paths))))


def since_of(found: object, health: Health) -> str | None:
    """The time since when the object has this health (RFC 3339); None if the object has no time at all.

    The source is the condition with the reason of the health, else a summary that is not true, else the end
    of a container, else the creation.
    """
    try:
        reader = Reader(found)
        by_reason = (item.since for item in reader.conditions.values() if item.reason == health.reason)
        by_summary = (item.since for name in _SUMMARIES if (item := reader.false_condition(name)))
        ends = (
            container.text("lastState", "terminated", "finishedAt")
            for list_ in _CONTAINERS
            for container in reader.objects("status", list_)
        )
        created = reader.text("metadata", "creationTimestamp")
        return next(filter(None, (*by_reason, *by_summary, *ends, created)), None)
    except Unreadable:
        return None


def _evaluate(found: Reader, group: str, kind: str, rules: Sequence[HealthRule]) -> Health:
    if found.text("metadata", "deletionTimestamp"):
        if (group, kind) == ("", "Namespace"):
            return cluster_kinds.namespace_deletion(found)
        return Health.terminating("The object is being deleted.")
    by_rule = next((health for rule in rules if (health := rule.evaluate(found))), None)
    decided = by_rule or _unobserved(found) or standard_conditions(found)
    if decided is not None:
        return decided
    rule = _RULES.get((group, kind))
    return judge_conditions(found) if rule is None else rule[0](found)


def _unobserved(found: Reader) -> Health | None:
    generation = found.optional_integer("metadata", "generation")
    observed = found.generation("status", "observedGeneration")
    if generation is None or observed is None or observed == generation:
        return None
    return Health.in_progress(
        "LatestGenerationNotObserved",
        f"The controller has observed generation {observed}; the newest is {generation}.",
    )
