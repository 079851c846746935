"""Random scripts of what can happen to informers, and what must hold whatever happened."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis import strategies as st

from gateway.errors import Gone, SubscriberTooSlow
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import Reader, reading

__all__ = ["MISHAPS", "Step", "World", "random_steps", "run_script", "steps"]

NAMES = ("a", "b", "c", "d", "e")
LABELS = ("", "x", "y")
VIEWS: tuple[Mapping[str, str], ...] = (
    {},
    {"label_selector": "app=x"},
    {"label_selector": "app!=x"},
    {"field_selector": "metadata.name!=a"},
)
WRITES = ("put", "put", "put", "delete", "replace")
MISHAPS = ("disconnect", "stop", "start", "forget", "renew")
READERS = ("pause", "go_on", "leave", "look")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: to the object ``name``, or to the reader number ``reader``."""

    what: str
    name: str = ""
    label: str = ""
    reader: int = 0


def steps(mishaps: Sequence[str] = MISHAPS) -> st.SearchStrategy[list[Step]]:
    """Scripts for Hypothesis to find the shortest one that fails."""
    readers = st.integers(0, len(VIEWS) - 1)
    writes = st.builds(Step, st.sampled_from(WRITES), st.sampled_from(NAMES), st.sampled_from(LABELS))
    others = st.builds(Step, st.sampled_from((*mishaps, *READERS)), reader=readers)
    return st.lists(st.one_of(writes, others), max_size=40)


def random_steps(count: int, seed: int, mishaps: Sequence[str] = MISHAPS) -> list[Step]:
    """One long script."""
    chance = random.Random(seed)
    return [
        Step(
            chance.choice((*WRITES * 4, *READERS * 3, *mishaps)),
            chance.choice(NAMES),
            chance.choice(LABELS),
            chance.randrange(len(VIEWS)),
        )
        for _ in range(count)
    ]


class World(Protocol):
    """An API server and what can happen to it."""

    async def put(self, name: str, label: str) -> None:
        """Create or change a config map; ``label`` is the value of its label ``app``."""

    async def delete(self, name: str) -> None:
        """Delete it, where it exists."""

    async def mishap(self, what: str) -> None:
        """One of ``MISHAPS``."""

    async def recover(self) -> None:
        """Be reachable again."""

    async def state(self) -> Mapping[str, tuple[str, str]]:
        """Resource version and label of each config map, by key."""


@dataclass(slots=True)
class Viewer:
    """One subscriber, who comes back with the resource version of its last event."""

    registry: InformerRegistry
    client: KubeClient
    scope: Scope
    view: Mapping[str, str]
    reader: Reader = field(default_factory=Reader)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def subscribe(self, **resume: Any) -> None:
        arguments: dict[str, Any] = {**self.view, **resume}
        self.stack = AsyncExitStack()
        await self.stack.enter_async_context(
            reading(self.registry, self.client, self.scope, reader=self.reader, **arguments)
        )

    async def come_back(self) -> None:
        """Leave, and resume with what is known; one who was not synced yet begins anew."""
        await self.stack.aclose()
        version = self.reader.resource_version
        if self.reader.synced is None:
            self.reader = Reader()
            await self.subscribe()
        else:
            self.reader = Reader(self.reader.known, asked=version)
            await self.subscribe(resource_version=version)

    async def is_right(self, world: World) -> bool:
        """Whether the folded events are what the API server has."""
        if self.reader.ended:
            assert isinstance(self.reader.error, SubscriberTooSlow | Gone), self.reader.error
            await self.come_back()
        expected = {
            key: version for key, (version, label) in (await world.state()).items() if self.sees(key, label)
        }
        objects = self.reader.objects
        return expected == {key: each["metadata"]["resourceVersion"] for key, each in objects.items()}

    def sees(self, key: str, label: str) -> bool:
        match self.view:
            case {"label_selector": "app=x"}:
                return label == "x"
            case {"label_selector": "app!=x"}:
                return label != "x"
            case {"field_selector": _}:
                return not key.endswith("/a")
        return True


async def run_script(
    world: World, registry: InformerRegistry, client: KubeClient, scope: Scope, script: Sequence[Step]
) -> None:
    """Do all of it with a subscriber for each view; AssertionError where one is wrong at rest."""
    async with AsyncExitStack() as stack:
        viewers = [Viewer(registry, client, scope, view) for view in VIEWS]
        for viewer in viewers:
            await viewer.subscribe()
            stack.push_async_callback(close, viewer)
        down = False
        for step in script:
            if step.what in ("stop", "start"):
                if down != (step.what == "stop"):
                    await world.mishap(step.what)
                down = step.what == "stop"
            elif not (down and step.what in ("leave", "disconnect", "renew")):
                await take(step, world, viewers[step.reader])
        await world.recover()
        for viewer in viewers:
            viewer.reader.go_on()

            async def is_right(viewer: Viewer = viewer) -> bool:
                return await viewer.is_right(world)

            await eventually(is_right, f"the state in {viewer.view}: {viewer.reader.told}")


async def close(viewer: Viewer) -> None:
    await viewer.stack.aclose()


async def take(step: Step, world: World, viewer: Viewer) -> None:
    match step.what:
        case "put":
            await world.put(step.name, step.label)
        case "delete":
            await world.delete(step.name)
        case "replace":
            await world.delete(step.name)
            await world.put(step.name, step.label)
        case "pause":
            viewer.reader.pause()
        case "go_on":
            viewer.reader.go_on()
        case "leave":
            await viewer.come_back()
        case "look":
            await asyncio.sleep(0.002)
        case mishap:
            await world.mishap(mishap)
