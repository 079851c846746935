"""Which pods of a node a drain evicts, skips or refuses: the rules of ``kubectl drain``.

Pure: no requests. A rule that does not apply leaves the pod to the next one:

1. A pod of a DaemonSet stays, because its controller ignores the cordon and would replace it at once.
2. A mirror pod stays: it stands for a file on the node, which the API server cannot delete.
3. A pod with an ``emptyDir`` volume loses data; it needs ``deleteEmptyDirData``.
4. A pod without a controller is not created again; it needs ``force``.

Rules 1, 3 and 4 do not protect a pod that has finished.
"""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

__all__ = ["DrainOptions", "DrainedPod", "Verdict", "judge"]

_MIRROR = "kubernetes.io/config.mirror"
_FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOptions:
    """The arguments that decide on pods."""

    ignore_daemon_sets: bool = False
    delete_empty_dir_data: bool = False
    force: bool = False


class _Owner(msgspec.Struct):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename={"owners": "ownerReferences", "deleted": "deletionTimestamp"}):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    annotations: dict[str, str] | None = None
    owners: list[_Owner] | None = None
    deleted: str | None = None


class _Volume(msgspec.Struct, rename={"empty_dir": "emptyDir"}):
    empty_dir: dict[str, msgspec.Raw] | None = None


class _Spec(msgspec.Struct):
    volumes: list[_Volume] | None = None


class _Status(msgspec.Struct):
    phase: str | None = None


class DrainedPod(msgspec.Struct):
    """The fields of a pod that the rules read."""

    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    @property
    def key(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def controller(self) -> _Owner | None:
        return next((owner for owner in self.metadata.owners or () if owner.controller), None)

    @property
    def daemon_set(self) -> str | None:
        """The key of the DaemonSet that controls the pod."""
        controller = self.controller
        if controller is None or controller.kind != "DaemonSet":
            return None
        return f"{self.metadata.namespace}/{controller.name}"

    @property
    def is_finished(self) -> bool:
        return self.status.phase in _FINISHED


@dataclass(frozen=True, slots=True)
class Verdict:
    """``evict`` or not; ``error`` refuses the whole drain, ``message`` explains a skip or warns of a loss."""

    evict: bool
    message: str | None = None
    error: str | None = None


def judge(pod: DrainedPod, options: DrainOptions, daemon_sets: Collection[str]) -> Verdict:
    """The verdict on one pod; ``daemon_sets`` has the keys of the DaemonSets that exist."""
    if pod.daemon_set is not None and not pod.is_finished:
        return _judge_daemon_pod(pod, options, daemon_sets)
    if _MIRROR in (pod.metadata.annotations or {}):
        return Verdict(evict=False, message="a mirror pod of a file on the node")
    if pod.is_finished:
        return Verdict(evict=True)
    losses = []
    if any(volume.empty_dir is not None for volume in pod.spec.volumes or ()):
        if not options.delete_empty_dir_data:
            return Verdict(
                evict=False, error="it has emptyDir volumes (deleteEmptyDirData: true loses their data)"
            )
        losses.append("the data of its emptyDir volumes is lost")
    if pod.controller is None:
        if not options.force:
            return Verdict(evict=False, error="no controller creates it again (force: true evicts it anyway)")
        losses.append("no controller creates it again")
    return Verdict(evict=True, message="; ".join(losses) or None)


def _judge_daemon_pod(pod: DrainedPod, options: DrainOptions, daemon_sets: Collection[str]) -> Verdict:
    if pod.daemon_set not in daemon_sets:
        if options.force:
            return Verdict(evict=True, message="its DaemonSet does not exist")
        return Verdict(evict=False, error="its DaemonSet does not exist (force: true evicts it anyway)")
    if not options.ignore_daemon_sets:
        return Verdict(
            evict=False, error="a DaemonSet controls it (ignoreDaemonSets: true leaves it on the node)"
        )
    return Verdict(evict=False, message="a DaemonSet controls it")
