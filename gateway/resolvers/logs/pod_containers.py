"""The containers of a pod and their runs, decoded for ``podLogs``."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from gateway.errors import UpstreamProtocolError

__all__ = ["ContainerRun", "Pod", "parse_pod"]


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """One run of a container, from start to end; a restart is another run with another ``id``.

    It is the run whose log the kubelet serves. ``previous`` is the id of the last run that ended, or empty.
    It equals ``id`` while the next run waits to start.
    """

    id: str
    ended: bool
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A snapshot of a pod. ``containers`` are all containers of the spec, init containers first.

    ``runs`` has an entry for each container that has run. ``reported``: the kubelet has reported a container
    status. ``finished``: no container will run again. ``leaving``: the pod is being deleted.
    """

    namespace: str
    name: str
    uid: str
    node: str
    containers: tuple[str, ...]
    runs: dict[str, ContainerRun]
    reported: bool
    finished: bool
    leaving: bool


class _Terminated(msgspec.Struct, gc=False, rename="camel"):
    container_id: str = msgspec.field(default="", name="containerID")


class _State(msgspec.Struct, gc=False):
    running: dict[str, msgspec.Raw] | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(msgspec.Struct, gc=False, rename="camel"):
    name: str
    restart_count: int = 0
    container_id: str = msgspec.field(default="", name="containerID")
    state: _State | None = None
    last_state: _State | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    phase: str = ""
    init_container_statuses: list[_ContainerStatus] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    ephemeral_container_statuses: list[_ContainerStatus] | None = None


class _Container(msgspec.Struct, gc=False):
    name: str


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    node_name: str = ""
    init_containers: list[_Container] | None = None
    containers: list[_Container] | None = None
    ephemeral_containers: list[_Container] | None = None


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    name: str
    namespace: str
    uid: str = ""
    deletion_timestamp: str | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: _Metadata
    spec: _Spec
    status: _Status = msgspec.field(default_factory=_Status)


def parse_pod(body: bytes) -> Pod:
    """Decode a pod. Raises UpstreamProtocolError if the body is not a pod."""
    try:
        decoded = msgspec.json.decode(body, type=_Pod)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server sent a pod that cannot be read: {error}") from error
    metadata, spec = decoded.metadata, decoded.spec
    statuses = list(_statuses(decoded.status))
    listed = (spec.init_containers, spec.containers, spec.ephemeral_containers)
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        node=spec.node_name,
        containers=tuple(container.name for containers in listed for container in containers or ()),
        runs={status.name: run for status in statuses if (run := _run(status)) is not None},
        reported=bool(statuses),
        finished=decoded.status.phase in ("Succeeded", "Failed"),
        leaving=metadata.deletion_timestamp is not None,
    )


def _statuses(status: _Status) -> Iterator[_ContainerStatus]:
    yield from status.init_container_statuses or ()
    yield from status.container_statuses or ()
    yield from status.ephemeral_container_statuses or ()


def _run(status: _ContainerStatus) -> ContainerRun | None:
    """The run whose log the kubelet serves: of a waiting container it is the last run that ended."""
    state, last = status.state or _State(), (status.last_state or _State()).terminated
    previous = last.container_id if last else ""
    number = f"{status.restart_count}"
    if state.terminated is not None:
        return ContainerRun(state.terminated.container_id or status.container_id or number, True, previous)
    if state.running is not None:
        return ContainerRun(status.container_id or number, False, previous)
    return ContainerRun(previous or number, True, previous) if last else None
