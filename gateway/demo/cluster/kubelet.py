"""Scheduler and kubelet in one: binds pods to nodes, starts them and terminates deleted ones."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.demo.apiserver import Change, ChangeType, Line, Stored
from gateway.demo.cluster.cluster_state import ClusterState, set_condition

__all__ = ["ContainerRun", "Kubelet", "restart_container", "set_ready"]

Object = dict[str, Any]


class Kubelet:
    """Moves each pod through its phases: scheduled, creating, running and, for jobs, succeeded."""

    def __init__(self, cluster: ClusterState) -> None:
        self.cluster = cluster
        self.addresses = 1
        cluster.listen("pods", self._changed)

    def _changed(self, change: Change) -> None:
        pod = change.new
        if change.type is ChangeType.DELETED:
            return
        leaving = "deletionTimestamp" in pod.object["metadata"]
        was_leaving = change.old is not None and "deletionTimestamp" in change.old.object["metadata"]
        if leaving and not was_leaving:
            self._later(pod, 0.4, 1.5, self._finish)
        elif change.type is ChangeType.ADDED and not leaving:
            self._later(pod, 0.05, 0.3, self._schedule)

    def _later(self, pod: Stored, least: float, most: float, step: Any) -> None:
        uid = pod.object["metadata"]["uid"]

        def act() -> None:
            current = self.cluster.storage.get("pods", pod.key)
            if current is not None and current.object["metadata"]["uid"] == uid:
                step(current)

        self.cluster.timeline.after(self.cluster.random.uniform(least, most), act)

    def _schedule(self, pod: Stored) -> None:
        if "deletionTimestamp" in pod.object["metadata"]:
            return
        if node := pod.object["spec"].get("nodeName") or self._choose_node():
            spec = {**pod.object["spec"], "nodeName": node}
            status = _with_condition(pod, "PodScheduled", "True", self.cluster.now())
            pod = self.cluster.save("pods", pod, spec=spec, status=status)
            message = f"Successfully assigned {pod.key} to {node}"
            self.cluster.event("Pod", pod, "Scheduled", message, source="default-scheduler")
            self._later(pod, 0.1, 0.3, self._create)

    def _choose_node(self) -> str:
        """The schedulable node with the fewest pods."""
        load = {
            item.name: 0
            for item in self.cluster.objects("nodes")
            if not item.object.get("spec", {}).get("unschedulable")
        }
        for pod in self.cluster.objects("pods"):
            if (node := pod.object["spec"].get("nodeName")) in load:
                load[node] += 1
        return min(load, key=lambda name: (load[name], name), default="")

    def _create(self, pod: Stored) -> None:
        now = self.cluster.now()
        node = self.cluster.storage.get("nodes", pod.object["spec"]["nodeName"])
        address = _internal_address(node) if node else ""
        status = {
            **_with_condition(pod, "Initialized", "True", now),
            "hostIP": address,
            "hostIPs": [{"ip": address}],
            "startTime": now,
            "containerStatuses": [
                {
                    **_container_status(item),
                    "state": {"waiting": {"reason": "ContainerCreating"}},
                }
                for item in pod.object["spec"]["containers"]
            ],
        }
        self.cluster.save("pods", pod, status=status)
        self._later(pod, 0.4, 1.4, self._run)

    def _run(self, pod: Stored) -> None:
        if "deletionTimestamp" in pod.object["metadata"]:
            return
        now = self.cluster.now()
        self.addresses += 1
        address = f"10.244.{self.addresses // 250 % 250}.{self.addresses % 250 + 2}"
        running = {"running": {"startedAt": now}}
        statuses = [
            {**_container_status(item), "state": running, "ready": True, "started": True}
            for item in pod.object["spec"]["containers"]
        ]
        for container in statuses:
            container["containerID"] = _container_id(self.cluster)
            container["imageID"] = f"sha256:{self.cluster.random.getrandbits(256):064x}"
        status = {
            **pod.object.get("status", {}),
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "containerStatuses": statuses,
        }
        pod = self.cluster.save("pods", pod, status=status)
        pod = set_ready(self.cluster, pod, ready=True)
        for item in statuses:
            self.cluster.event("Pod", pod, "Started", f"Started container {item['name']}", source="kubelet")
        if pod.object["spec"].get("restartPolicy") in ("Never", "OnFailure"):
            self._later(pod, 4.0, 9.0, self._succeed)

    def _succeed(self, pod: Stored) -> None:
        now = self.cluster.now()
        statuses = [
            {
                **item,
                "ready": False,
                "started": False,
                "state": {
                    "terminated": {
                        "exitCode": 0,
                        "reason": "Completed",
                        "startedAt": item["state"].get("running", {}).get("startedAt", now),
                        "finishedAt": now,
                        "containerID": item.get("containerID", ""),
                    }
                },
            }
            for item in pod.object["status"]["containerStatuses"]
        ]
        pod = set_ready(self.cluster, pod, ready=False, reason="PodCompleted")
        status = {**pod.object["status"], "phase": "Succeeded", "containerStatuses": statuses}
        self.cluster.save("pods", pod, status=status)

    def _finish(self, pod: Stored) -> None:
        self.cluster.event("Pod", pod, "Killing", "Stopping container", source="kubelet")
        if not pod.object["metadata"].get("finalizers"):
            self.cluster.remove("pods", pod)


def _container_id(cluster: ClusterState) -> str:
    return f"containerd://{cluster.random.getrandbits(256):064x}"


def _internal_address(node: Stored) -> str:
    for item in node.object.get("status", {}).get("addresses", ()):
        if item["type"] == "InternalIP":
            return str(item["address"])
    return ""


def _container_status(container: Object) -> Object:
    return {
        "name": container["name"],
        "state": {},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "",
        "started": False,
    }


def _with_condition(pod: Stored, name: str, value: str, now: str, reason: str = "") -> Object:
    status = pod.object.get("status") or {}
    condition = {"type": name, "status": value, **({"reason": reason} if reason else {})}
    return {**status, "conditions": set_condition(status.get("conditions", []), condition, now)}


def set_ready(cluster: ClusterState, pod: Stored, *, ready: bool, reason: str = "") -> Stored:
    """Make a pod ready, or not ready with a reason."""
    value = "True" if ready else "False"
    why = "" if ready else reason or "ContainersNotReady"
    status = pod.object["status"]
    for name in ("ContainersReady", "Ready"):
        condition = {"type": name, "status": value, **({"reason": why} if why else {})}
        conditions = set_condition(status.get("conditions", []), condition, cluster.now())
        status = {**status, "conditions": conditions}
    containers = [{**item, "ready": ready} for item in status.get("containerStatuses", ())]
    return cluster.save("pods", pod, status={**status, "containerStatuses": containers})


def restart_container(cluster: ClusterState, pod: Stored, *, exit_code: int = 1) -> Stored:
    """Restart the first container of a pod."""
    now = cluster.now()
    first, *others = pod.object["status"]["containerStatuses"]
    ended = {
        "exitCode": exit_code,
        "reason": "OOMKilled" if exit_code == 137 else "Error",
        "startedAt": first["state"].get("running", {}).get("startedAt", now),
        "finishedAt": now,
        "containerID": first.get("containerID", ""),
    }
    restarted = {
        **first,
        "containerID": _container_id(cluster),
        "restartCount": first["restartCount"] + 1,
        "lastState": {"terminated": ended},
        "state": {"running": {"startedAt": now}},
    }
    status = {**pod.object["status"], "containerStatuses": [restarted, *others]}
    return cluster.save("pods", pod, status=status)


KEPT = 2000
PATHS = ("/", "/cart", "/api/items", "/api/items/7", "/healthz", "/static/app.js")
SLOWEST = 4.0


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """One run of a container; ``end`` is None while it runs."""

    source: str
    begin: datetime
    end: datetime | None = None

    def lines(self) -> Iterator[Line]:
        """The lines written so far, at least the last one."""
        count = self._count(min(self.end or datetime.now(UTC), datetime.now(UTC)))
        return map(self._line, range(max(0, count - KEPT), count))

    def next_line(self, after: datetime) -> Line | None:
        """The first line after a moment; None if the container ended before."""
        line = self._line(self._count(after))
        return None if self.end is not None and line.moment > self.end else line

    def _interval(self) -> timedelta:
        return timedelta(seconds=random.Random(self.source).uniform(1.0, SLOWEST))  # noqa: S311 - no secret

    def _count(self, end: datetime) -> int:
        """The number of lines written up to a moment."""
        return max(0, int((end - self.begin) / self._interval()) + 1)

    def _line(self, index: int) -> Line:
        # seeded by the position: a line is the same in every response
        choice = random.Random(f"{self.source}/{index}")  # noqa: S311 - a made-up log, no secret
        moment = self.begin + index * self._interval()
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}{index % 1000:03}Z"
        if index == 0:
            return Line(moment, stamp, f"level=info msg=started container={self.source.split('#')[0]}")
        path, duration = choice.choice(PATHS), choice.randint(1, 90)
        return Line(moment, stamp, f"level=info msg=request path={path} status=200 ms={duration}")
