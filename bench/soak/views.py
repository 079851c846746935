"""The subscriptions of the soak, and the fold of a subscription's events, which checks their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NAMESPACES", "VIEWS", "Fold", "View", "Violation"]

NAMESPACES = ("soak-a", "soak-b")
_FIELDS = "metadata { namespace name uid resourceVersion }"


class Violation(Exception):
    """An event that breaks a guarantee of :mod:`gateway.informers`."""


@dataclass(frozen=True, slots=True)
class View:
    """A subscription and the LIST that it must agree with; both have ``arguments``."""

    root: str
    resource: str
    namespace: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    name: str = ""
    more: str = ""

    @property
    def query(self) -> str:
        given = {"namespace": self.namespace, "name": self.name, **dict(self.arguments)}
        parts = [f'{key}: "{value}"' for key, value in given.items() if value]
        if not self.name:
            # a subscription to one object cannot resume
            parts.append("resourceVersion: $version")
        return (
            f"subscription{'' if self.name else '($version: String)'} {{ {self.root}({', '.join(parts)}) "
            f"{{ type object {{ {_FIELDS} {self.more} }} resourceVersion }} }}"
        )

    @property
    def path(self) -> str:
        inside = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"/api/v1{inside}/{self.resource}"

    @property
    def parameters(self) -> Mapping[str, str]:
        return {"fieldSelector": f"metadata.name={self.name}"} if self.name else dict(self.arguments)


_LARGE = " ".join(f"a{number}: data" for number in range(16))
"""Multiplies a large config map to a megabyte, so that a few events exceed the buffers of a socket."""

VIEWS = (
    View("configMaps", "configmaps", "soak-a", more="data"),
    View("configMaps", "configmaps", "soak-a", (("labelSelector", "app=x"),), more=_LARGE),
    View("configMaps", "configmaps", "soak-b", (("labelSelector", "app!=x"),)),
    View("configMaps", "configmaps"),
    View("configMaps", "configmaps", "soak-b", (("fieldSelector", "metadata.name!=c0"),), more="data"),
    View("configMap", "configmaps", "soak-a", name="c1", more="data"),
    View("pods", "pods", "soak-a"),
    View("pods", "pods", "soak-b", (("fieldSelector", "spec.nodeName=node-1"),), more="status { phase }"),
)


class Fold:
    """The objects of a subscriber by key, each with its uid and resource version.

    A fold outlives connections: call :meth:`begin` for each, with the requested resource version.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, str]] = {}
        self.version: str | None = None
        self.synced = False
        self.events = 0
        self.resumed = False
        self._asked: str | None = None
        self._begins = True
        self._last = 0

    def begin(self, asked: str | None) -> None:
        self._asked, self._begins, self._last = asked, True, 0
        self.synced = self.resumed = False

    def take(self, event: Mapping[str, Any]) -> None:
        """Fold one event. Raises Violation if it contradicts the events before it."""
        number = int(event["resourceVersion"])
        if number < self._last:
            raise Violation(f"an event at {number} came after one at {self._last}")
        self._last = number
        if self._begins:
            self._begins = False
            self.resumed = event["type"] == "SYNCED" and event["resourceVersion"] == self._asked
            if not self.resumed:
                self.known.clear()
                self.version = None
        self.events += 1
        if event["type"] == "SYNCED":
            if self.synced:
                raise Violation("SYNCED came twice")
            self.synced = True
        else:
            self._change(event["type"], event["object"]["metadata"])
        if self.synced:
            # versions before SYNCED are no resume points: the set is incomplete
            self.version = event["resourceVersion"]

    def _change(self, kind: str, metadata: Mapping[str, str]) -> None:
        key = f"{metadata['namespace']}/{metadata['name']}"
        now, before = (metadata["uid"], metadata["resourceVersion"]), self.known.get(key)
        if kind == "DELETED":
            if not self.resumed and before is None:
                raise Violation(f"{key} was deleted without having been added")
            self.known.pop(key, None)
            return
        if not self.resumed and (before is None) != (kind == "ADDED"):
            raise Violation(f"{key} was {kind} after {before}")
        if not self.resumed and before == now:
            raise Violation(f"{key} was sent twice at {now}")
        self.known[key] = now
