"""The rules of workloads: kinds that create pods. kstatus' rules (sigs.k8s.io/cli-utils, ``core.go``).

The counts are of the observed generation: :mod:`schema.health.evaluate` has compared the generations before.
"""

from schema.health.reading import Reader
from schema.health.verdict import Health

__all__ = ["cron_job", "daemon_set", "deployment", "job", "replica_set", "stateful_set"]

_NO_DEADLINE = 2**31 - 1
"""The deployment controller sets no ``Progressing`` condition with this deadline."""


def deployment(workload: Reader) -> Health:
    """A Deployment: all replicas are updated and available, before the progress deadline."""
    progressing = workload.conditions.get("Progressing")
    if progressing is not None and progressing.reason == "ProgressDeadlineExceeded":
        return Health.failed(progressing.reason, progressing.message)
    failure = workload.true_condition("ReplicaFailure")
    desired, replicas = (
        workload.integer("spec", "replicas", default=1),
        workload.integer("status", "replicas"),
    )
    updated, ready, available = (
        workload.integer("status", key) for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    paused = "; the deployment is paused" if workload.flag("spec", "paused") else ""
    if desired > replicas:
        if failure is not None:
            return Health.failed(failure.reason, failure.message)
        return _less("LessReplicas", replicas, desired, f"exist{paused}")
    if desired > updated:
        return _less("LessUpdated", updated, desired, f"are updated{paused}")
    if replicas > desired:
        return _extra(replicas - desired)
    if updated > available:
        return _less("LessAvailable", available, updated, "are available")
    if desired > ready:
        return _less("LessReady", ready, desired, "are ready")
    if not paused and not _is_progress_complete(workload):
        return Health.in_progress("ReplicaSetNotAvailable", "The new ReplicaSet is not available yet.")
    if workload.true_condition("Available") is None:
        return Health.in_progress("DeploymentNotAvailable", "The deployment is not available yet.")
    return Health.current(f"{_replicas(replicas)} available.")


def _is_progress_complete(workload: Reader) -> bool:
    deadline = workload.integer("spec", "progressDeadlineSeconds", default=_NO_DEADLINE)
    progressing = workload.true_condition("Progressing")
    return deadline == _NO_DEADLINE or (
        progressing is not None and progressing.reason == "NewReplicaSetAvailable"
    )


def replica_set(workload: Reader) -> Health:
    """A ReplicaSet or ReplicationController: all replicas exist and are available."""
    failure = workload.true_condition("ReplicaFailure")
    if failure is not None:
        # kstatus: IN_PROGRESS. The controller could not create or delete a pod: quota, admission, limits.
        return Health.failed(failure.reason, failure.message)
    desired, replicas = (
        workload.integer("spec", "replicas", default=1),
        workload.integer("status", "replicas"),
    )
    labelled, ready, available = (
        workload.integer("status", key)
        for key in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    )
    if desired > labelled:
        return _less("LessLabelled", labelled, desired, "exist with all labels")
    if desired > available:
        return _less("LessAvailable", available, desired, "are available")
    if desired > ready:
        return _less("LessReady", ready, desired, "are ready")
    if replicas > desired:
        return _extra(replicas - desired)
    return Health.current(f"{_replicas(replicas)} available.")


def stateful_set(workload: Reader) -> Health:
    """A StatefulSet: all replicas are ready, and the replicas from the partition on are updated."""
    if workload.text("spec", "updateStrategy", "type") == "OnDelete":
        return Health.current("Pods are updated when they are deleted (OnDelete).")
    desired, replicas = (
        workload.integer("spec", "replicas", default=1),
        workload.integer("status", "replicas"),
    )
    ready, current, updated = (
        workload.integer("status", key) for key in ("readyReplicas", "currentReplicas", "updatedReplicas")
    )
    if desired > replicas:
        return _less("LessReplicas", replicas, desired, "exist")
    if desired > ready:
        return _less("LessReady", ready, desired, "are ready")
    if replicas > desired:
        return _extra(replicas - desired)
    partition = workload.optional_integer("spec", "updateStrategy", "rollingUpdate", "partition")
    if partition is not None:
        if updated < desired - partition:
            return _less("PartitionRollout", updated, desired - partition, "of the partition are updated")
        return Health.current(f"{_replicas(ready)} ready, {updated} of them updated.")
    if desired > current:
        return _less("LessCurrent", current, desired, "have the current revision")
    if workload.text("status", "currentRevision") != workload.text("status", "updateRevision"):
        return Health.in_progress("RevisionMismatch", "Pods are still to get the new revision.")
    return Health.current(f"{_replicas(ready)} ready.")


def daemon_set(workload: Reader) -> Health:
    """A DaemonSet: each chosen node runs an updated, available pod."""
    if workload.optional_integer("metadata", "generation") is None:
        return Health.in_progress("NoGeneration", "The DaemonSet has no generation.")
    if workload.optional_integer("status", "observedGeneration") is None:
        return Health.in_progress(
            "NoObservedGeneration", "The DaemonSet controller has not observed the DaemonSet yet."
        )
    desired = workload.optional_integer("status", "desiredNumberScheduled")
    if desired is None:
        return Health.in_progress("NoDesiredNumber", "The number of nodes is not known yet.")
    for reason, key, state in (
        ("LessCurrent", "currentNumberScheduled", "are scheduled"),
        ("LessUpdated", "updatedNumberScheduled", "are updated"),
        ("LessAvailable", "numberAvailable", "are available"),
        ("LessReady", "numberReady", "are ready"),
    ):
        if desired > (number := workload.integer("status", key)):
            return Health.in_progress(reason, f"{number} of {desired} pods {state}.")
    return Health.current(f"{desired} of {desired} pods are available.")


def job(workload: Reader) -> Health:
    """A Job: ``CURRENT`` as soon as it runs, and when it is complete or suspended."""
    completions = workload.integer(
        "spec", "completions", default=workload.integer("spec", "parallelism", default=1)
    )
    succeeded, active, failed = (workload.integer("status", key) for key in ("succeeded", "active", "failed"))
    if failure := workload.true_condition("Failed", "FailureTarget"):
        return Health.failed(failure.reason or "JobFailed", failure.message or f"{failed} pods failed.")
    if workload.true_condition("Complete", "SuccessCriteriaMet"):
        return Health.current(f"{succeeded} of {completions} pods succeeded.", "Complete")
    if workload.true_condition("Suspended"):
        return Health.current("The job is suspended.", "Suspended")
    if not workload.text("status", "startTime"):
        return Health.in_progress("JobNotStarted", "The job has not started yet.")
    return Health.current(f"{succeeded} of {completions} pods succeeded, {active} run, {failed} failed.")


def cron_job(workload: Reader) -> Health:
    """A CronJob: always ``CURRENT``; its jobs have a health of their own."""
    if workload.flag("spec", "suspend"):
        return Health.current("The schedule is suspended.", "Suspended")
    return Health.current()


def _less(reason: str, number: int, wanted: int, state: str) -> Health:
    return Health.in_progress(reason, f"{number} of {wanted} replicas {state}.")


def _extra(number: int) -> Health:
    return Health.in_progress("ExtraPods", f"{number} old or surplus pods are still to end.")


def _replicas(number: int) -> str:
    return "1 replica is" if number == 1 else f"{number} replicas are"
