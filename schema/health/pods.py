"""The rule of pods: kstatus', and the states in which a pod waits for help.

Three deviations from kstatus. A pod that the scheduler calls unschedulable has failed at once and not after
15 seconds: health is a function of the object alone, without a clock. A container that waits for its image,
its configuration or its next restart counts in each phase, and so does an init container. A pod in the phase
``Failed`` has failed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from schema.health.reading import Reader
from schema.health.verdict import Health

__all__ = ["pod"]

_STUCK = {
    "CrashLoopBackOff": "crashes again and again",
    "ImagePullBackOff": "cannot get its image",
    "ErrImagePull": "cannot get its image",
    "ErrImageNeverPull": "cannot get its image",
    "InvalidImageName": "cannot get its image",
    "RegistryUnavailable": "cannot get its image",
    "ImageInspectError": "cannot get its image",
    "SignatureValidationFailed": "cannot get its image",
    "CreateContainerConfigError": "cannot be configured",
    "CreateContainerError": "cannot be created",
    "PreCreateHookError": "cannot be created",
    "PreStartHookError": "cannot be started",
    "PostStartHookError": "cannot be started",
    "RunContainerError": "cannot be started",
    "StartError": "cannot be started",
}
"""The reasons for which kubelet keeps a container waiting (pkg/kubelet/images, pkg/kubelet/kuberuntime)."""
_CONTAINERS = ("initContainerStatuses", "containerStatuses")


def pod(found: Reader) -> Health:
    """A pod: ready or completed; or the reason why it does not start."""
    phase = found.text("status", "phase")
    if phase == "Succeeded":
        return Health.current("The pod has completed.", "Completed")
    if phase == "Failed":
        return _failed(found)
    if phase == "Running" and found.true_condition("Ready"):
        return Health.current("The pod is ready.")
    if stuck := next(_stuck(found), None):
        return stuck
    match phase:
        case "Running":
            return _not_ready(found)
        case "Pending":
            return _pending(found)
        case "":
            return Health.in_progress("PodNotObserved", "The pod has no phase yet.")
    message = found.text("status", "message") or f"The phase of the pod is {phase}."
    return Health.unknown(found.text("status", "reason") or "PodPhaseUnknown", message)


@dataclass(frozen=True, slots=True)
class _Ended:
    """The end of a container."""

    reason: str
    code: int
    message: str

    @classmethod
    def read(cls, container: Reader, state: str) -> "_Ended | None":
        """The end in ``state`` or ``lastState``, None if the container has not ended."""
        if container.value(state, "terminated") is None:
            return None
        return cls(
            container.text(state, "terminated", "reason"),
            container.integer(state, "terminated", "exitCode"),
            container.text(state, "terminated", "message"),
        )

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"exit code {self.code}{reason}"


def _failed(found: Reader) -> Health:
    """The reason of an eviction or a deadline; else the container that failed."""
    reason, message = found.text("status", "reason"), found.text("status", "message")
    if reason:
        return Health.failed(reason, message)
    for list_ in _CONTAINERS:
        for container in found.objects("status", list_):
            ended = _Ended.read(container, "state")
            if ended is not None and ended.code:
                name = container.text("name")
                return Health.failed(ended.reason or "Error", _sentence(f"Container {name} failed", ended))
    return Health.failed("PodFailed", message or "The pod has failed.")


def _stuck(found: Reader) -> Iterator[Health]:
    """The containers that kubelet cannot start, or no longer restarts at once."""
    for list_ in _CONTAINERS:
        for container in found.objects("status", list_):
            reason = container.text("state", "waiting", "reason")
            if reason not in _STUCK:
                continue
            kind = "Init container" if list_ == _CONTAINERS[0] else "Container"
            subject = f"{kind} {container.text('name')} {_STUCK[reason]}"
            yield Health.failed(reason, _explain(container, subject, reason))


def _explain(container: Reader, subject: str, reason: str) -> str:
    if reason == "CrashLoopBackOff":
        ended, restarts = _Ended.read(container, "lastState"), container.integer("restartCount")
        if ended is not None:
            return f"{subject}: {ended}, {restarts} restart{'' if restarts == 1 else 's'}."
    message = container.text("state", "waiting", "message")
    return f"{subject}: {message}" if message else f"{subject}."


def _not_ready(found: Reader) -> Health:
    ready = found.false_condition("Ready")
    message = ready.message if ready is not None and ready.message else "The pod runs but is not ready."
    return Health.in_progress((ready and ready.reason) or "PodRunningNotReady", message)


def _pending(found: Reader) -> Health:
    scheduled = found.false_condition("PodScheduled")
    if scheduled is None:
        return Health.in_progress("PodPending", "The containers of the pod are being created.")
    message = scheduled.message or "The pod is not scheduled."
    if scheduled.reason == "Unschedulable":
        return Health.failed(scheduled.reason, message)
    return Health.in_progress(scheduled.reason or "PodNotScheduled", message)


def _sentence(subject: str, ended: _Ended) -> str:
    return f"{subject}: {ended}{f', {ended.message}' if ended.message else ''}."
