"""A subscriber that folds its events and checks each against the guarantees of the informers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from gateway.concurrency import Clock
from gateway.errors import GatewayError
from gateway.informers import EventType, InformerRegistry, ObjectEvent, Scope
from gateway.kube.client import KubeClient
from schema.resources import Resource
from tests.fixtures.waiting import DEADLINE, eventually
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer

__all__ = ["InstantClock", "ManualClock", "Reader", "read", "reading", "until_watched"]


class InstantClock(Clock):
    """A clock that only yields, and records the requested delays."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


class ManualClock(Clock):
    """Time passes when a test says so; chance always gives the longest."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleeping: list[tuple[float, asyncio.Event]] = []

    @property
    def sleeping(self) -> list[float]:
        """How long each sleeper still has to wait."""
        return [until - self.time for until, woken in self._sleeping if not woken.is_set()]

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        entry = (self.time + seconds, woken)
        self._sleeping.append(entry)
        try:
            await woken.wait()
        finally:
            self._sleeping.remove(entry)

    def uniform(self, low: float, high: float) -> float:
        return max(low, high)

    def advance(self, seconds: float) -> None:
        self.time += seconds
        for until, woken in self._sleeping:
            if until <= self.time:
                woken.set()


class Reader:
    """The folded state of one subscriber, and a check of every event.

    ``asked`` is the resource version to resume from, ``known`` the state as of then; ``resets`` permits
    regressing resource versions; ``complete`` rejects objects without data.
    """

    def __init__(
        self,
        known: Mapping[str, ObjectEvent] | None = None,
        *,
        asked: str = "",
        resets: bool = False,
        complete: bool = False,
    ) -> None:
        self.asked = asked
        self.resets = resets
        self.complete = complete
        self.events: list[ObjectEvent] = []
        self.known = dict(known or {})
        self.synced: ObjectEvent | None = None
        self.ended = False
        self.error: GatewayError | None = None
        self._changed = asyncio.Condition()
        self._running = asyncio.Event()
        self._running.set()

    @property
    def types(self) -> list[str]:
        return [item.type.value for item in self.events]

    @property
    def objects(self) -> dict[str, Any]:
        """The objects by key, decoded."""
        return {key: json.loads(item.object or b"") for key, item in self.known.items()}

    @property
    def told(self) -> list[tuple[str, str]]:
        """Type and key of each event."""
        return [(item.type.value, item.key) for item in self.events]

    @property
    def resource_version(self) -> str:
        """Where a client would resume."""
        return self.events[-1].resource_version if self.events else ""

    def pause(self) -> None:
        """Stop reading, as a slow client does."""
        self._running.clear()

    def go_on(self) -> None:
        self._running.set()

    async def run(self, stream: AsyncIterator[ObjectEvent]) -> None:
        try:
            async for event in stream:
                self.take(event)
                async with self._changed:
                    self._changed.notify_all()
                await self._running.wait()
        except GatewayError as error:
            self.error = error
        self.ended = True
        async with self._changed:
            self._changed.notify_all()

    def take(self, event: ObjectEvent) -> None:
        """Fold one event; raises AssertionError if it contradicts the events before it."""
        if self.events:
            before = int(self.events[-1].resource_version)
            assert self.resets or int(event.resource_version) >= before, f"{event} is out of order"
        elif self.asked and (event.type is not EventType.SYNCED or event.resource_version != self.asked):
            # the stream starts anew
            self.known.clear()
        self.events.append(event)
        if event.type is EventType.SYNCED:
            assert self.synced is None, "synced twice"
            self.synced = event
            return
        content = json.loads(event.object or b"")
        assert not self.complete or "data" in content, f"{event} without its data"
        known = self.known.get(event.key)
        # missed changes may collapse with the events that waited at the disconnect
        unsure = bool(self.asked) and event.previous is None
        assert unsure or (known is None) == (event.type is EventType.ADDED), f"{event} after {known}"
        assert known is None or known.uid == event.uid, f"{event} after {known}"
        if event.type is EventType.DELETED:
            self.known.pop(event.key, None)
        else:
            assert known is None or self.resets or is_changed(known, content), f"{event} twice"
            self.known[event.key] = event

    async def until(self, condition: Callable[["Reader"], bool]) -> None:
        """Wait for the condition; AssertionError with all events when the deadline passes."""

        async def wait() -> None:
            async with self._changed:
                await self._changed.wait_for(lambda: condition(self))

        try:
            await asyncio.wait_for(wait(), DEADLINE)
        except TimeoutError:
            raise AssertionError(f"in vain, after {self.told}, {self.error!r}") from None

    async def until_synced(self) -> None:
        await self.until(lambda reader: reader.synced is not None)

    async def until_data(self, **expected: Any) -> None:
        """Wait until these config maps of the default namespace, and no others, have this value ``v``."""
        await self.until(lambda reader: reader.values == expected)

    @property
    def values(self) -> dict[str, Any]:
        return {key.split("/")[-1]: item["data"].get("v") for key, item in self.objects.items()}


def is_changed(known: ObjectEvent, content: Mapping[str, Any]) -> bool:
    """Whether it is another state of the object, and not the same with more of its bytes."""
    before: str = json.loads(known.object or b"")["metadata"]["resourceVersion"]
    after: str = content["metadata"]["resourceVersion"]
    return before != after


@asynccontextmanager
async def read(stream: AsyncIterator[ObjectEvent], reader: Reader | None = None) -> AsyncIterator[Reader]:
    """Read a stream in the background."""
    reader = reader or Reader()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(reader.run(stream))
        yield reader
        task.cancel()


@asynccontextmanager
async def reading(
    registry: InformerRegistry,
    client: KubeClient,
    scope: Scope | None = None,
    *,
    resource: Resource = CONFIG_MAPS,
    reader: Reader | None = None,
    **arguments: Any,
) -> AsyncIterator[Reader]:
    """Subscribe, and read in the background."""
    async with (
        registry.subscribe(client, resource, scope or Scope(), **arguments) as stream,
        read(stream, reader) as running,
    ):
        yield running


async def until_watched(server: ScriptedServer) -> None:
    """Wait until there is one watch upstream."""

    async def watched() -> bool:
        return server.open_watches == 1

    await eventually(watched, "a watch upstream")
