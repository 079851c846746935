"""What following logs needs to know of a pod: its containers, and which of them have run."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from gateway.errors import UpstreamProtocolError

__all__ = ["ContainerRun", "Pod", "parse_pod"]


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """A container from its start to its end; a restarted one is another, with another ``id``.

    It is the one whose log the kubelet shows. ``previous`` is the id of the one that ended last, empty where
    none has; that is this one itself while the next one waits to start.
    """

    id: str
    ended: bool
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as of one moment. ``containers`` are all of its spec, init containers first.

    ``runs`` has those that have run. ``reported``: its kubelet has told of any container. ``finished``: none
    will ever run again. ``leaving``: it is being deleted.
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
    """A pod from its JSON; raises UpstreamProtocolError where it is none."""
    try:
        decoded = msgspec.json.decode(body, type=_Pod)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(f"the API server sent a pod that cannot be read: {error}") from error
    metadata, spec, status = decoded.metadata, decoded.spec, decoded.status
    statuses = list(_statuses(status))
    listed = (spec.init_containers, spec.containers, spec.ephemeral_containers)
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        node=spec.node_name,
        containers=tuple(each.name for containers in listed for each in containers or ()),
        runs={each.name: run for each in statuses if (run := _run(each)) is not None},
        reported=bool(statuses),
        finished=status.phase in ("Succeeded", "Failed"),
        leaving=metadata.deletion_timestamp is not None,
    )


def _statuses(status: _Status) -> Iterator[_ContainerStatus]:
    yield from status.init_container_statuses or ()
    yield from status.container_statuses or ()
    yield from status.ephemeral_container_statuses or ()


def _run(status: _ContainerStatus) -> ContainerRun | None:
    """The run whose log the kubelet shows: a container that waits shows the one that ended last."""
    state, last = status.state or _State(), (status.last_state or _State()).terminated
    previous = last.container_id if last else ""
    number = f"{status.restart_count}"
    if state.terminated is not None:
        return ContainerRun(state.terminated.container_id or status.container_id or number, True, previous)
    if state.running is not None:
        return ContainerRun(status.container_id or number, False, previous)
    return ContainerRun(previous or number, True, previous) if last else None
